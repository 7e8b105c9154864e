"""Publishes many records to one topic, from a command that waits for them: no event loop, no thread.

The rule: an acknowledged record is on the topic (`acks=all`), a refused one is not, and any other that the
client was handed is reported as unknown. It waits for the broker as long as it takes, with bounded queues.
After the first refusal it takes nothing more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from worker.adapters.kafka.config import QUIET, Config, alone, fitted, message_limit
from worker.adapters.kafka.delivery_reports import DeliveryReports
from worker.adapters.kafka.error_causes import ErrorCauses
from worker.adapters.kafka.errors import TOO_LARGE, kafka_error, may_be_there, one_line, refusal_line
from worker.adapters.kafka.producing import ANY_PARTITION, new_producer
from worker.core.record import Header, Outgoing
from worker.core.record_size import size_of, too_large, too_large_for_client
from worker.ports import PublishRefused

MOST_WAITING_BYTES = 64 * 1024 * 1024
"""Most bytes that wait in the client for an acknowledgement, unless the settings say otherwise."""

MOST_UNKNOWN_RECORDS = 10_000
"""Most records that wait there, and so the most that can be unknown in the end."""

TURN_SECONDS = 0.2
"""Seconds of one wait; between two of them it checks whether to stop."""

PATIENCE_SECONDS = 2.0
"""Seconds that closing waits for outstanding answers."""

CONNECTING_SECONDS = 0.05
"""Seconds of polling before the first record: one produced before the producer id is there waits 0.5 s."""

WAITING_AFTER_SECONDS = 5.0
"""Seconds without an answer before a line says that it waits for the broker, and why."""

SAID_EVERY_SECONDS = 30.0
"""Seconds between two such lines."""


class PublishStopped(Exception):
    """It was told to stop before everything was acknowledged."""


class RecordName(NamedTuple):
    """Where a record comes from, in an operator's words: `line 7`, `dead letter 0/17`."""

    of: str
    number: int

    def __str__(self) -> str:
        return f"{self.of}{self.number}"


class _Handed(NamedTuple):
    name: RecordName
    message: Outgoing


