"""Partitions of which it can't be read where they begin: they are waited for, and never guessed at."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from confluent_kafka import Consumer, KafkaError

from tests.adapters.kafka.ear import Ear, until
from tests.adapters.kafka.members import started
from tests.adapters.kafka.mock import LIST_OFFSETS, OFFSET_FETCH
from tests.adapters.kafka.suites import MAP, numbered
from tests.adapters.kafka.worlds import KafkaWorld, MockWorld
from worker.adapters.kafka import KafkaSource, KafkaUnavailable, deferred_partitions, group_member
from worker.adapters.kafka.config import Config
from worker.adapters.kafka.offset_lookup import StartPolicy
from worker.core import backoff
from worker.core.assigned_partition import Position
from worker.core.record import Partition
from worker.core.start_offset import RememberedOffset
from worker.ports import SourceFailed

NOBODY = "127.0.0.1:1"
WHY = "can't read what the group remembers: the broker restarts"


class Memories:
    """What a group remembers, once the broker tells it."""

    def __init__(self, memory: Mapping[Partition, RememberedOffset]) -> None:
        self._memory = memory
        self.asked = 0
        self.why: KafkaUnavailable | None = None

    def refuse(self, *, refused: bool = False) -> None:
        """Have the broker tell nothing from now on."""
        self.asked = 0
        self.why = KafkaUnavailable("the broker restarts", refused=refused)

    def recall(self) -> Mapping[Partition, RememberedOffset]:
        """What is remembered of each partition."""
        self.asked += 1
        if self.why is not None:
            raise self.why
        return self._memory


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 0.05)
    monkeypatch.setattr(deferred_partitions, "LONGEST_PAUSE_SECONDS", 0.05)


async def waits(source: KafkaSource, memories: Memories, *partitions: Partition) -> None:
    """Return when it was asked often enough where these begin."""
    await until("they wait", lambda: set(source.not_begun()) == set(partitions) and memories.asked > 3)


@pytest.mark.kafka
async def test_as_long_as_it_takes(any_way: KafkaWorld, ear: Ear) -> None:
    """What is not known at the assignment is asked for until it is: read is nothing, said is it once."""
    at, other = any_way.create(2)
    any_way.write(at, numbered(5))
    memories = Memories({at: RememberedOffset(3, None, 0.0), other: RememberedOffset(0, None, 0.0)})
    memories.refuse()
    source = any_way.source(at.topic, StartPolicy(recall=memories.recall))
    await source.start(ear)
    source.ask(100)
    await waits(source, memories, at, other)
    any_way.write(at, numbered(5))
    asked = memories.asked
    await until("it is asked on", lambda: memories.asked > asked + 3)
    assert source.not_begun() == {at: WHY, other: WHY}
    assert not source.not_joined()
    assert (ear.ours, ear.records, ear.failures) == ({}, [], [])
    memories.why = None
    await ear.has(7)
    any_way.write(other, numbered(1))
    await ear.has(8)
    assert ear.offsets(at) == [3, 4, 5, 6, 7, 8, 9]
    assert ear.offsets(other) == [0]
    assert source.not_begun() == {}
    told = [trouble for trouble in ear.troubles if WHY in trouble]
    names = {f"{at}, {other}", f"{other}, {at}"}
    assert told in [[f"{name}: not read until it is known where to begin: {WHY}"] for name in names]
    await source.stop()


async def test_another_flows(mock_world: MockWorld, ear: Ear) -> None:
    """A partition that is not begun keeps none that was begun from flowing."""
    mock_world.properties["partition.assignment.strategy"] = "cooperative-sticky"
    partitions = mock_world.create(2)
    memories = Memories({at: RememberedOffset(0, None, 0.0) for at in partitions})
    source, leaver = (
        mock_world.source(partitions[0].topic, StartPolicy(recall=memories.recall)) for _ in "ab"
    )
    await source.start(ear)
    leavers = Ear()
    await leaver.start(leavers)
    await until("one each", lambda: len(ear.ours) == len(leavers.ours) == 1)
    (ours,) = ear.ours
    (other,) = set(partitions) - {ours}
    memories.refuse()
    await leaver.stop()
    source.ask(100)
    await waits(source, memories, other)
    mock_world.write(ours, numbered(5))
    mock_world.write(other, numbered(3))
    await ear.has(5)
    assert ear.offsets(ours) == [0, 1, 2, 3, 4]
    memories.why = None
    await ear.has(8)
    assert ear.offsets(other) == [0, 1, 2]
    await source.stop()


@pytest.mark.kafka
async def test_what_is_committed_flows(any_way: KafkaWorld, ear: Ear) -> None:
    """A partition with a committed offset waits for none that was assigned with it, nor is it disturbed."""
    at, other = any_way.create(2)
    any_way.write(at, numbered(5))
    any_way.write(other, numbered(5))
    before = Ear()
    source = await started(any_way, before, at, other)
    await source.commit({at: Position(2, "")})
    await source.stop()
    memories = Memories({other: RememberedOffset(4, None, 0.0)})
    memories.refuse()
    source = any_way.source(at.topic, StartPolicy(recall=memories.recall))
    await source.start(ear)
    source.ask(100)
    await waits(source, memories, other)
    await ear.has(3)
    any_way.write(at, numbered(1))
    await ear.has(4)
    memories.why = None
    await ear.has(5)
    any_way.write(at, numbered(1))
    any_way.write(other, numbered(1))
    await ear.has(7)
    assert ear.offsets(at) == [2, 3, 4, 5, 6]
    assert ear.offsets(other) == [4, 5]
    assert not ear.failures
    await source.stop()


async def test_no_client_to_ask_with(
    mock_world: MockWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That no client can be made, as a file is amid a change, is waited for, too."""
    (at,) = mock_world.create(1)
    mock_world.write(at, numbered(5))
    memories = Memories({at: RememberedOffset(3, None, 0.0)})
    memories.refuse()
    source = mock_world.source(at.topic, StartPolicy(recall=memories.recall))
    await source.start(ear)
    source.ask(5)
    await waits(source, memories, at)
    assert source._poll_thread is not None

    def torn() -> Consumer:
        raise ValueError("the file is torn")

    with monkeypatch.context() as torn_for_a_while:
        torn_for_a_while.setattr(source._poll_thread.member.deferred, "_fresh", torn)
        memories.why = None
        why = {at: "no client to ask with: the file is torn"}
        await until("it is said", lambda: source.not_begun() == why)
        assert not ear.failures
    await ear.has(2)
    assert ear.offsets(at) == [3, 4]
    await source.stop()


