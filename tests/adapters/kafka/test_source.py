"""What only the real source does: troubles, failures, rebalances among several."""

from __future__ import annotations

import asyncio
import threading

import pytest
from confluent_kafka import KafkaError, TopicPartition

from tests.adapters.kafka.ear import Ear, until
from tests.adapters.kafka.members import started
from tests.adapters.kafka.mock import HEARTBEAT, OFFSET_COMMIT, OFFSET_FETCH
from tests.adapters.kafka.suites import MAP, numbered
from tests.adapters.kafka.worlds import MockWorld
from worker.adapters.kafka import (
    KafkaSource,
    consumer_config,
    deferred_partitions,
    poll_thread,
)
from worker.adapters.kafka.loop_bridge import Epoch
from worker.adapters.kafka.source_options import SourceOptions
from worker.core.assigned_partition import Position
from worker.core.record import Partition
from worker.core.routing import Router
from worker.ports import CommitFailed, SourceFailed


async def test_wrong_settings(ear: Ear) -> None:
    """A property that librdkafka does not know fails the start, in words."""
    source = KafkaSource(
        consumer_config("127.0.0.1:1", "g", "c", {"no.such": "1"}), SourceOptions(["t"]), drain_timeout=1
    )
    with pytest.raises(SourceFailed, match=r"no\.such"):
        await source.start(ear)
    await source.stop()
    assert not ear.failures


async def test_broker_comes_later(mock_world: MockWorld, ear: Ear) -> None:
    """Without a broker the source says so and lives; it joins when the broker comes."""
    (at,) = mock_world.create(1)
    mock_world.cluster.down()
    source = mock_world.source(at.topic)
    await source.start(ear)
    await until("the trouble", lambda: bool(ear.troubles))
    assert not ear.failures
    mock_world.cluster.up()
    await mock_world.joined(source, ear, [at])
    await source.stop()


async def test_no_broker_at_all(ear: Ear) -> None:
    """Stopping where there never was a broker ends at once, and is no failure."""
    source = KafkaSource(consumer_config("127.0.0.1:1", "g", "c", {}), SourceOptions(["t"]), drain_timeout=1)
    await source.start(ear)
    await until("the trouble", lambda: bool(ear.troubles))
    await source.stop()
    assert ear.events == []
    assert not ear.failures


async def test_refused_commit(mock_world: MockWorld, ear: Ear) -> None:
    """A commit that the broker refuses fails, in words; the next one counts."""
    (at,) = mock_world.create(1)
    source = await started(mock_world, ear, at)
    mock_world.cluster.fail(OFFSET_COMMIT, [KafkaError.OFFSET_METADATA_TOO_LARGE])
    with pytest.raises(CommitFailed, match=r"topic-.*/0: .*metadata"):
        await source.commit({at: Position(1, MAP)})
    await source.commit({at: Position(1, MAP)})
    await source.stop()


async def test_a_commit_that_is_lost_in_the_queue(mock_world: MockWorld, ear: Ear) -> None:
    """What was lost before its commit could be made is not told to be committed, though it comes back."""
    (at,) = mock_world.create(1)
    source = await started(mock_world, ear, at)
    assert source._poll_thread is not None
    poll_thread = source._poll_thread
    lost = asyncio.get_running_loop().create_future()
    wanted = {ear_epoch(source, at): Position(3, MAP)}
    poll_thread.order(lambda: poll_thread.member._on_lost(poll_thread.member.consumer, [TopicPartition(*at)]))
    poll_thread.order(lambda: poll_thread.commit(wanted, lost))
    assert await lost == {}
    assert ear.lost == [at]
    await source.stop()


def ear_epoch(source: KafkaSource, at: Partition) -> Epoch:
    """The assignment of a partition that the loop knows of."""
    assert source._bridge is not None
    return source._bridge.epochs[at]


async def test_a_commit_refused_in_part(mock_world: MockWorld, ear: Ear) -> None:
    """A commit of which a partition is refused fails, and says of which it counted."""
    one, other = mock_world.create(2)
    source = await started(mock_world, ear, one, other)
    positions = {one: Position(1, MAP), other: Position(2, MAP)}
    mock_world.cluster.fail(OFFSET_COMMIT, [KafkaError.OFFSET_METADATA_TOO_LARGE])
    with pytest.raises(CommitFailed) as caught:
        await source.commit(positions)
    assert caught.value.committed == {}
    assert await source.commit(positions) == positions
    await source.stop()


async def test_commits_wait_for_each_other(mock_world: MockWorld, ear: Ear) -> None:
    """Commits that are asked for at once are made one after another, and all are answered."""
    (at,) = mock_world.create(1)
    source = await started(mock_world, ear, at)
    await asyncio.gather(*(source.commit({at: Position(offset, "")}) for offset in range(1, 20)))
    await source.stop()
    successor = Ear()
    source = await started(mock_world, successor, at)
    assert successor.ours[at].committed == 19
    await source.stop()


