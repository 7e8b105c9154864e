"""The generator: a shop that publishes conversions, and logs which ones Kafka has acknowledged.

The rule: an event is in the log only once it is acknowledged, and each is published once (idempotence).
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, Message, Producer

from tests.chaos.logs import SENT, Log, Sent

# Shares of the events that get a 400 for ever, a 500 at first, and that are no conversions at all.
KINDS = {"-poison": 0.01, "-once": 0.08, "-invalid": 0.01}
TURN = 0.02  # seconds between two handfuls
FLUSHED_WITHIN = 30.0


class Generator:
    """Publishes events named `{stem}{number}{kind}`; as a context manager at `rate` a second in a thread."""

    def __init__(self, bootstrap: str, topic: str, folder: Path, *, rate: float = 0.0, seed: int = 0) -> None:
        self._topic = topic
        self._rate = rate
        self._random = random.Random(seed)
        self._log = Log(folder / SENT)
        self._number = 0
        self._refused: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="generator", daemon=True)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "linger.ms": 5,
                "delivery.timeout.ms": 120_000,
                "reconnect.backoff.max.ms": 1_000,
                "topic.metadata.refresh.interval.ms": 2_000,
                "partitioner": "murmur2_random",
                "log_level": 0,
            }
        )

    def publish(self, events: Iterable[str], partition: int = -1) -> None:
        """Publish events by name and return when each is acknowledged; raise AssertionError otherwise."""
        for event in events:
            self._produce(event, partition)
        self.flush()

    def flush(self) -> None:
        """Return when everything is acknowledged; raise AssertionError otherwise."""
        left = self._producer.flush(FLUSHED_WITHIN)
        if left or self._refused:
            raise AssertionError(f"{left} events unanswered, refused: {self._refused[:3]}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Publish no more, and wait for acknowledgements; idempotent."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
            self.flush()

    def _run(self) -> None:
        start = time.monotonic()
        while not self._over.wait(TURN):
            while self._number < (time.monotonic() - start) * self._rate:
                self._produce(self._name())
            self._producer.poll(0)

    def _name(self) -> str:
        self._number += 1
        chance = self._random.random()
        for kind, share in KINDS.items():
            if chance < share:
                return f"e{self._number}{kind}"
            chance -= share
        return f"e{self._number}"

    def _produce(self, event: str, partition: int = -1) -> None:
        self._producer.produce(
            self._topic,
            value_of(event),
            f"click-{event}".encode(),
            partition,
            partial(self._on_report, event),
        )

    def _on_report(self, event: str, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._refused.append(f"{event}: {error}")
            return
        self._log.write(Sent(event, message.partition() or 0, message.offset() or 0, time.monotonic()))


def value_of(event: str) -> bytes:
    """The value of an event; one that is `…-invalid` lacks what the contract asks for, but its name."""
    fields = {"event_id": event}
    if not event.endswith("-invalid"):
        now = datetime.now(UTC).isoformat()
        fields |= {"click_id": f"click-{event}", "event": "purchase", "payout": "49.99", "occurred_at": now}
    return json.dumps(fields).encode()


def event_of(value: bytes | None) -> str:
    """The name of an event, from its value."""
    return str(json.loads(value or b"{}").get("event_id", ""))
