"""Where reading begins on a real broker, and where it goes on when an offset can't be used."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.moment import format_time
from tests.adapters.kafka.ear import WITHIN, Ear, until
from tests.adapters.kafka.members import leave, reads, started
from tests.adapters.kafka.suites import numbered
from tests.adapters.kafka.worlds import KafkaWorld
from tests.support import kafka as real
from worker.adapters.kafka import admin_config
from worker.adapters.kafka.admin import grow
from worker.adapters.kafka.offset_lookup import StartPolicy
from worker.core.assigned_partition import Position
from worker.core.binding import Binding, LogId
from worker.core.offset_map import encode
from worker.core.record import Partition
from worker.core.start_offset import RememberedOffset, Start, StartReason


def admin(world: KafkaWorld) -> AdminClient:
    """A client that changes things."""
    return AdminClient({"bootstrap.servers": world.bootstrap})


def remove_below(world: KafkaWorld, at: Partition, offset: int) -> None:
    """Have retention remove the records below an offset."""
    of = TopicPartition(at.topic, at.number, offset)
    asking = admin(world)
    for answer in asking.delete_records([of]).values():
        answer.result(WITHIN)


def commit_of(world: KafkaWorld, at: Partition, log: LogId) -> None:
    """Commit that the group is at 5 of a log, from outside of it."""
    of = TopicPartition(at.topic, at.number, 5, encode(5, None, Binding(log)))
    asking = admin(world)
    answers = asking.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(world.group, [of])])
    answers[world.group].result(WITHIN)


@pytest.mark.kafka
async def test_retention_has_passed_it(any_way: KafkaWorld, ear: Ear) -> None:
    """Where what was to be read next is removed, it goes on at the log's start, and the gap is counted."""
    at, other = any_way.create(2)
    any_way.write(at, numbered(10))
    any_way.write(other, numbered(10))
    ear_before = Ear()
    source = await started(any_way, ear_before, at, other)
    await source.commit({at: Position(2, ""), other: Position(4, "")})
    await source.stop()
    remove_below(any_way, at, 7)
    source = await started(any_way, ear, at, other)
    source.ask(9)
    await ear.has(9)
    assert ear.expired == {at: Start(StartReason.EXPIRED, 7, 5)}
    assert ear.offsets(at) == [7, 8, 9]
    assert ear.offsets(other) == [4, 5, 6, 7, 8, 9], "the other partition is not moved"
    await source.stop()


@pytest.mark.kafka
async def test_retention_passes_it_while_it_is_held(real_world: KafkaWorld, ear: Ear) -> None:
    """Records that are removed while their partition is held are counted when it flows again."""
    (at,) = real_world.create(1)
    source = await started(real_world, ear, at)
    source.pause(at)
    assert source._poll_thread is not None
    pauses = source._poll_thread._assignment._pauses
    await until("the pause", lambda: pauses._paused == {at})
    real_world.write(at, numbered(10))
    remove_below(real_world, at, 6)
    source.ask(4)
    source.resume(at)
    await ear.has(4)
    assert ear.offsets(at) == [6, 7, 8, 9]
    assert ear.expired == {at: Start(StartReason.EXPIRED, 6, 6)}
    await source.stop()


class LateEar(Ear):
    """Keeps what came before it heard that records were removed."""

    def on_expired(self, at: Partition, start: Start) -> None:
        super().on_expired(at, start)
        self.before = self.offsets(at)


@pytest.mark.kafka
async def test_what_was_read_goes_before_what_is_removed(real_world: KafkaWorld) -> None:
    """What had been read is handed over before it is told that what comes next was removed."""
    ear = LateEar()
    ear.room = 10
    (at,) = real_world.create(1)
    real_world.write(at, numbered(3_000))
    source = await started(real_world, ear, at)
    source.ask(10_000)
    await ear.has(10)
    assert source._poll_thread is not None
    pauses = source._poll_thread._assignment._pauses
    await until("the pause", lambda: pauses._paused == {at})
    remove_below(real_world, at, 2_990)
    while at not in ear.expired and ear.offsets(at)[-1] < 2_989:
        source.allow(at, 5)
        await asyncio.sleep(0.02)
    source.allow(at, 1_000)
    await until("the last one", lambda: ear.offsets(at)[-1] == 2_999)
    assert ear.before == [offset for offset in ear.offsets(at) if offset < ear.expired[at].offset]
    await source.stop()


