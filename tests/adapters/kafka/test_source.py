"""What only the real source does: troubles, failures, rebalances among several."""

from __future__ import annotations

import asyncio
import threading

import pytest
from confluent_kafka import KafkaError, TopicPartition

from tests.adapters.kafka.mock import HEARTBEAT, OFFSET_COMMIT, OFFSET_FETCH
from tests.adapters.kafka.suites import MAP, numbered
from tests.adapters.kafka.worlds import WITHIN, Ear, KafkaWorld, MockWorld, until
from tests.support.kafka import create_topics, transactions
from worker.adapters.kafka import (
    KafkaSource,
    consumer_config,
    offset_commits,
    poll_thread,
    start_offsets,
)
from worker.adapters.kafka import source as source_module
from worker.adapters.kafka.loop_bridge import Epoch
from worker.adapters.kafka.reading import Reading
from worker.core.assigned_partition import Position
from worker.core.record import Partition
from worker.ports import CommitFailed, SourceFailed


async def started(world: KafkaWorld, ear: Ear, *partitions: Partition) -> KafkaSource:
    """A source that has these partitions."""
    source = world.source(partitions[0].topic)
    await source.start(ear)
    await world.joined(source, ear, partitions)
    return source


async def test_wrong_settings(ear: Ear) -> None:
    """A property that librdkafka does not know fails the start, in words."""
    source = KafkaSource(
        consumer_config("127.0.0.1:1", "g", "c", {"no.such": "1"}), Reading(["t"]), drain_timeout=1
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
    source = KafkaSource(consumer_config("127.0.0.1:1", "g", "c", {}), Reading(["t"]), drain_timeout=1)
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
    poll_thread.order(lambda: poll_thread._on_lost(poll_thread._consumer, [TopicPartition(*at)]))
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


async def test_what_is_committed_is_asked_again(mock_world: MockWorld, ear: Ear) -> None:
    """A broker that does not say at first what is committed delays the assignment, no more."""
    (at,) = mock_world.create(1)
    source = await started(mock_world, ear, at)
    await source.commit({at: Position(3, MAP)})
    await source.stop()
    successor = Ear()
    mock_world.cluster.fail(OFFSET_FETCH, [KafkaError.GROUP_AUTHORIZATION_FAILED])
    source = await started(mock_world, successor, at)
    assert successor.ours[at][:3] == (at, 3, MAP)
    assert any("can't read what is committed" in trouble for trouble in successor.troubles)
    await source.stop()


async def test_unknown_commits_are_fatal(
    mock_world: MockWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition whose committed map can't be had is never worked on: the source fails, once."""
    monkeypatch.setattr(start_offsets, "WITHIN_SECONDS", 0.0)
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


async def test_slow_drain(mock_world: MockWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain that takes too long is given up, uncommitted and with a trouble, and the group goes on."""
    (at,) = mock_world.create(1)
    monkeypatch.setattr(source_module, "DRAIN_MARGIN_SECONDS", 0.2)
    config = consumer_config(mock_world.bootstrap, mock_world.group, "c", mock_world.properties)
    source = KafkaSource(config, Reading([at.topic]), drain_timeout=0.1)
    await source.start(ear)
    await mock_world.joined(source, ear, [at])
    ear.last = {at: Position(1, MAP)}
    ear.draining = asyncio.Event().wait  # for ever
    await source.stop()
    assert ear.events == ["assigned", "revoked"]
    assert any("not drained" in trouble for trouble in ear.troubles)
    assert not ear.failures


async def test_leaving_that_hangs(
    mock_world: MockWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A source that hangs as it leaves is left behind; a drain is waited for where there is one."""
    (at,) = mock_world.create(1)
    monkeypatch.setattr(source_module, "LEAVE_MARGIN_SECONDS", 0.2)
    config = consumer_config(mock_world.bootstrap, mock_world.group, "c", mock_world.properties)
    source = KafkaSource(config, Reading([at.topic]), drain_timeout=10_000)
    may_close, close = threading.Event(), poll_thread.PollThread.close

    def hang(of: poll_thread.PollThread) -> None:
        may_close.wait(WITHIN)
        close(of)

    monkeypatch.setattr(poll_thread.PollThread, "close", hang)
    await source.start(ear)
    await mock_world.joined(source, ear, [at])
    async with asyncio.timeout(WITHIN / 2):
        await source.stop()
    assert "the consumer did not leave its group in time" in caplog.text
    drained = asyncio.Event()
    ear.draining = drained.wait
    may_close.set()
    await until("a drain", lambda: "revoked" in ear.events)
    stopping = asyncio.create_task(source.stop())
    await asyncio.sleep(0.5)
    assert not stopping.done()
    drained.set()
    await stopping


async def test_leaving_without_a_broker(
    mock_world: MockWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaving while the broker is away says that the last commit failed, and does not wait for the broker."""
    (at,) = mock_world.create(1)
    monkeypatch.setattr(offset_commits, "REACH_TIMEOUT_SECONDS", 0.2)
    mock_world.properties["session.timeout.ms"] = 300_000  # a waiting commit would wait this long
    source = await started(mock_world, ear, at)
    ear.last = {at: Position(1, MAP)}
    mock_world.cluster.down()
    await source.stop()
    assert ear.events == ["assigned", "revoked"]
    assert any("the last commit failed" in trouble for trouble in ear.troubles)
    assert not ear.failures
    assert "kafka-consumer" not in [thread.name for thread in threading.enumerate()]


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


async def test_pauses_without_demand(mock_world: MockWorld, ear: Ear) -> None:
    """Without a demand what is read stays bounded, and a later demand gets all of it in order."""
    (at,) = mock_world.create(1)
    mock_world.write(at, numbered(3000))
    source = await started(mock_world, ear, at)
    source.ask(1)
    await ear.has(1)
    assert source._poll_thread is not None
    prefetch = source._poll_thread._prefetch
    await until("the pause", lambda: prefetch.choked)
    assert prefetch._free <= poll_thread.BATCH_RECORDS + 1
    polled = source.last_poll()
    await until("a poll", lambda: source.last_poll() > polled)
    source.ask(2999)
    await ear.has(3000)
    assert ear.offsets(at) == list(range(3000))
    await source.stop()


@pytest.mark.kafka
@pytest.mark.parametrize("way", ["cooperative-sticky", "range", "consumer"])
async def test_two_members(real_world: KafkaWorld, ear: Ear, way: str) -> None:
    """Members that come and go share the partitions: no record is missed, and no committed one read again."""
    name = "group.protocol" if way == "consumer" else "partition.assignment.strategy"
    real_world.properties[name] = way
    partitions = real_world.create(4)
    for at in partitions:
        real_world.write(at, numbered(100))
    first = await started(real_world, ear, *partitions)
    first.ask(400)
    await ear.has(400)
    ear.last = {at: Position(100, MAP) for at in partitions}
    second_ear = Ear()
    second = real_world.source(partitions[0].topic)
    await second.start(second_ear)
    second.ask(1000)
    first.ask(1000)
    await until("shares", lambda: len(ear.ours) == len(second_ear.ours) == 2)
    assert all(of.committed == 100 and of.metadata == MAP for of in second_ear.ours.values())
    for at in partitions:
        real_world.write(at, numbered(50))
    await until("the rest", lambda: len(ear.records) + len(second_ear.records) == 600)
    for at in partitions:
        assert sorted([*ear.offsets(at), *second_ear.offsets(at)]) == list(range(150))
    second_ear.last = {at: Position(150, MAP) for at in partitions}
    ear.last = dict(second_ear.last)
    await second.stop()
    await until("all back", lambda: len(ear.ours) == 4)
    assert sum(of.committed == 150 for of in ear.ours.values()) >= 2
    await first.stop()
    assert len(ear.records) + len(second_ear.records) == 600


@pytest.mark.kafka
async def test_topic_comes_later(real_world: KafkaWorld, ear: Ear) -> None:
    """A topic that does not exist yet is a trouble that names it; its partitions come when it is made."""
    topic = real_world.missing()
    source = real_world.source(topic, topic_metadata_refresh_interval_ms=500)
    await source.start(ear)
    await until("the trouble", lambda: any(topic in trouble for trouble in ear.troubles))
    assert not real_world.exists(topic)
    create_topics(real_world.bootstrap, {topic: 1})
    await real_world.joined(source, ear, [Partition(topic, 0)])
    await source.stop()


@pytest.mark.kafka
async def test_fenced(real_world: KafkaWorld, ear: Ear) -> None:
    """A member whose instance id another one took fails: the process must end."""
    (at,) = real_world.create(1)
    real_world.properties["group.instance.id"] = "one"
    source = await started(real_world, ear, at)
    usurper = Ear()
    other = real_world.source(at.topic)
    await other.start(usurper)
    await until("the failure", lambda: bool(ear.failures))
    await source.stop()
    assert [type(error) for error in ear.failures] == [SourceFailed]
    await other.stop()


@pytest.mark.kafka
async def test_large_record(real_world: KafkaWorld, ear: Ear) -> None:
    """A record larger than what is fetched at once comes all the same."""
    topic = real_world.missing()
    create_topics(real_world.bootstrap, {topic: 1}, {"max.message.bytes": "12000000"})
    at = Partition(topic, 0)
    large = bytes(10_000_000)
    real_world.write(at, [b"before", large, b"after"])
    source = await started(real_world, ear, at)
    source.ask(3)
    await ear.has(3)
    assert [record.value for record in ear.records] == [b"before", large, b"after"]
    await source.stop()


@pytest.mark.kafka
async def test_transactions(real_world: KafkaWorld, ear: Ear) -> None:
    """What takes offsets and is no record is told; what an open transaction keeps back is seen."""
    (at,) = real_world.create(1)
    source = await started(real_world, ear, at)
    source.ask(100)
    with transactions(real_world.bootstrap, at.topic) as write:
        write("one", "two")
        await ear.has(2)
        await until("the marker", lambda: ear.gaps == [(at, 2, 3)])
        write("three", end=False)
        real_world.write(at, [b"behind it"])
        await until("the transaction", lambda: source.watermarks()[at] == (0, 5, 3), within=40)
        assert len(ear.records) == 2
        assert len(ear.gaps) == 1
    await ear.has(3)
    await until("both markers", lambda: ear.gaps[-1] == (at, 5, 6))
    assert [record.value for record in ear.records] == [b"one", b"two", b"behind it"]
    await source.stop()
    assert ear.troubles == []