async def test_a_client_that_asks_is_quiet(
    mock_world: MockWorld, ear: Ear, capfd: pytest.CaptureFixture[str]
) -> None:
    """The clients that ask where a partition begins write no lines of their own beside the log."""
    (at,) = mock_world.create(1)
    memories = Memories({at: RememberedOffset(0, None, 0.0)})
    memories.refuse()
    mock_world.bootstrap = f"{NOBODY},{mock_world.bootstrap}"
    source = mock_world.source(at.topic, StartPolicy(recall=memories.recall))
    await source.start(ear)
    await waits(source, memories, at)
    await source.stop()
    assert capfd.readouterr().err == ""


async def test_another_gets_it(mock_world: MockWorld, ear: Ear) -> None:
    """What is not begun and becomes another member's is waited for no more; nothing of it is drained."""
    partitions = mock_world.create(2)
    memories = Memories({})
    memories.refuse()
    source = mock_world.source(partitions[0].topic, StartPolicy(recall=memories.recall))
    await source.start(ear)
    await waits(source, memories, *partitions)
    heir = Ear()
    await mock_world.source(partitions[0].topic).start(heir)
    await until("it has one", lambda: len(heir.ours) == 1)
    await until("the other waits", lambda: set(source.not_begun()) == set(partitions) - heir.ours.keys())
    assert not ear.revoked
    assert not ear.lost


async def test_it_leaves(mock_world: MockWorld, ear: Ear) -> None:
    """A member leaves its group though none of its partitions was begun."""
    (at,) = mock_world.create(1)
    memories = Memories({})
    memories.refuse()
    source = mock_world.source(at.topic, StartPolicy(recall=memories.recall))
    await source.start(ear)
    await waits(source, memories, at)
    await source.stop()
    assert source.not_begun() == {}
    assert not ear.failures
    heir = Ear()
    await started(mock_world, heir, at)


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


async def test_what_comes_after_it_began(mock_world: MockWorld, ear: Ear) -> None:
    """Nothing that is written once a waiting partition flows is passed over, as at an end found out late."""
    (at,) = mock_world.create(1)
    mock_world.write(at, numbered(5))
    source = await started(mock_world, ear, at)
    await source.commit({at: Position(3, MAP)})
    await source.stop()
    successor = Ear()
    mock_world.cluster.delay(LIST_OFFSETS, 1_000)
    mock_world.cluster.fail(OFFSET_FETCH, [KafkaError.GROUP_AUTHORIZATION_FAILED])
    source = await started(mock_world, successor, at)
    source.ask(100)
    await successor.has(2)
    mock_world.write(at, numbered(1))
    await until("it comes", lambda: successor.offsets(at) == [3, 4, 5])
    await source.stop()


async def test_a_right_that_is_lacking(
    mock_world: MockWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may not be read is not taken for nothing, nor waited for for ever: the source fails, once."""
    monkeypatch.setattr(deferred_partitions, "REFUSED_SECONDS", 0.0)
    (at,) = mock_world.create(1)
    mock_world.write(at, numbered(5))
    memories = Memories({})
    memories.refuse(refused=True)
    source = mock_world.source(at.topic, StartPolicy(recall=memories.recall))
    await source.start(ear)
    source.ask(5)
    await until("the failure", lambda: bool(ear.failures))
    await source.stop()
    assert [(type(error), str(error)) for error in ear.failures] == [(SourceFailed, WHY)]
    assert not ear.records


async def test_present_login(mock_world: MockWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later try is made with the settings of then: a password may have been replaced since the start."""
    made: list[Config] = []

    def consumer(config: Config, **more: object) -> Consumer:
        made.append(config)
        return Consumer({**config}, **more)

    monkeypatch.setattr(group_member, "Consumer", consumer)
    (at,) = mock_world.create(1)
    source = await started(mock_world, ear, at)
    source._config["client.id"] = "renewed"
    assert source._poll_thread is not None
    source._poll_thread.member.deferred._fresh().close()
    assert made[-1]["client.id"] == "renewed"
    await source.stop()