async def test_unknown_commits_are_fatal(
    mock_world: MockWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition whose committed map may not be read is never worked on: the source fails, once."""
    monkeypatch.setattr(deferred_partitions, "REFUSED_SECONDS", 0.0)
    (at,) = mock_world.create(1)
    mock_world.write(at, numbered(5))
    refusals = [KafkaError.GROUP_AUTHORIZATION_FAILED] * 20
    mock_world.cluster.fail(OFFSET_FETCH, refusals)
    source = mock_world.source(at.topic)
    await source.start(ear)
    source.ask(5)
    await until("the failure", lambda: bool(ear.failures))
    await source.stop()
    assert [type(error) for error in ear.failures] == [SourceFailed]
    assert ear.ours == {}
    assert not ear.records


async def test_lost(mock_world: MockWorld, ear: Ear) -> None:
    """Partitions that are lost commit nothing, and come back when the member has joined anew."""
    (at,) = mock_world.create(1)
    mock_world.write(at, numbered(10))
    source = await started(mock_world, ear, at)
    source.ask(4)
    await ear.has(4)
    ear.last = {at: Position(4, MAP)}
    mock_world.cluster.fail(HEARTBEAT, [KafkaError.UNKNOWN_MEMBER_ID])
    await until("the loss", lambda: ear.lost == [at])
    await mock_world.joined(source, ear, [at])
    assert ear.ours[at].committed is None
    assert not ear.revoked
    source.ask(10)
    await ear.has(14)
    assert ear.offsets(at) == [0, 1, 2, 3, *range(10)]
    await source.stop()


async def test_lost_for_a_while(mock_world: MockWorld, ear: Ear) -> None:
    """A member that has lost its partitions is not joined until it has been assigned some again."""
    (at,) = mock_world.create(1)
    source = await started(mock_world, ear, at)
    assert source.not_joined() == []
    mock_world.cluster.down()
    await until("the loss", lambda: ear.lost == [at])
    assert source.not_joined() == [mock_world.group]
    mock_world.cluster.up()
    await mock_world.joined(source, ear, [at])
    assert source.not_joined() == []
    await source.stop()


async def test_old_orders(mock_world: MockWorld, ear: Ear) -> None:
    """A hold ends with its assignment."""
    (at,) = mock_world.create(1)
    mock_world.write(at, numbered(10))
    source = await started(mock_world, ear, at)
    source.pause(at)
    mock_world.cluster.fail(HEARTBEAT, [KafkaError.UNKNOWN_MEMBER_ID])
    await until("the loss", lambda: ear.lost == [at])
    await mock_world.joined(source, ear, [at])
    source.ask(10)
    await ear.has(10)
    await source.stop()


async def test_listener_that_fails(mock_world: MockWorld, ear: Ear) -> None:
    """A drain that raises is heard of as the failure of the source, once."""
    (at,) = mock_world.create(1)
    source = await started(mock_world, ear, at)

    async def break_down() -> None:
        raise ZeroDivisionError

    ear.draining = break_down
    await source.stop()
    assert [type(error) for error in ear.failures] == [ZeroDivisionError]


async def test_dead_thread(mock_world: MockWorld, ear: Ear) -> None:
    """However the thread ends, the listener hears of it once, and commits fail rather than wait."""
    (at,) = mock_world.create(1)
    source = await started(mock_world, ear, at)

    def die() -> None:
        raise MemoryError

    assert source._poll_thread is not None
    source._poll_thread.order(die)
    with pytest.raises(CommitFailed):
        await source.commit({at: Position(1, "")})
    await until("the failure", lambda: bool(ear.failures))
    await source.stop()
    assert [type(error) for error in ear.failures] == [MemoryError]
    assert ear.revoked == [at]
    assert "kafka-consumer" not in [thread.name for thread in threading.enumerate()]


async def test_odd_header(mock_world: MockWorld, ear: Ear) -> None:
    """A header whose name is not UTF-8 stops neither its record nor the next."""
    (at,) = mock_world.create(1)
    for _ in range(30):  # so often that the interpreter specialises what is done with each
        mock_world.cluster.write_header(at.topic, b"\xff\xfe")
    mock_world.write(at, [b"next"])
    source = await started(mock_world, ear, at)
    source.ask(31)
    await ear.has(31)
    seen = [(record.value, list(record.headers)) for record in ear.records]
    assert seen == [(b"odd", [])] * 30 + [(b"next", [])]
    await source.stop()


async def test_odd_headers_among_others(mock_world: MockWorld, ear: Ear) -> None:
    """Each record of a read keeps the headers that are its own, also next to such a one."""
    (at,) = mock_world.create(1)
    names = ["first", None, "second", None, None, "third"]
    for name in names:
        if name is None:
            mock_world.cluster.write_header(at.topic, b"\xff\xfe")
        else:
            mock_world.write(at, [b"even"], [("name", name.encode())])
    source = mock_world.source(at.topic, router=Router("only"))
    await source.start(ear)
    await mock_world.joined(source, ear, [at])
    source.ask(len(names))
    await ear.has(len(names))
    assert [list(record.headers) for record in ear.records] == [
        [] if name is None else [("name", name.encode())] for name in names
    ]
    await source.stop()


async def test_pauses_without_demand(mock_world: MockWorld, ear: Ear) -> None:
    """Without a demand what is read stays bounded, and a later demand gets all of it in order."""
    (at,) = mock_world.create(1)
    mock_world.write(at, numbered(3000))
    source = await started(mock_world, ear, at)
    source.ask(1)
    await ear.has(1)
    assert source._poll_thread is not None
    prefetch = source._poll_thread._prefetch
    await until("the pause", lambda: prefetch.paused.all)
    assert prefetch._free <= poll_thread.BATCH_RECORDS + 1
    polled = source.last_poll()
    await until("a poll", lambda: source.last_poll() > polled)
    source.ask(2999)
    await ear.has(3000)
    assert ear.offsets(at) == list(range(3000))
    await source.stop()