@pytest.mark.kafka
async def test_committed_above_the_end(any_way: KafkaWorld, ear: Ear) -> None:
    """A log that ends below what is committed is read on at its end: nothing of it comes again."""
    (at,) = any_way.create(1)
    any_way.write(at, numbered(300))
    await leave(any_way, at, 400)
    source = await started(any_way, ear, at)
    source.ask(1000)
    await until("the start", lambda: ear.starts == [None, Start(StartReason.TRUNCATED, 300, 100)])
    any_way.write(at, [b"new"])
    await ear.has(1)
    assert ear.offsets(at) == [300]
    await source.stop()


# --- no committed offset -----------------------------------------------------------------------


@pytest.mark.kafka
async def test_offsets_that_are_gone(real_world: KafkaWorld, ear: Ear) -> None:
    """A group of which the broker has forgotten the offsets begins where it remembers that it was."""
    (at,) = real_world.create(1)
    real_world.write(at, numbered(140))
    await leave(real_world, at, 140)
    asking = admin(real_world)
    asking.delete_consumer_groups([real_world.group])[real_world.group].result(WITHIN)
    memory = StartPolicy(recall=lambda: {at: RememberedOffset(130, None, 0.0)})
    assert await reads(real_world, at, ear, memory) == list(range(130, 141))
    assert ear.starts[-1] is not None
    assert ear.starts[-1].how is StartReason.REMEMBERED


@pytest.mark.kafka
@pytest.mark.parametrize(("start", "first"), [("earliest", 0), ("latest", 20), ("time", 20), ("2999", 20)])
async def test_first_day(real_world: KafkaWorld, ear: Ear, start: str, first: int) -> None:
    """On its first day a group begins where START says, and it is told how much lies there."""
    (at,) = real_world.create(1)
    real_world.write(at, numbered(20))
    if start == "time":
        newest = real.newest_timestamp(real_world.bootstrap, at.topic, at.number)
        start = format_time(newest + 0.001)
    text = "2999-01-01T00:00:00Z" if start == "2999" else start
    assert await reads(real_world, at, ear, StartPolicy(text)) == list(range(first, 21))
    assert ear.starts[-1] == Start(StartReason.FIRST_DAY, first, 20 - first)


@pytest.mark.kafka
async def test_a_new_partition(real_world: KafkaWorld, ear: Ear) -> None:
    """A partition of which a known group remembers nothing is new, and read from its start."""
    known, new = real_world.create(2)
    real_world.write(known, numbered(5))
    real_world.write(new, numbered(5))
    beginning = StartPolicy("latest", lambda: {known: RememberedOffset(3, None, 0.0)})
    source = await started(real_world, ear, known, new, beginning=beginning)
    source.ask(100)
    await ear.has(7)
    assert ear.offsets(known) == [3, 4]
    assert ear.offsets(new) == [0, 1, 2, 3, 4]
    await source.stop()


@pytest.mark.kafka
async def test_a_partition_that_is_added_on_the_first_day(real_world: KafkaWorld, ear: Ear) -> None:
    """What a topic gets after its group has begun is read from its start, wherever the group began."""
    (known,) = real_world.create(1)
    real_world.write(known, numbered(5))
    new = Partition(known.topic, 1)
    source = await started(real_world, ear, known, beginning=StartPolicy("latest"))
    source.ask(100)
    await asyncio.to_thread(grow, admin_config(real_world.bootstrap, "test", {}), {known.topic: 2})
    real_world.write(new, numbered(5))
    await ear.has(5)
    assert ear.offsets(new) == [0, 1, 2, 3, 4]
    first, added = ear.starts
    assert first == Start(StartReason.FIRST_DAY, 5, 0)
    assert added is not None
    assert added[:2] == (StartReason.NEW_PARTITION, 0)  # it may be assigned before its records are written
    await source.stop()


@pytest.mark.kafka
@pytest.mark.parametrize("kept", ["what is committed", "what is remembered"])
async def test_made_anew_while_we_were_away(real_world: KafkaWorld, ear: Ear, kept: str) -> None:
    """An offset of a topic that was deleted means nothing in the one that has its name now."""
    (at,) = real_world.create(1)
    real_world.write(at, numbered(5))
    log = real_world.ids.of([at.topic])[at.topic]
    assert log.topic_id is not None
    commit_of(real_world, at, log)
    real.make_anew(real_world.bootstrap, at.topic, 1)
    what_is_committed = partial(real.committed, real_world.bootstrap, real_world.group, at.topic)
    real.wait_until("the broker has forgotten what was committed", lambda: not what_is_committed())
    real_world.write(at, numbered(20))
    memory = {at: RememberedOffset(5, log.topic_id, 0.0)}
    if kept == "what is committed":
        memory.clear()
        commit_of(real_world, at, log)
    assert await reads(real_world, at, ear, StartPolicy("latest", lambda: memory)) == list(range(21))
    assert ear.starts[-1] == Start(StartReason.MADE_ANEW, 0, 20)
