"""A producer of librdkafka for batches, polled by the loop itself.

The rule: a batch is published when all of it is acknowledged. No thread polls: each acknowledgement would
take the interpreter's lock from the loop, which costs several times as much as the record. The loop's calls
of the client never wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Message

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.delivery_reports import DeliveryReports
from worker.adapters.kafka.errors import LimitedLog, one_line
from worker.adapters.kafka.producing import (
    ANY_PARTITION,
    CLOSED_BEFORE_ACKNOWLEDGED,
    FLUSH_TIMEOUT_SECONDS,
    FULL_TIMEOUT_SECONDS,
    NOT_RUNNING,
    QUEUE_FULL,
    ClientRefused,
    UnackedRecords,
    new_producer,
)
from worker.core.record import Outgoing
from worker.ports import BatchRefused, PublishRefused

BUSY_SECONDS, IDLE_SECONDS = 0.005, 0.5
"""Seconds between two polls: while acknowledgements are awaited, and otherwise (for the client's errors)."""


class _Batch:
    """Awaits the acknowledgements of one batch."""

    __slots__ = ("answer", "awaited", "refusal_of", "refused", "reported", "taken_back", "why")

    def __init__(self, answer: asyncio.Future[None], reports: DeliveryReports) -> None:
        self.answer = answer
        self.refusal_of = reports.refusal_of
        self.awaited = -1
        """How many acknowledgements there must be; -1 until the client has all records."""
        self.reported = 0
        self.refused: set[bytes | None] = set()
        """The values of refused records."""
        self.why: KafkaError | None = None
        self.taken_back = False

    def on_delivery(self, error: KafkaError | None, message: Message) -> None:
        """Take the report of one record."""
        if (why := self.refusal_of(error, message)) is not None:
            self.why = why
            self.taken_back |= why.code() == KafkaError._PURGE_QUEUE  # noqa: SLF001 - public, as all codes are
            self.refused.add(message.value())
        self.reported += 1
        if self.reported == self.awaited and not self.answer.done():
            self.answer.set_result(None)


class BatchProducer:
    """Publishes batches with one client; make it on the loop. `config` is made by `producer_config`.

    `on_error` hears the client's errors, `on_broken` that it can't be polled any more; both on the loop.
    """

    def __init__(
        self,
        config: Config,
        log: LimitedLog,
        *,
        on_error: Callable[[KafkaError], None],
        on_broken: Callable[[str], None],
    ) -> None:
        self.client = new_producer({**config, "error_cb": on_error}, log)
        self._loop = asyncio.get_running_loop()
        self._on_broken = on_broken
        self._reports = DeliveryReports()
        self._open = UnackedRecords()
        self._room = asyncio.Event()
        self._closing = False
        self._timer = self._loop.call_later(IDLE_SECONDS, self._poll)
        self._is_busy = False

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return when the broker has acknowledged all of them, of one topic; raise BatchRefused if not."""
        batch = _Batch(self._loop.create_future(), self._reports)
        self._open.add(batch.answer)
        try:
            refused, refusal = await self._hand_over(messages, batch)
            batch.awaited = len(messages) - len(refused)
            self._look_soon()
            if batch.reported != batch.awaited:
                await batch.answer
        except PublishRefused as error:  # it is unknown which of them are on the topic
            raise BatchRefused(str(error), messages) from error
        finally:
            self._open.discard(batch.answer)
        if batch.why is not None:
            refusal = ClientRefused(batch.why)
            refused += [message for message in messages if message.value in batch.refused]
        if refusal is not None:
            raise BatchRefused(str(refusal), refused, taken_back=batch.taken_back) from refusal

    def take_back(self) -> None:
        """Take back from the client what it is not sending; whoever awaits it soon hears so."""
        self.client.purge(in_queue=True, in_flight=False, blocking=False)
        self._look_soon()

    def refuse_open(self, text: str) -> None:
        """Refuse what has no answer yet; whoever waits for room looks again."""
        self._room.set()
        self._open.refuse(text)

    async def close(self) -> None:
        """Wait for acknowledgements, within FLUSH_TIMEOUT_SECONDS, then refuse the rest; idempotent."""
        self._closing = True
        ends_at = self._loop.time() + FLUSH_TIMEOUT_SECONDS
        while self._open and len(self.client) and self._loop.time() < ends_at:  # noqa: ASYNC110 - it is polled
            await asyncio.sleep(BUSY_SECONDS)
        self._timer.cancel()
        self.client.purge()  # else the client would go on waiting, though nobody else does
        self.refuse_open(CLOSED_BEFORE_ACKNOWLEDGED)

    async def _hand_over(
        self, messages: Sequence[Outgoing], batch: _Batch
    ) -> tuple[list[Outgoing], PublishRefused | None]:
        """Hand the records to the client as it has room; return those that it refuses, and why."""
        refused: list[Outgoing] = []
        refusal: PublishRefused | None = None
        for at, message in enumerate(messages):
            try:
                try:
                    self._enqueue(message, batch)
                except BufferError:
                    await self._when_room(message, batch)
            except ClientRefused as error:
                refusal = error
                refused.append(message)
            except PublishRefused as error:  # no room, or closed
                return [*refused, *messages[at:]], error
        return refused, refusal

    async def _when_room(self, message: Outgoing, batch: _Batch) -> None:
        """Hand over a record once the client's full queue has room: the next acknowledgement makes some."""
        try:
            async with asyncio.timeout(FULL_TIMEOUT_SECONDS):
                while True:
                    self._look_soon()
                    self._room.clear()
                    await self._room.wait()
                    with contextlib.suppress(BufferError):
                        return self._enqueue(message, batch)
        except TimeoutError as error:
            raise PublishRefused(QUEUE_FULL) from error

    def _enqueue(self, message: Outgoing, batch: _Batch) -> None:
        if self._closing:
            raise PublishRefused(NOT_RUNNING)
        topic, key, value, headers, partition = message
        at = ANY_PARTITION if partition is None else partition
        try:
            if headers:
                self.client.produce(topic, value, key, at, batch.on_delivery, headers=list(headers))
            else:  # an empty list would cost half as much again
                self.client.produce(topic, value, key, at, batch.on_delivery)
        except KafkaException as error:
            raise ClientRefused(error, at_once=True) from error

    def _look_soon(self) -> None:
        if not self._is_busy:
            self._is_busy = True
            self._timer.cancel()
            self._timer = self._loop.call_later(BUSY_SECONDS, self._poll)

    def _poll(self) -> None:
        """Let the client deliver what it has heard."""
        try:
            if self.client.poll(0):
                self._room.set()
        except Exception as error:
            self._on_broken(f"the producer can't be polled: {one_line(error)}")
        self._is_busy = bool(self._open)
        self._timer = self._loop.call_later(BUSY_SECONDS if self._is_busy else IDLE_SECONDS, self._poll)
