"""The places that the suites run in: each makes topics, writes, reads, and hands out sources and publishers.

The rule: a world says how a thing is done there; what must be true is said once, in the suites.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, cast
from uuid import uuid4

from confluent_kafka.admin import AdminClient

from tests.adapters.kafka.ear import WITHIN, Ear, until
from tests.adapters.kafka.mock import MockCluster
from tests.fake_kafka import FakeKafka, FakePublisher
from tests.fake_source import FakeSource
from tests.support import kafka as real
from worker.adapters.kafka import (
    KafkaPublisher,
    KafkaSource,
    TopicIds,
    admin_config,
    consumer_config,
    producer_config,
)
from worker.adapters.kafka.config import Property, unique_client_id
from worker.adapters.kafka.message_limits import TopicLimits
from worker.adapters.kafka.offset_lookup import StartPolicy
from worker.adapters.kafka.source_options import SourceOptions
from worker.core.record import Headers, Partition
from worker.core.routing import Router
from worker.ports import Publisher, Source, SourceListener

DRAIN = 10.0


class RoomyFake(FakeSource):
    """A source whose Ear knows it."""

    async def start(self, listener: SourceListener) -> None:
        if isinstance(listener, Ear):
            listener.source = self
        await super().start(listener)


class RoomySource(KafkaSource):
    """A source whose Ear knows it."""

    async def start(self, listener: SourceListener) -> None:
        if isinstance(listener, Ear):
            listener.source = self
        await super().start(listener)


class World(Protocol):
    """Where a suite runs; `close` ends all that was handed out."""

    def create(self, partitions: int) -> list[Partition]: ...

    def missing(self) -> str: ...

    def write(self, at: Partition, values: Sequence[bytes | None], headers: Headers = ()) -> None: ...

    def read(self, topic: str) -> list[tuple[bytes | None, bytes | None, Headers]]: ...

    def values(self, at: Partition) -> list[bytes | None]: ...

    def exists(self, topic: str) -> bool: ...

    def make_anew(self, at: Partition) -> None: ...

    def source(self, topic: str, *, router: Router | None = None) -> Source: ...

    async def publisher(self) -> Publisher: ...

    async def joined(self, source: Source, ear: Ear, partitions: Sequence[Partition]) -> None: ...

    async def close(self) -> None: ...


class FakeWorld:
    """In memory."""

    def __init__(self) -> None:
        self.kafka = FakeKafka()
        self._topics = 0
        self._sources: list[FakeSource] = []

    def create(self, partitions: int) -> list[Partition]:
        self._topics += 1
        return self.kafka.create(f"topic-{self._topics}", partitions)

    def missing(self) -> str:
        return "missing"

    def write(self, at: Partition, values: Sequence[bytes | None], headers: Headers = ()) -> None:
        for value in values:
            self.kafka.append(at, value, b"key", headers)

    def read(self, topic: str) -> list[tuple[bytes | None, bytes | None, Headers]]:
        return [(record.key, record.value, list(record.headers)) for record in self.kafka.records(topic)]

    def values(self, at: Partition) -> list[bytes | None]:
        return [record.value for record in self.kafka.logs[at]]

    def exists(self, topic: str) -> bool:
        return bool(self.kafka.partitions([topic]))

    def source(self, topic: str, *, router: Router | None = None) -> Source:
        self._sources.append(RoomyFake(self.kafka, router=router))
        return self._sources[-1]

    def make_anew(self, at: Partition) -> None:
        self.kafka.make_anew(at.topic)
        for source in self._sources:
            source.made_anew(at.topic)

    async def publisher(self) -> Publisher:
        return FakePublisher(self.kafka)

    async def joined(self, source: Source, ear: Ear, partitions: Sequence[Partition]) -> None:
        cast("FakeSource", source).assign(*partitions)

    async def close(self) -> None:
        """Nothing runs here by itself."""


class KafkaWorld:
    """A real broker, at `bootstrap`."""

    def __init__(self, bootstrap: str, properties: Mapping[str, Property] | None = None) -> None:
        self.bootstrap = bootstrap
        self.properties = dict(properties or {})
        self.group = f"group-{uuid4().hex[:10]}"
        self.ids = TopicIds(admin_config(bootstrap, "test", {}))
        self.ids.start()
        self._sources: list[KafkaSource] = []
        self._publishers: list[KafkaPublisher] = []

    def create(self, partitions: int) -> list[Partition]:
        topic = self.missing()
        real.create_topics(self.bootstrap, {topic: partitions})
        return [Partition(topic, number) for number in range(partitions)]

    def missing(self) -> str:
        return f"topic-{uuid4().hex[:10]}"

    def write(self, at: Partition, values: Sequence[bytes | None], headers: Headers = ()) -> None:
        records = [real.Write(value, b"key", tuple(headers), at.number) for value in values]
        real.produce(self.bootstrap, at.topic, records)

    def read(self, topic: str) -> list[tuple[bytes | None, bytes | None, Headers]]:
        return [(read.key, read.value, list(read.headers)) for read in real.read_all(self.bootstrap, topic)]

    def values(self, at: Partition) -> list[bytes | None]:
        read = real.read_all(self.bootstrap, at.topic)
        return [one.value for one in read if one.partition == at.number]

    def exists(self, topic: str) -> bool:
        return topic in AdminClient({"bootstrap.servers": self.bootstrap}).list_topics(timeout=WITHIN).topics

    def make_anew(self, at: Partition) -> None:
        real.make_anew(self.bootstrap, at.topic, 1)

    def source(
        self,
        topic: str,
        beginning: StartPolicy | None = None,
        *,
        router: Router | None = None,
        **properties: Property,
    ) -> KafkaSource:
        """Make a member of the group; `properties` have `_` for `.`."""
        own = {name.replace("_", "."): value for name, value in properties.items()}
        config = consumer_config(
            self.bootstrap, self.group, unique_client_id(self.group), {**self.properties, **own}
        )
        options = SourceOptions([topic], self.ids, beginning or StartPolicy(), router=router)
        self._sources.append(RoomySource(config, options, drain_timeout=DRAIN))
        return self._sources[-1]

    async def publisher(
        self, asks: Sequence[str] = (), limits: TopicLimits | None = None, **properties: Property
    ) -> KafkaPublisher:
        """Make a publisher that asks for the limits of these topics; `properties` have `_` for `.`."""
        own = {name.replace("_", "."): value for name, value in properties.items()}
        config = producer_config(self.bootstrap, "test", own)
        limits = limits or TopicLimits(admin_config(self.bootstrap, "test", own), asks)
        troubles: list[str] = []
        publisher = KafkaPublisher(
            config, on_fatal=troubles.append, on_trouble=troubles.append, limits=limits
        )
        await publisher.start()
        self._publishers.append(publisher)
        return publisher

    async def joined(self, source: Source, ear: Ear, partitions: Sequence[Partition]) -> None:
        wanted = set(partitions)
        await until("assigned", lambda: ear.ours.keys() == wanted)

    async def close(self) -> None:
        for source in self._sources:
            await source.stop()
        for publisher in self._publishers:
            await publisher.close()
        self.ids.close()


class MockWorld(KafkaWorld):
    """The mock cluster."""

    def __init__(self, cluster: MockCluster) -> None:
        # The mock waits for members that left until just before their session would have run out.
        super().__init__(cluster.bootstrap, {"session.timeout.ms": 2_000, "heartbeat.interval.ms": 200})
        self.cluster = cluster

    def create(self, partitions: int) -> list[Partition]:
        topic = self.missing()
        self.cluster.create(topic, partitions)
        return [Partition(topic, number) for number in range(partitions)]
