"""Kafka in memory: a broker, a publisher and a source, which pass the suites of the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from uuid import uuid4

from worker.core.assigned_partition import Position
from worker.core.binding import LogId
from worker.core.record import Headers, Outgoing, Partition, Record, size_of
from worker.ports import BatchRefused, PublishRefused


class FakeKafka:
    """Topics, what a group committed, and the members to wake when records come."""

    def __init__(self, **topics: int) -> None:
        self.logs: dict[Partition, list[Record]] = {}
        self.committed: dict[Partition, Position] = {}
        self.ids: dict[str, LogId] = {}
        """Which log a topic is, where that is known."""
        self.wake: list[Callable[[], None]] = []
        self.now: Callable[[], float] = lambda: 0.0
        """When a record is written."""
        for topic, partitions in topics.items():
            self.create(topic, partitions)

    def create(self, topic: str, partitions: int = 1) -> list[Partition]:
        """Make a topic."""
        made = [Partition(topic, number) for number in range(partitions)]
        self.logs.update((at, []) for at in made)
        return made

    def make_anew(self, topic: str) -> None:
        """Delete a topic and make it again, empty."""
        self.ids[topic] = LogId("fake", uuid4().hex)
        for at in self.partitions([topic]):
            self.logs[at] = []
        for wake in self.wake:
            wake()

    def partitions(self, topics: Iterable[str]) -> list[Partition]:
        """All partitions of topics."""
        wanted = set(topics)
        return [at for at in self.logs if at.topic in wanted]

    def append(
        self,
        at: Partition,
        value: bytes | None,
        key: bytes | None = None,
        headers: Headers = (),
        timestamp: float | None = None,
    ) -> Record:
        """Write a record, and wake those who wait for it."""
        size = size_of(key, value, headers)
        timestamp = self.now() if timestamp is None else timestamp
        record = Record(at, len(self.logs[at]), key, value, headers, timestamp, size)
        self.logs[at].append(record)
        for wake in self.wake:
            wake()
        return record

    def records(self, topic: str) -> list[Record]:
        """All that lies in a topic, partition by partition."""
        return [record for at, log in self.logs.items() if at.topic == topic for record in log]


class FakePublisher:
    """Publishes to a FakeKafka.

    While `refusing` is set, it refuses; while `gate` is cleared, nothing is acknowledged. What is for a topic
    in `refused` is refused, and what is for one in `held` is not acknowledged. While the broker is `away`
    batches lie with the client; where it `wrote` before that, they are there and not acknowledged.
    """

    def __init__(self, kafka: FakeKafka) -> None:
        self.kafka = kafka
        self.refusing: str | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.published: list[Outgoing] = []
        self.refused: set[str] = set()
        self.held: dict[str, asyncio.Event] = {}
        self.closed = False
        self.wrote = False
        self._queued: list[asyncio.Future[None]] = []
        self.is_away = False

    @property
    def queued(self) -> int:
        """How many batches lie with the client."""
        return len(self._queued)

    def go_away(self, *, wrote: bool = False) -> None:
        """Have batches lie with the client from now on."""
        self.is_away, self.wrote = True, wrote

    def come_back(self) -> None:
        """Have what lies with the client sent."""
        self.is_away = False
        for waiting in self._queued:
            waiting.set_result(None)
        self._queued.clear()

    def take_back(self) -> None:
        for waiting in self._queued:
            waiting.set_exception(PublishRefused("taken back"))
        self._queued.clear()

    def hold(self, topic: str) -> asyncio.Event:
        """Acknowledge nothing of a topic until the event is set."""
        self.held[topic] = asyncio.Event()
        return self.held[topic]

    async def publish(self, message: Outgoing) -> None:
        self._write(message)
        await self._acknowledged(message.topic)
        self.published.append(message)

    async def publish_batch(self, messages: Sequence[Outgoing]) -> None:
        if self.is_away:
            if self.wrote:
                self._write_all(messages)
            self._queued.append(asyncio.get_running_loop().create_future())
            try:
                await self._queued[-1]
            except PublishRefused as refusal:
                raise BatchRefused(str(refusal), messages, taken_back=True) from refusal
        if not self.wrote:
            self._write_all(messages)
        await self._acknowledged(messages[0].topic)
        self.published += messages

    def _write_all(self, messages: Sequence[Outgoing]) -> None:
        for at, message in enumerate(messages):
            try:
                self._write(message)
            except PublishRefused as refusal:
                raise BatchRefused(str(refusal), messages[at:]) from refusal

    def _write(self, message: Outgoing) -> None:
        topic, key, value, headers, partition = message
        partitions = self.kafka.partitions([topic])
        if self.closed or self.refusing is not None:
            raise PublishRefused(self.refusing or "closed")
        if topic in self.refused:
            raise PublishRefused(f"{topic} is refused")
        if not partitions:
            raise PublishRefused(f"topic {topic} does not exist")
        number = sum(key or b"") if partition is None else partition
        self.kafka.append(partitions[number % len(partitions)], value, key, list(headers))

    async def _acknowledged(self, topic: str) -> None:
        await asyncio.sleep(0)
        await self.gate.wait()
        if topic in self.held:
            await self.held[topic].wait()

    async def close(self) -> None:
        self.closed = True
        self.gate.set()
