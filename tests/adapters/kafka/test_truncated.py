"""A log that was cut, as an unclean election or a power cut does it: what is read on, and what counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.kafka.ear import Ear, until
from tests.adapters.kafka.members import WAYS, leave, reads, started
from tests.adapters.kafka.suites import numbered
from tests.adapters.kafka.worlds import KafkaWorld
from tests.support.broker import Broker
from tests.support.needed import needs_kafka
from tests.support.truncation import truncate
from worker.core.assigned_partition import Position
from worker.core.binding import Binding
from worker.core.offset_map import OffsetMap, encode
from worker.core.start_offset import Start, StartReason


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that may be stopped."""
    with needs_kafka(), Broker(Path(tmp_path_factory.mktemp("truncated"))) as broker:
        yield broker


@pytest.mark.kafka
@pytest.mark.parametrize("way", WAYS)
async def test_truncated(own_broker: Broker, ear: Ear, way: str) -> None:
    """Of a log that was cut, and has grown beyond what is committed, all that is new is read."""
    world = KafkaWorld(own_broker.bootstrap)
    name = "group.protocol" if way == "consumer" else "partition.assignment.strategy"
    world.properties[name] = way
    (at,) = world.create(1)
    world.write(at, numbered(10))
    own_broker.restart()  # another leader epoch
    world.write(at, numbered(10))
    await leave(world, at, 20)
    truncate(own_broker, at.topic, 0, 10)
    world.write(at, [b"new"] * 15)
    assert await reads(world, at, ear) == list(range(10, 26))
    assert ear.starts[-1] == Start(StartReason.TRUNCATED, 10, 10)
    await world.close()


@pytest.mark.kafka
@pytest.mark.parametrize("grown", [15, 5])
async def test_truncated_far_below(own_broker: Broker, ear: Ear, grown: int) -> None:
    """A cut is seen though more was read than committed, and whether or not the log has grown beyond that."""
    world = KafkaWorld(own_broker.bootstrap)
    (at,) = world.create(1)
    world.write(at, numbered(10))
    own_broker.restart()  # another leader epoch
    world.write(at, numbered(30))
    ear_before = Ear()
    source = await started(world, ear_before, at)
    source.ask(1000)
    await ear_before.has(40)
    await source.commit({at: Position(20, "")})
    await source.stop()
    truncate(own_broker, at.topic, 0, 10)
    world.write(at, [b"new"] * grown)
    assert await reads(world, at, ear) == list(range(10, 11 + grown))
    assert ear.starts[-1] == Start(StartReason.TRUNCATED, 10, 10)
    await world.close()


@pytest.mark.kafka
async def test_sound_after_other_leaders(own_broker: Broker, ear: Ear) -> None:
    """A log that other leaders went on with is read on: its epochs say that nothing of it was cut."""
    world = KafkaWorld(own_broker.bootstrap)
    (at,) = world.create(1)
    world.write(at, numbered(10))
    await leave(world, at, 4)
    own_broker.restart()
    world.write(at, numbered(10))
    await leave(world, at, 15)
    own_broker.restart()
    assert await reads(world, at, ear) == [15, 16, 17, 18, 19, 20]
    assert ear.starts == [None]
    await world.close()


@pytest.mark.kafka
@pytest.mark.parametrize("way", WAYS)
async def test_sound_after_a_rewind(own_broker: Broker, ear: Ear, way: str) -> None:
    """The leader of what was read counts for a commit also where the client was told to read again since."""
    world = KafkaWorld(own_broker.bootstrap)
    name = "group.protocol" if way == "consumer" else "partition.assignment.strategy"
    world.properties[name] = way
    (at,) = world.create(1)
    world.write(at, numbered(10))
    await leave(world, at, 4)
    own_broker.restart()
    world.write(at, numbered(10))
    ear_before = Ear()
    source = await started(world, ear_before, at)
    source.ask(1000)
    await ear_before.has(16)
    source.pause(at)
    source.rewind(at, 15)
    await until("it is rewound", lambda: bool(ear_before.rewound))
    await source.commit({at: Position(15, "")})
    await source.stop()
    assert await reads(world, at, ear) == [15, 16, 17, 18, 19, 20]
    assert ear.starts == [None]
    await world.close()


@pytest.mark.kafka
async def test_sound_after_a_loss(own_broker: Broker, ear: Ear) -> None:
    """What a member has read of other leaders before it lost its partitions is no other log afterwards."""
    world = KafkaWorld(own_broker.bootstrap)
    (at,) = world.create(1)
    world.write(at, numbered(10))
    await leave(world, at, 4)
    own_broker.restart()
    world.write(at, numbered(10))
    source = await started(world, ear, at)
    source.ask(1000)
    await ear.has(16)
    own_broker.pause()
    await until("it is lost", lambda: bool(ear.lost))
    own_broker.resume()
    await ear.has(32)
    assert ear.offsets(at) == [*range(4, 20)] * 2
    assert ear.cuts == []
    await source.stop()
    await world.close()


@pytest.mark.kafka
async def test_cut_below_what_is_finished(own_broker: Broker, ear: Ear) -> None:
    """Where a log is cut above what is committed, the first record that took another's place is told."""
    world = KafkaWorld(own_broker.bootstrap)
    (at,) = world.create(1)
    world.write(at, numbered(10))
    world.write(at, numbered(20))
    finished = encode(5, OffsetMap(20, (5, 6)), Binding(world.ids.of([at.topic])[at.topic]))
    await leave(world, at, 5, finished)
    truncate(own_broker, at.topic, 0, 10)
    world.write(at, [b"new"] * 25)
    assert await reads(world, at, ear) == list(range(5, 36))
    assert ear.starts == [None], "what is committed lies below the cut"
    assert ear.cuts == [(at, 10)]
    await world.close()


@pytest.mark.kafka
async def test_cut_while_it_is_read(own_broker: Broker, ear: Ear) -> None:
    """A member whose log is cut below where it reads takes it up again from there."""
    world = KafkaWorld(own_broker.bootstrap)
    (at,) = world.create(1)
    world.write(at, numbered(10))
    world.write(at, numbered(20))
    source = await started(world, ear, at)
    source.ask(1000)
    await ear.has(30)
    await source.commit({at: Position(30, "")})
    await asyncio.to_thread(truncate, own_broker, at.topic, 0, 10)
    world.write(at, [b"new"] * 25)
    await ear.has(55)
    assert ear.offsets(at) == [*range(30), *range(10, 35)]
    begun = [start.how for start in ear.starts[1:] if start is not None]  # None: its session had ended
    assert begun == [StartReason.TRUNCATED]
    await source.stop()
    await world.close()
