"""Members of a group that come, read, commit and leave."""

from __future__ import annotations

from tests.adapters.kafka.ear import Ear, until
from tests.adapters.kafka.worlds import KafkaWorld
from worker.adapters.kafka import KafkaSource
from worker.adapters.kafka.offset_lookup import StartPolicy
from worker.core.assigned_partition import Position
from worker.core.record import Partition


async def started(
    world: KafkaWorld, ear: Ear, *partitions: Partition, beginning: StartPolicy | None = None
) -> KafkaSource:
    """A source that has these partitions."""
    source = world.source(partitions[0].topic, beginning or StartPolicy())
    await source.start(ear)
    await world.joined(source, ear, partitions)
    return source


async def leave(world: KafkaWorld, at: Partition, offset: int, metadata: str = "") -> None:
    """Commit an offset as a member that then leaves."""
    ear = Ear()
    source = await started(world, ear, at)
    source.ask(1000)
    await until("some record", lambda: bool(ear.records))
    await source.commit({at: Position(offset, metadata)})
    await source.stop()


async def reads(
    world: KafkaWorld, at: Partition, ear: Ear, beginning: StartPolicy | None = None
) -> list[int]:
    """What a new member reads up to the record that is written last."""
    source = await started(world, ear, at, beginning=beginning)
    source.ask(1000)
    world.write(at, [b"last"])
    await until("the last", lambda: bool(ear.records) and ear.records[-1].value == b"last")
    await source.stop()
    return ear.offsets(at)


WAYS = ["cooperative-sticky", "range", "consumer"]
"""The ways in which a group may share its partitions."""
