"""The publisher to the delay tiers and the dead-letter topic.

The rule: published means acknowledged by the broker; everything else is a refusal, and may be tried again.
The thread here only polls: acknowledgements reach the loop in batches, one call for each turn.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.errors import (
    KafkaUnavailable,
    LimitedLog,
    Troubles,
    is_about_all_brokers,
    is_about_topic,
    is_deadly,
    one_line,
)
from worker.adapters.kafka.topics import Topics
from worker.core.record import Outgoing
from worker.ports import PublishRefused

TURN = 0.1
"""Seconds that the thread waits at most for acknowledgements before it looks whether to end."""

FULL_TIMEOUT = 30.0
"""Seconds that a record may wait for room in the client's queue."""

FLUSH_TIMEOUT = 10.0
"""Seconds that closing waits for acknowledgements."""

OLD = 10.0
"""Seconds after which the list of topics is asked for anew, where somebody asks what is missing."""


_Answer = tuple[asyncio.Future[None], str, KafkaError | None]


class KafkaPublisher:
    """A Publisher; `config` is what `producer_config` made. librdkafka's own log goes to `logger`.

    `on_fatal` is called on the loop, once, when the client is of no use any more: the process must end.
    `on_trouble` hears one line of what may pass.
    """

    def __init__(
        self,
        config: Config,
        *,
        on_fatal: Callable[[str], None],
        on_trouble: Callable[[str], None],
        logger: logging.Logger | None = None,
    ) -> None:
        self._config = config
        self._on_fatal = on_fatal
        self._on_trouble = on_trouble
        self._logger = logger or logging.getLogger("worker.kafka")
        self._topics = Topics()
        self._troubles = Troubles()
        self._answers: list[_Answer] = []  # the thread's, until it hands them over
        self._open: set[asyncio.Future[None]] = set()
        self._room = asyncio.Event()
        self._closing = threading.Event()
        self._producer: Producer | None = None
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[None] | None = None
        self._fatal: str | None = None
        self._refusing: str | None = None
        self._why_away = ""

    @property
    def refusing(self) -> str | None:
        """Why the last record was refused; None once one is taken again."""
        return self._fatal or self._refusing

    async def start(self) -> None:
        """Make the client; it connects by itself. Raise KafkaUnavailable where the settings are no good."""
        self._loop = asyncio.get_running_loop()
        settings: dict[str, Any] = {**self._config, "error_cb": self._on_error}
        try:
            self._producer = producer = Producer(settings, logger=LimitedLog(self._logger))
        except (KafkaException, ValueError, TypeError) as error:
            raise KafkaUnavailable(one_line(error)) from error
        self._ended = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._run, args=(producer,), name="kafka-producer", daemon=True
        )
        self._thread.start()

    async def publish(self, message: Outgoing) -> None:
        """Return when the broker has acknowledged it; raise PublishRefused otherwise."""
        try:
            producer = self._usable()
            if not self._topics.has(message.topic):
                await self._require(producer, message.topic)
            answer = await self._produce(producer, message)
            await answer
        except PublishRefused as refusal:
            self._refusing = str(refusal)
            raise
        self._refusing = None

    async def missing_topics(self, topics: Iterable[str]) -> list[str]:
        """Those of `topics` that do not exist; raise KafkaUnavailable where the broker does not say."""
        if self._producer is None:
            raise KafkaUnavailable("the producer is not running")
        try:
            missing = await self._topics.missing(self._producer, topics, OLD)
        except KafkaUnavailable as error:
            # The question only times out; why nobody answers (a login refused, say) was told aside.
            raise KafkaUnavailable(self._why_away or str(error)) from error
        self._why_away = ""
        return missing

    async def close(self) -> None:
        """Wait for acknowledgements, within FLUSH_TIMEOUT, then refuse the rest; idempotent."""
        self._closing.set()
        self._topics.close()
        if self._ended is not None and self._thread is not None:
            done, _ = await asyncio.wait([self._ended], timeout=FLUSH_TIMEOUT + 1)
            if done:
                self._thread.join()  # telling of its end was the last that it did
        self._refuse_open("closed before it was acknowledged")
        self._producer = None

    def _usable(self) -> Producer:
        if self._fatal is not None:
            raise PublishRefused(self._fatal)
        if self._producer is None or self._closing.is_set():
            raise PublishRefused("the producer is not running")
        return self._producer

    async def _require(self, producer: Producer, topic: str) -> None:
        try:
            missing = await self._topics.missing(producer, [topic], float("inf"))
        except KafkaUnavailable as error:
            raise PublishRefused(f"can't see whether topic {topic} exists: {error}") from error
        if missing:
            raise PublishRefused(f"topic {topic} does not exist")

    async def _produce(self, producer: Producer, message: Outgoing) -> asyncio.Future[None]:
        """Put it in the client's queue, as soon as there is room."""
        try:
            async with asyncio.timeout(FULL_TIMEOUT):
                while True:
                    try:
                        return self._enqueue(producer, message)
                    except BufferError:
                        # Full of records on their way: the next acknowledgement makes room.
                        self._room.clear()
                        await self._room.wait()
                        self._usable()
        except TimeoutError as error:
            raise PublishRefused("the client's queue is full") from error

    def _enqueue(self, producer: Producer, message: Outgoing) -> asyncio.Future[None]:
        answer: asyncio.Future[None] = self._loop.create_future()
        topic, key, value, headers = message
        try:
            producer.produce(
                topic,
                value,
                key,
                headers=list(headers),
                on_delivery=partial(self._on_delivery, answer, topic),
            )
        except KafkaException as error:
            if is_about_topic(error):
                self._topics.forget(topic)
            raise PublishRefused(one_line(error)) from error
        self._open.add(answer)
        answer.add_done_callback(self._open.discard)
        return answer

    # --- the thread ----------------------------------------------------------------------------

    def _run(self, producer: Producer) -> None:
        try:
            while not self._closing.is_set():
                producer.poll(TURN)
                self._hand_over()
            producer.flush(FLUSH_TIMEOUT)
            self._hand_over()
            producer.purge()  # else the client would wait on for what nobody waits for any more
            self._post(self._on_ended, None)
        except BaseException as error:  # nothing may end the thread unheard
            self._post(self._on_ended, one_line(error))

    def _on_delivery(
        self, answer: asyncio.Future[None], topic: str, error: KafkaError | None, _: Message
    ) -> None:
        self._answers.append((answer, topic, error))

    def _on_error(self, error: KafkaError) -> None:
        text = one_line(error)
        if not is_about_all_brokers(error):
            self._why_away = text
        if is_deadly(error):
            self._post(self._fail, text)
        elif self._troubles.is_news(text, time.monotonic()):
            self._post(self._on_trouble, text)

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
        for answer, topic, error in answers:
            if error is not None and is_about_topic(error):
                self._topics.forget(topic)
            if answer.done():
                continue
            if error is None:
                answer.set_result(None)
            else:
                answer.set_exception(PublishRefused(one_line(error)))

    def _fail(self, text: str) -> None:
        if self._fatal is None:
            self._fatal = text
            self._refuse_open(text)
            self._on_fatal(text)

    def _on_ended(self, error: str | None) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        if error is not None:
            self._fail(f"the producer's thread ended: {error}")

    def _refuse_open(self, text: str) -> None:
        self._room.set()
        for answer in tuple(self._open):
            if not answer.done():
                answer.set_exception(PublishRefused(text))
