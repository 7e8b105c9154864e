"""Kafka in memory: a broker, a publisher and a source, which pass the suites of the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from uuid import uuid4

from worker.core.assigned_partition import Position
from worker.core.binding import LogId
from worker.core.record import Headers, Outgoing, Partition, Record, size_of
from worker.ports import (
    PublishRefused,
)


class FakeKafka:
    """Topics, what a group committed, and the members to wake when records come."""

    def __init__(self, **topics: int) -> None:
        self.logs: dict[Partition, list[Record]] = {}
        self.committed: dict[Partition, Position] = {}
        self.ids: dict[str, LogId] = {}
        """Which log a topic is, where that is known."""
        self.wake: list[Callable[[], None]] = []
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
        timestamp: float = 0.0,
    ) -> Record:
        """Write a record, and wake those who wait for it."""
        size = size_of(key, value, headers)
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

    While `refusing` is set, it refuses; while `gate` is cleared, nothing is acknowledged.
    """

    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka
        self.refusing: str | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.published: list[Outgoing] = []
        self.closed = False

    async def publish(self, message: Outgoing) -> None:
        partitions = self._kafka.partitions([message.topic])
        if self.closed or self.refusing is not None:
            raise PublishRefused(self.refusing or "closed")
        if not partitions:
            raise PublishRefused(f"topic {message.topic} does not exist")
        at = partitions[sum(message.key or b"") % len(partitions)]
        self._kafka.append(at, message.value, message.key, list(message.headers))
        await asyncio.sleep(0)
        await self.gate.wait()
        self.published.append(message)

    async def close(self) -> None:
        self.closed = True
        self.gate.set()
