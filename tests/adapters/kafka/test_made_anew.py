"""A topic that is deleted and made again under a member of the group."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from tests.adapters.kafka.ear import Ear, until
from tests.adapters.kafka.worlds import KafkaWorld, MockWorld
from tests.support.broker import CLUSTER_ID, Broker
from worker.adapters.kafka import KafkaSource
from worker.adapters.kafka.offset_lookup import StartPolicy
from worker.core.binding import LogId
from worker.core.record import Partition
from worker.core.start_offset import Start, StartReason


async def started(world: KafkaWorld, ear: Ear, at: Partition) -> KafkaSource:
    """A source that has this partition."""
    source = world.source(at.topic)
    await source.start(ear)
    await world.joined(source, ear, [at])
    return source


@pytest.mark.kafka
async def test_names_its_log(real_world: KafkaWorld, ear: Ear) -> None:
    """What is assigned says of which log it is."""
    (at,) = real_world.create(1)
    source = await started(real_world, ear, at)
    log = real_world.ids.of([at.topic])[at.topic]
    assert ear.ours[at].log == log
    assert log.cluster == CLUSTER_ID
    assert log.topic_id is not None
    await source.stop()


async def test_log_without_a_name(mock_world: MockWorld, ear: Ear) -> None:
    """Of a broker that has no ids the log is unknown, and all goes on."""
    (at,) = mock_world.create(1)
    source = await started(mock_world, ear, at)
    assert ear.ours[at].log == LogId()
    await source.stop()


@pytest.mark.kafka
async def test_given_up_in_between(real_world: KafkaWorld, ear: Ear) -> None:
    """A partition that was lost while its topic was made anew begins at its start, whatever START says."""
    (at,) = real_world.create(1)
    real_world.write(at, [b"old"] * 5)
    source = real_world.source(at.topic, StartPolicy("latest"))
    await source.start(ear)
    await real_world.joined(source, ear, [at])
    poll_thread = source._poll_thread
    assert poll_thread is not None

    def lose() -> None:
        poll_thread.member.consumer.incremental_unassign([TopicPartition(*at)])
        poll_thread.member._on_lost(poll_thread.member.consumer, [TopicPartition(*at)])

    poll_thread.order(lose)
    await until("the loss", lambda: ear.lost == [at])
    poll_thread._assignment.logs.meet([])  # another client would join before the partition comes back
    real_world.make_anew(at)
    real_world.write(at, [b"new"] * 7)
    member = poll_thread.member
    poll_thread.order(lambda: member._on_assign(member.consumer, [TopicPartition(*at)]))
    await until("the new log", lambda: at in ear.ours)
    begun = ear.ours[at]
    assert (begun.committed, begun.start) == (None, Start(StartReason.MADE_ANEW, 0, 7))
    await source.stop()


@pytest.mark.kafka
async def test_leader_epochs_begin_anew(tmp_path: Path) -> None:
    """A topic that had other leaders before it was made anew is read, though leader epochs begin anew too."""
    with Broker(tmp_path) as broker:
        # A busy machine may need longer for the restart than a session usually lasts.
        world, ear = KafkaWorld(broker.bootstrap, {"session.timeout.ms": 120_000}), Ear()
        (at,) = world.create(1)
        world.write(at, [b"old"] * 3)
        source = await started(world, ear, at)
        source.ask(100)
        await ear.has(3)
        await asyncio.to_thread(broker.restart)
        world.write(at, [b"old"] * 3)
        await ear.has(6)
        world.make_anew(at)
        world.write(at, [b"new"] * 3)
        await ear.has(9)
        assert ear.offsets(at) == [*range(6), *range(3)]
        await source.stop()
        await world.close()


@pytest.mark.kafka
async def test_an_error_of_the_old_log_that_comes_late(real_world: KafkaWorld, ear: Ear) -> None:
    """That an offset of the old log can't be used may be said when the new one is ours already."""
    (at,) = real_world.create(1)
    real_world.write(at, [b"old"] * 5)
    source = await started(real_world, ear, at)
    source.ask(100)
    await ear.has(5)
    poll_thread = source._poll_thread
    assert poll_thread is not None
    read: list[int] = []

    def renew() -> None:
        poll_thread._assignment.logs.ask([at])
        poll_thread._assignment.renew(poll_thread.member.consumer)
        read.append(poll_thread._assignment.read_to(poll_thread.member.consumer, at))

    real_world.make_anew(at)
    poll_thread.order(renew)
    await until("the look", lambda: bool(read))
    assert read == [0]
    assert not ear.failures
    await source.stop()
