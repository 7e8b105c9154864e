"""The generator: a shop that publishes conversions, and logs which ones Kafka has acknowledged.

The rule: an event is in the log only once it is acknowledged, and each is published once (idempotence), but
for the copies that are made of it on purpose, and what a producer was not answered that had to be replaced.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from tests.chaos.logs import SENT, Log, Sent
from tests.chaos.networks import fields_of
from tests.support.background import Background
from worker.adapters.kafka.hearing import ClientHearing

# Shares of the events that get a 400 for ever, a 500 at first, and that are no conversions at all.
KINDS = {"-poison": 0.01, "-once": 0.08, "-invalid": 0.01}
COPIES = 0.05
"""Share of the events that are published twice, a third of these thrice: at once, or some seconds later."""
LATER = 8.0
"""Seconds within which a copy follows."""
BIG = 0.005
"""Share of the events, of whatever kind, that are big."""
SMALLEST, LARGEST, LARGEST_TEXT = 100_000, 900_000, 3_000_000
"""Bytes of a big one: of noise, or of text, of which the codec leaves little."""
MOST_BYTES = 2_000_000
"""What the source topic takes of a compressed batch."""
TURN = 0.02  # seconds between two handfuls
FLUSHED_WITHIN = 120.0
LOOK_SECONDS = 5.0  # between two looks, while all is flushed, whether the producer is deaf
SETTINGS: dict[str, str | int | float | bool] = {
    "enable.idempotence": True,
    "linger.ms": 5,
    "compression.type": "lz4",
    "message.max.bytes": 2 * LARGEST_TEXT,
    "batch.size": MOST_BYTES // 2,
    "delivery.timeout.ms": 600_000,
    "reconnect.backoff.max.ms": 1_000,
    "topic.metadata.refresh.interval.ms": 2_000,
    "partitioner": "murmur2_random",
    "log_level": 0,
}


class _Asked(NamedTuple):
    """What was given to the producer: an event, its partition or -1, and how often to publish it again."""

    event: str
    partition: int
    copies: int


class Generator(Background):
    """Publishes events by name; as a context manager `rate` a second in a thread, a share of them `big`.

    A share of `copies` are published again. A producer that hears no broker any more, after one came back, is
    replaced, and what it was not answered is published again, too.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        folder: Path,
        *,
        rate: float = 0.0,
        big: float = 0.0,
        copies: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__("generator")
        self._topic = topic
        self._rate = rate
        self._big = big
        self._copies = copies
        self._copies_due: list[tuple[float, str, int]] = []
        self.busy = 0.0
        """Share of the events that the partner is too busy for."""
        self._random = random.Random(seed)
        self._log = Log(folder / SENT)
        self._number = 0
        self._refused: list[str] = []
        self._turn = threading.Lock()
        self._settings: dict[str, str | int | float | bool] = {**SETTINGS, "bootstrap.servers": bootstrap}
        self._producer = Producer(self._settings)
        self._hearing = ClientHearing(self._settings)
        self._unanswered: dict[int, _Asked] = {}
        self._numbers = count()

    def publish(self, events: Iterable[str], partition: int = -1) -> None:
        """Publish events by name and return when each is acknowledged; raise AssertionError otherwise."""
        for event in events:
            self._produce(event, partition)
        self.flush()

    def flush(self) -> None:
        """Return when everything is acknowledged; raise AssertionError otherwise."""
        deadline = time.monotonic() + FLUSHED_WITHIN
        while self._producer.flush(LOOK_SECONDS) and time.monotonic() < deadline:
            self._hear()
        if self._unanswered or self._refused:
            left = len(self._unanswered)
            raise AssertionError(f"{left} events unanswered, refused: {self._refused[:3]}")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Publish nothing within; all is acknowledged. Goes on as a producer that was started anew."""
        with self._turn:
            self.flush()
            yield
            self._producer = Producer(self._settings)

    def stop(self) -> None:
        """Publish no more, and wait for acknowledgements; idempotent."""
        is_running = self._thread.is_alive()
        super().stop()
        if is_running:
            self.flush()

    def _run(self) -> None:
        start = time.monotonic()
        while not self._over.wait(TURN):
            with self._turn:
                while self._number < (time.monotonic() - start) * self._rate:
                    self._produce(self._name(), copies=self._draw_copies())
                while self._copies_due and self._copies_due[0][0] <= time.monotonic():
                    _, event, partition = heappop(self._copies_due)
                    self._produce(event, partition)
                self._producer.poll(0)
                self._hear()

    def _hear(self) -> None:
        """Replace the producer if it waits for answers, and is deaf."""
        if self._unanswered and self._hearing.is_deaf(self._producer, self._topic):
            again = list(self._unanswered.values())
            self._unanswered.clear()
            self._producer = Producer(self._settings)
            for asked in again:
                self._produce(*asked)

    def _draw_copies(self) -> int:
        """How often an event is published again."""
        return self._random.choice((1, 1, 2)) if self._random.random() < self._copies else 0

    def _name(self) -> str:
        self._number += 1
        size = "-big" if self._random.random() < self._big else ""
        chance = self._random.random()
        for kind, share in {**KINDS, "-busy": self.busy}.items():
            if chance < share:
                return f"e{self._number}{size}{kind}"
            chance -= share
        return f"e{self._number}{size}"

    def _produce(self, event: str, partition: int = -1, copies: int = 0) -> None:
        number = next(self._numbers)
        self._unanswered[number] = _Asked(event, partition, copies)
        report = partial(self._on_report, number)
        self._producer.produce(self._topic, value_of(event), f"click-{event}".encode(), partition, report)

    def _on_report(self, number: int, error: KafkaError | None, message: Message) -> None:
        asked = self._unanswered.pop(number, None)
        if asked is None:  # of a producer that was replaced
            return
        event, _, copies = asked
        self._hearing.heard(time.monotonic())
        if error is not None:
            self._refused.append(f"{event}: {error}")
            return
        now, (_, made) = time.monotonic(), message.timestamp()
        for _ in range(copies):  # where it lies: a topic that grows gives its key another partition
            later = self._random.choice((0.0, self._random.uniform(0.0, LATER)))
            heappush(self._copies_due, (now + later, event, message.partition() or 0))
        made_at = (made + 1) / 1000 - time.time() + now  # cut to milliseconds
        self._log.write(
            Sent(event, self._topic, message.partition() or 0, message.offset() or 0, now, made_at)
        )


def value_of(event: str) -> bytes:
    """The value of an event; one that is `…-invalid` lacks what the contract asks for, but its name."""
    fields = {"event_id": event, **fields_of(event)}
    if not event.endswith("-invalid"):
        now = datetime.now(UTC).isoformat()
        fields |= {"click_id": f"click-{event}", "payout": "49.99", "occurred_at": now}
    if "-big" in event:
        fields["basket"] = _padding(random.Random(event))
    return json.dumps(fields).encode()


def _padding(chance: random.Random) -> str:
    """Make noise that no codec makes smaller, or much text of which little is left."""
    if chance.random() < 0.5:
        return chance.randbytes(chance.randrange(SMALLEST, LARGEST) // 2).hex()
    return "one more of the same; " * (chance.randrange(SMALLEST, LARGEST_TEXT) // 22)


def event_of(value: bytes | None) -> str:
    """The name of an event, from its value."""
    return str(json.loads(value or b"{}").get("event_id", ""))
