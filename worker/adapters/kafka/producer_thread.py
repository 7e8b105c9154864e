"""A producer of librdkafka, with a thread that polls it.

The rule: published means acknowledged by the broker. The thread only polls; acknowledgements reach the loop
in batches, one call per turn.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

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
from worker.ports import PublishRefused

TURN_SECONDS = 0.1
"""Most seconds that the thread waits for acknowledgements before it checks whether to end."""

_Answer = tuple[asyncio.Future[None], KafkaError | None]


class ProducerThread:
    """Publishes with one client; `config` is made by `producer_config`.

    `on_error` is called by a thread of the client; `on_broken` on the loop, if the polling thread broke.
    """

    def __init__(
        self,
        config: Config,
        log: LimitedLog,
        *,
        on_error: Callable[[KafkaError], None],
        on_broken: Callable[[str], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_broken = on_broken
        self._answers: list[_Answer] = []  # the thread's own, until it hands them over
        self._reports = DeliveryReports()  # the thread's own
        self._open = UnackedRecords()
        self._room = asyncio.Event()
        self._closing = threading.Event()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self.client = new_producer({**config, "error_cb": on_error}, log)
        self._thread = threading.Thread(target=self._run, name="kafka-producer", daemon=True)
        self._thread.start()

    async def publish(self, message: Outgoing) -> None:
        """Return when the broker has acknowledged it; raise PublishRefused otherwise."""
        await (await self._produce(message))

    def refuse_open(self, text: str) -> None:
        """Refuse what has no answer yet; whoever waits for room looks again."""
        self._room.set()
        self._open.refuse(text)

    async def close(self) -> None:
        """Wait for acknowledgements, within FLUSH_TIMEOUT_SECONDS, then refuse the rest; idempotent."""
        self._closing.set()
        done, _ = await asyncio.wait([self._ended], timeout=FLUSH_TIMEOUT_SECONDS + 1)
        if done:
            self._thread.join()  # reporting its end was the last thing it did
        self.refuse_open(CLOSED_BEFORE_ACKNOWLEDGED)

    async def _produce(self, message: Outgoing) -> asyncio.Future[None]:
        """Put it in the client's queue as soon as there is room."""
        try:
            async with asyncio.timeout(FULL_TIMEOUT_SECONDS):
                while True:
                    if self._closing.is_set():
                        raise PublishRefused(NOT_RUNNING)
                    try:
                        return self._enqueue(message)
                    except BufferError:
                        # Full of records on their way: the next acknowledgement makes room.
                        self._room.clear()
                        await self._room.wait()
        except TimeoutError as error:
            raise PublishRefused(QUEUE_FULL) from error

    def _enqueue(self, message: Outgoing) -> asyncio.Future[None]:
        answer: asyncio.Future[None] = self._loop.create_future()
        topic, key, value, headers, partition = message
        at = ANY_PARTITION if partition is None else partition
        try:
            self.client.produce(
                topic, value, key, at, headers=list(headers), on_delivery=partial(self._on_delivery, answer)
            )
        except KafkaException as error:
            raise ClientRefused(error, at_once=True) from error
        self._open.add(answer)
        answer.add_done_callback(self._open.discard)
        return answer

    # --- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self.client.poll(TURN_SECONDS)
                self._hand_over()
            self.client.flush(FLUSH_TIMEOUT_SECONDS)
            self._hand_over()
            self.client.purge()  # else the client would go on waiting, though nobody else does
            self._post(self._on_end, None)
        except BaseException as error:  # nothing may end the thread unheard
            self._post(self._on_end, one_line(error))

    def _on_delivery(self, answer: asyncio.Future[None], error: KafkaError | None, message: Message) -> None:
        self._answers.append((answer, self._reports.refusal_of(error, message)))

    def _hand_over(self) -> None:
        if self._answers:
            answers, self._answers = self._answers, []
            self._post(self._settle, answers)

    def _post(self, call: Callable[[Any], None], argument: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, argument)
        except RuntimeError:  # the loop is closed: nobody waits any more
            self._closing.set()

    # --- on the loop, told by the thread -------------------------------------------------------

    def _settle(self, answers: list[_Answer]) -> None:
        self._room.set()
        for answer, error in answers:
            if answer.done():
                continue
            if error is None:
                answer.set_result(None)
            else:
                answer.set_exception(ClientRefused(error))

    def _on_end(self, error: str | None) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
        if error is not None:
            self._on_broken(f"the producer's thread ended: {error}")