class BulkPublisher:
    """Publishes to `topic`, which must exist; `config` is made by `producer_config`.

    `limit` is the topic's `max.message.bytes`, None where it is unknown. `stop` is asked while it waits, and
    `on_waiting` hears why it does.
    """

    def __init__(
        self,
        config: Config,
        topic: str,
        *,
        limit: int | None = None,
        stop: Callable[[], bool] = lambda: False,
        on_waiting: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.acknowledged = 0
        self.refused: list[RecordName] = []
        self.last: RecordName | None = None
        """The last record that the client was handed."""
        self._topic = topic
        self._limit = limit
        self._stop = stop
        self._on_waiting = on_waiting
        self._refusal: str | None = None
        self._open: dict[int, _Handed] = {}  # by number; no answer yet
        self._lost: list[RecordName] = []  # answered, but it is unknown whether they are on the topic
        self._came_back: list[int] = []  # refused in a batch that was too large
        self._sent_alone: set[int] = set()
        self._handed = 0
        self._causes = ErrorCauses()
        self._reports = DeliveryReports()
        self._heard_at = self._said_at = float("-inf")
        bounded: Config = {
            "queue.buffering.max.kbytes": MOST_WAITING_BYTES // 1024,
            "queue.buffering.max.messages": MOST_UNKNOWN_RECORDS,
            **config,
        }
        # With a listener and at this level the client itself writes nothing to stderr.
        hearing: dict[str, Any] = {**QUIET, "error_cb": self._causes.hear}
        self._config: dict[str, Any] = {**fitted(bounded, limit), **hearing}
        self._batches = new_producer(self._config)
        if self._config.get("enable.idempotence"):
            self._batches.poll(CONNECTING_SECONDS)
        self._alone: Producer | None = None

    @property
    def unknown(self) -> list[RecordName]:
        """Records that the client was handed and that have no clear answer: they may be on the topic."""
        return [*self._lost, *(handed.name for handed in self._open.values())]

    @property
    def handed(self) -> int:
        """How many the client was handed: acknowledged, refused or unknown."""
        return self.acknowledged + len(self.refused) + len(self._lost) + len(self._open)

    def send(
        self,
        name: RecordName,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[Header] = (),
        partition: int | None = None,
    ) -> None:
        """Send a record, waiting for room as long as it takes; without `partition`, its key decides.

        Raises PublishRefused if this or an earlier record was refused, and PublishStopped.
        """
        handed = _Handed(name, Outgoing(self._topic, key, value, headers, partition))
        self._turn(0)
        while not self._hand_over(handed):
            if not self._open:
                raise PublishRefused(f"{name}: is larger than the client's queue")
            self._turn(TURN_SECONDS)

    def settle(self) -> None:
        """Return when all records are acknowledged, however long that takes.

        Raises PublishRefused for the first refusal, and PublishStopped.
        """
        while self._open:
            self._look(TURN_SECONDS)
            if self._stop():
                raise PublishStopped
        self._raise_refusal()

    def close(self) -> None:
        """Wait up to PATIENCE_SECONDS for outstanding answers; what is unknown then stays unknown."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._open and time.monotonic() < deadline:
            self._look(TURN_SECONDS)

    # --- handing over --------------------------------------------------------------------------

    def _hand_over(self, handed: _Handed) -> bool:
        """Hand a record to the client; False if it has no room."""
        number = self._handed
        self._open[number] = handed  # first, so that an interrupt at any point forgets no record
        try:
            self._produce(self._batches, number)
        except BufferError:
            del self._open[number]
            return False
        except KafkaException as error:
            del self._open[number]
            raise PublishRefused(f"{handed.name}: {self._at_once(handed.message, error)}") from error
        if len(self._open) == 1:
            self._heard_at = time.monotonic()  # the wait begins
        self._handed += 1
        self.last = handed.name
        return True

    def _produce(self, producer: Producer, number: int) -> None:
        topic, key, value, headers, partition = self._open[number].message
        report = partial(self._on_report, number)
        to = ANY_PARTITION if partition is None else partition
        producer.produce(topic, value, key, to, headers=list(headers), on_delivery=report)

    def _send_alone(self) -> None:
        """Send again, alone, what came back because it or its batch was too large."""
        while self._came_back:
            if self._alone is None:
                self._alone = new_producer({**alone(self._config), "error_cb": self._causes.hear})
            try:
                self._produce(self._alone, self._came_back[-1])
            except BufferError:
                return
            self._sent_alone.add(self._came_back.pop())

    # --- hearing -------------------------------------------------------------------------------

    def _turn(self, wait: float) -> None:
        self._look(wait)
        if self._stop():
            raise PublishStopped
        self._raise_refusal()

    def _look(self, wait: float) -> None:
        """Take answers for up to `wait` seconds; say so if none has come for long."""
        self._batches.poll(0 if self._alone is not None else wait)
        if self._came_back:
            self._send_alone()
        if self._alone is not None:
            self._alone.poll(wait)
        if wait and self._open:
            self._say_waiting(time.monotonic())

    def _on_report(self, number: int, error: KafkaError | None, message: Message) -> None:
        self._heard_at = time.monotonic()
        error = self._reports.refusal_of(error, message)
        if error is None:
            self._causes.forget()
            del self._open[number]
            self.acknowledged += 1
        elif error.code() in TOO_LARGE and number not in self._sent_alone:
            self._came_back.append(number)
        else:
            self._give_up(self._open.pop(number), error)

    def _give_up(self, handed: _Handed, error: KafkaError) -> None:
        if may_be_there(error):
            self._lost.append(handed.name)
        else:
            self.refused.append(handed.name)
        if self._refusal is None:
            is_size = error.code() in TOO_LARGE
            text = (
                too_large(self._topic, size_of(handed.message), self._limit)
                if is_size
                else refusal_line(error)
            )
            self._refusal = f"{handed.name}: {text}"

    def _at_once(self, message: Outgoing, error: KafkaException) -> str:
        """Why the client itself refuses a record."""
        cause = kafka_error(error)
        if cause is not None and cause.code() in TOO_LARGE:
            return too_large_for_client(self._topic, size_of(message), message_limit(self._config))
        return one_line(error)

    def _say_waiting(self, now: float) -> None:
        if now - self._heard_at >= WAITING_AFTER_SECONDS and now - self._said_at >= SAID_EVERY_SECONDS:
            self._said_at = now
            self._on_waiting(self._causes.line() or "it does not answer")

    def _raise_refusal(self) -> None:
        if self._refusal is not None:
            raise PublishRefused(self._refusal)
