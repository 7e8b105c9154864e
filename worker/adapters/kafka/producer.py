"""The publisher to the worker's own topics.

The rule: published means acknowledged by the broker; everything else is a refusal, and may be tried again. A
record whose batch was refused as too large is sent again alone, compressed: no batch holds up a record that
its topic takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from confluent_kafka import KafkaError, Producer

from worker.adapters.kafka.batch_producer import BatchProducer
from worker.adapters.kafka.config import Config, alone, fitted, in_bulk, message_limit
from worker.adapters.kafka.error_causes import ErrorCauses
from worker.adapters.kafka.errors import (
    KafkaUnavailable,
    LimitedLog,
    is_about_topic,
    is_deadly,
    one_line,
)
from worker.adapters.kafka.message_limits import TopicLimits
from worker.adapters.kafka.metadata import Topics
from worker.adapters.kafka.producer_thread import ProducerThread
from worker.adapters.kafka.producing import ClientRefused, all_within
from worker.core.record import Outgoing
from worker.core.record_size import size_of, too_large, too_large_for_client
from worker.core.repeated_troubles import RepeatedTroubles
from worker.ports import BatchRefused, PublishRefused

OLD_SECONDS = 2.0
"""Seconds after which a question for missing topics asks for the list anew."""


class KafkaPublisher:
    """A Publisher; `config` is made by `producer_config`. librdkafka's own log goes to `logger`.

    `on_fatal` is called on the loop, once, when the client is dead: the process must end. `on_trouble` hears
    one line about what may pass. `limits` knows how large a record the topics take.
    """

    def __init__(
        self,
        config: Config,
        *,
        on_fatal: Callable[[str], None],
        on_trouble: Callable[[str], None],
        limits: TopicLimits | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        self._config = config
        self._on_fatal = on_fatal
        self._on_trouble = on_trouble
        self._limits = limits
        self._log = LimitedLog(logger or logging.getLogger("worker.kafka"))
        self._topics = Topics()
        self._troubles = RepeatedTroubles()
        self._threads: list[ProducerThread] = []
        self._alone: ProducerThread | None = (
            None  # sends what came back from a batch that was too large, and asks for topics
        )
        self._bulk: BatchProducer | None = None
        self._smallest: int | None = None  # the smallest limit of the topics, if known
        self._former: set[asyncio.Future[list[None]]] = set()  # replaced clients that are ending
        self._batching: asyncio.Task[ProducerThread] | None = None
        self._closing = False
        self._fatal: str | None = None
        self._causes = ErrorCauses()
        self._unauthorized: dict[str, str] = {}  # topics, and the broker's words

    async def start(self) -> None:
        """Make a client; it connects by itself. Raise KafkaUnavailable for bad settings."""
        self._loop = asyncio.get_running_loop()
        self._alone = self._thread(alone(self._config))

    async def publish(self, message: Outgoing) -> None:
        """Return when the broker has acknowledged it; raise PublishRefused otherwise."""
        client = self._usable().client
        if not self._topics.has(message.topic):
            await self._require(client, message.topic)
        batches = await self._batches()
        self._usable()
        message = message.within(self._topics.partitions(message.topic))
        try:
            await batches.publish(message)
        except ClientRefused as refusal:
            if not refusal.is_too_large:
                self._forget(message.topic, refusal)
                raise
            await self._publish_alone(message)

    async def publish_batch(self, messages: Sequence[Outgoing]) -> None:
        """Return when the broker has acknowledged all of them, of one topic; raise BatchRefused if not."""
        try:
            await self._publish_batch(messages)
        except PublishRefused as refusal:
            if isinstance(refusal, BatchRefused):
                raise
            raise BatchRefused(str(refusal), messages) from refusal

    def take_back(self) -> None:
        """Refuse, as taken back, those records of batches that are not on their way to a broker."""
        if self._bulk is not None:
            self._bulk.take_back()

    async def missing_topics(self, topics: Iterable[str]) -> list[str]:
        """Those of `topics` that do not exist; raise KafkaUnavailable if the broker does not answer."""
        if self._alone is None:
            raise KafkaUnavailable("the producer is not running")
        try:
            missing = await self._topics.missing(self._alone.client, topics, OLD_SECONDS)
        except KafkaUnavailable as error:
            # The question only times out; why (a refused login, say) the client reported separately.
            raise KafkaUnavailable(self._causes.line() or str(error)) from error
        self._causes.forget()
        return missing

    @property
    def partition_counts(self) -> Mapping[str, int]:
        """How many partitions each topic had when last asked; does no I/O."""
        return self._topics.seen

    @property
    def clients(self) -> list[Producer]:
        """The clients that publish now."""
        bulk = [] if self._bulk is None else [self._bulk.client]
        return [*(thread.client for thread in self._threads), *bulk]

    def relogin(self, username: str, password: str) -> None:
        """Log in as this user from now on."""
        for client in self.clients:
            client.set_sasl_credentials(username, password)

    def renew(self) -> None:
        """Replace the clients; the former ones end when what they were handed is acknowledged."""
        if self._alone is None or self._closing:
            return
        self._replace(self._threads)
        self._alone = self._thread(alone(self._config))

    async def close(self) -> None:
        """Wait, within bounds, for acknowledgements, then refuse the rest; idempotent."""
        self._closing = True
        self._topics.close()
        if self._limits is not None:
            self._limits.close()
        if self._batching is not None:
            self._batching.cancel()  # it may still wait for the limits
        if self._bulk is not None:
            await self._bulk.close()
        await asyncio.gather(*(thread.close() for thread in self._threads), *self._former)
        self._alone = None

    # --- publishing ----------------------------------------------------------------------------

    async def _publish_batch(self, messages: Sequence[Outgoing]) -> None:
        topic = messages[0].topic
        client = self._usable().client
        if not self._topics.has(topic):
            await self._require(client, topic)
        bulk = await self._in_bulk()
        partitions = self._topics.partitions(topic)
        try:
            await bulk.publish(all_within(messages, partitions))
        except BatchRefused as refusal:
            cause = refusal.__cause__
            if not isinstance(cause, ClientRefused):
                raise
            if not cause.is_too_large:
                self._forget(topic, cause)
                raise
            await self._publish_each_alone(refusal.left)

    async def _publish_each_alone(self, messages: Sequence[Outgoing]) -> None:
        """Send, one by one, records whose batch was too large."""
        for at, message in enumerate(messages):
            try:
                await self._publish_alone(message)
            except PublishRefused as refusal:
                raise BatchRefused(str(refusal), messages[at:]) from refusal

    async def _publish_alone(self, message: Outgoing) -> None:
        """Send a record whose batch was too large; the record itself may be, too."""
        try:
            await self._usable().publish(message)
        except ClientRefused as refusal:
            self._forget(message.topic, refusal)
            if not refusal.is_too_large:
                raise
            raise PublishRefused(await self._size_told(message, refusal.at_once)) from refusal

    async def _size_told(self, message: Outgoing, by_client: bool) -> str:
        size = size_of(message)
        if by_client:
            return too_large_for_client(message.topic, size, message_limit(self._config))
        limit = None if self._limits is None else await self._limits.of(message.topic)
        return too_large(message.topic, size, limit)

    def _usable(self) -> ProducerThread:
        if self._fatal is not None:
            raise PublishRefused(self._fatal)
        if self._alone is None or self._closing:
            raise PublishRefused("the producer is not running")
        return self._alone

    async def _require(self, client: Producer, topic: str) -> None:
        try:
            missing = await self._topics.missing(client, [topic], float("inf"))
        except KafkaUnavailable as error:
            raise PublishRefused(f"can't see whether topic {topic} exists: {error}") from error
        if missing:
            # A topic that may not be described looks missing: then say why an earlier write was refused.
            raise PublishRefused(self._unauthorized.get(topic, f"topic {topic} does not exist"))

    def _forget(self, topic: str, refusal: ClientRefused) -> None:
        if refusal.error is not None and is_about_topic(refusal.error):
            self._topics.forget(topic)
            if refusal.error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                self._unauthorized[topic] = str(refusal)

    # --- the clients ---------------------------------------------------------------------------

    async def _batches(self) -> ProducerThread:
        """The client that batches, made at the first publish, when the topics' limits can be asked."""
        self._usable()
        batching = self._batching
        if batching is None:
            batching = self._batching = asyncio.create_task(self._make_batches())
        try:
            return await asyncio.shield(batching)
        except asyncio.CancelledError:
            if batching.cancelled():
                self._usable()
            raise

    async def _in_bulk(self) -> BatchProducer:
        """The client for batches that are awaited as a whole, made at the first of them."""
        await self._batches()  # by then the topics' limits are known
        self._usable()
        if self._bulk is None:
            config = in_bulk(fitted(self._config, self._smallest))
            self._bulk = BatchProducer(config, self._log, on_error=self._on_error, on_broken=self._fail)
        return self._bulk

    async def _make_batches(self) -> ProducerThread:
        if self._limits is not None:
            self._smallest = await self._limits.soon(self._on_late_limit)
        return self._thread(fitted(self._config, self._smallest))

    def _on_late_limit(self, limit: int) -> None:
        """Make batches that fit from now on, if the present ones may be too large."""
        self._smallest = limit
        if fitted(self._config, limit) != self._config and self._batching is not None and not self._closing:
            self._replace([self._batching.result()] if self._batching.done() else [])

    def _replace(self, threads: Sequence[ProducerThread]) -> None:
        """Retire these and the bulk client; they end when what they were handed is acknowledged."""
        self._threads = [thread for thread in self._threads if thread not in threads]
        bulk, self._bulk = self._bulk, None
        if self._batching is not None and self._batching.done():
            self._batching = None  # one that is still being made will have the new configuration
        ending = [*(thread.close() for thread in threads), *([bulk.close()] if bulk is not None else [])]
        task = asyncio.ensure_future(asyncio.gather(*ending))
        self._former.add(task)
        task.add_done_callback(self._former.discard)

    def _thread(self, config: Config) -> ProducerThread:
        thread = ProducerThread(config, self._log, on_error=self._on_error, on_broken=self._fail)
        self._threads.append(thread)
        return thread

    def _on_error(self, error: KafkaError) -> None:
        """Hear a client's error, on one of its threads."""
        text = one_line(error)
        self._causes.hear(error)
        if is_deadly(error):
            self._post(self._fail, text)
        elif self._troubles.is_news(text, time.monotonic()):
            self._post(self._on_trouble, text)

    def _post(self, call: Callable[[str], None], text: str) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(call, text)

    def _fail(self, text: str) -> None:
        if self._fatal is None:
            self._fatal = text
            for thread in self._threads:
                thread.refuse_open(text)
            if self._bulk is not None:
                self._bulk.refuse_open(text)
            self._on_fatal(text)
