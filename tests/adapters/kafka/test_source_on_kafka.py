"""What only a real broker does with members of a group."""

from __future__ import annotations

import pytest
from confluent_kafka import TopicPartition

from tests.adapters.kafka.ear import Ear, until
from tests.adapters.kafka.members import started
from tests.adapters.kafka.suites import MAP, numbered
from tests.adapters.kafka.worlds import KafkaWorld
from tests.support.kafka import create_topics, wait_until
from tests.support.transactions import transactions
from worker.adapters.kafka.offset_gaps import OffsetGaps
from worker.core.assigned_partition import Position
from worker.core.record import Partition
from worker.ports import SourceFailed


@pytest.mark.kafka
@pytest.mark.parametrize("way", ["cooperative-sticky", "range", "consumer"])
async def test_two_members(real_world: KafkaWorld, ear: Ear, way: str) -> None:
    """Members that come and go share the partitions: no record is missed, and no committed one read again."""
    name = "group.protocol" if way == "consumer" else "partition.assignment.strategy"
    real_world.properties[name] = way
    if way == "consumer":  # where an answer is lost, the client keeps for so long what it was to give up
        real_world.properties["max.poll.interval.ms"] = 10_000
    partitions = real_world.create(4)
    for at in partitions:
        real_world.write(at, numbered(100))
    first = await started(real_world, ear, *partitions)
    first.ask(400)
    await ear.has(400)
    ear.last = {at: Position(100, MAP) for at in partitions}
    if way == "consumer":  # then it loses them
        await first.commit(ear.last)
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
async def test_a_member_that_gets_nothing(any_way: KafkaWorld, ear: Ear) -> None:
    """A member of whom there are more than partitions is joined, also where it has lost what it had."""
    any_way.properties |= {"max.poll.interval.ms": 6_000, "session.timeout.ms": 6_000}
    (at,) = any_way.create(1)
    ears = {any_way.source(at.topic): one for one in (ear, Ear())}
    for source, its_ear in ears.items():
        await source.start(its_ear)
    await until("both have joined", lambda: not any(source.not_joined() for source in ears))
    await until("one has it", lambda: any(at in its_ear.ours for its_ear in ears.values()))
    (holder,) = (source for source, its_ear in ears.items() if at in its_ear.ours)
    (other,) = ears.keys() - {holder}
    thread = holder._poll_thread
    assert thread is not None
    thread.order(lambda: wait_until("another one has it", lambda: at in ears[other].ours))
    await until("the loss", lambda: at in ears[holder].lost)
    await until("it has joined again", lambda: not holder.not_joined())
    for source in ears:
        await source.stop()


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
async def test_fenced_by_itself(real_world: KafkaWorld, ear: Ear) -> None:
    """A member that was out of its group, and is told that its id is another's, joins with another client."""
    (at,) = real_world.create(1)
    real_world.properties["group.instance.id"] = "one"
    source = await started(real_world, ear, at)
    thread = source._poll_thread
    assert thread is not None
    thread.order(thread.member.errors.lost)
    later = Ear()  # stands for our own next membership
    other = real_world.source(at.topic)
    await other.start(later)
    await until("it has joined again", lambda: ear.events.count("assigned") > 1)
    assert ear.failures == []
    real_world.write(at, [b"1"])
    source.ask(1)
    await ear.has(1)
    await source.stop()
    await other.stop()


@pytest.mark.kafka
async def test_unreleased(real_world: KafkaWorld, ear: Ear) -> None:
    """A member whose instance id another one still has, with the new protocol, says so and joins later."""
    (at,) = real_world.create(1)
    real_world.properties.update({"group.instance.id": "one", "group.protocol": "consumer"})
    former = Ear()
    before = await started(real_world, former, at)
    source = real_world.source(at.topic)
    await source.start(ear)
    await until("it is told", lambda: any("group.instance.id" in trouble for trouble in ear.troubles))
    assert source.not_joined()
    await before.stop()
    await until("it has joined", lambda: at in ear.ours)
    assert ear.failures == []
    await source.stop()


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


@pytest.mark.kafka
async def test_passed_over_as_it_leaves(
    real_world: KafkaWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes offsets and is no record is told before a source leaves, however short its time was."""
    (at,) = real_world.create(1)
    source = await started(real_world, ear, at)
    monkeypatch.setattr(OffsetGaps, "is_due", lambda _gaps, now: now == float("inf"))
    source.ask(100)
    with transactions(real_world.bootstrap, at.topic) as write:
        write("one")
        await ear.has(1)
    thread = source._poll_thread
    assert thread is not None
    places, topic = [], [TopicPartition(at.topic, at.number)]

    def is_behind_the_marker() -> bool:
        thread.order(lambda: places.extend(thread.member.consumer.position(topic)))
        return bool(places) and places[-1].offset == 2

    await until("the marker is behind it", is_behind_the_marker)
    assert not ear.gaps
    await source.stop()
    assert ear.gaps == [(at, 1, 2)]
