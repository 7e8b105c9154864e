"""A member that was not told what the group's coordinator takes for its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from tests.adapters.kafka.ear import Ear, until
from tests.adapters.kafka.worlds import KafkaWorld
from tests.support.broker import Broker
from tests.support.gate import Gate
from tests.support.needed import needs_kafka
from worker.adapters.kafka import group_agreement
from worker.adapters.kafka.config import Config
from worker.adapters.kafka.topic_ids import TopicIds
from worker.core import agreement

NEW: Config = {"group.protocol": "consumer"}
MISSED = "because the client missed changes of"


class Group:
    """A group at which the member `me` looks, who has partition 0; `question` is the one asked next."""

    def __init__(self, config: Config) -> None:
        self.asked = 0
        self.question: Future[Any] = Future()
        self.told: list[str] = []
        self.renewed = self.idle = 0
        self.held = [TopicPartition("t", 0)]
        self._look = group_agreement.GroupAgreement(
            {"group.id": "g", **config}, cast("TopicIds", self), self.told.append, self._renew, self._idle
        )

    def ask_of_group(self, group: str) -> Future[Any]:
        self.asked += 1
        return self.question

    def memberid(self) -> str:
        return "me"

    def assignment(self) -> list[TopicPartition]:
        return self.held

    def look(self, times: int) -> None:
        for _ in range(times):
            self._look.look(cast("Consumer", self))

    def _renew(self) -> None:
        self.renewed += 1

    def _idle(self) -> None:
        self.idle += 1


def answer(member_id: str, *, is_classic: bool = False, count: int = 2) -> Future[Any]:
    """A description of a group with one member, which has so many partitions."""
    has = SimpleNamespace(topic_partitions=[TopicPartition("t", number) for number in range(count)])
    target = None if is_classic else has
    member = SimpleNamespace(member_id=member_id, assignment=has, target_assignment=target)
    answered: Future[Any] = Future()
    answered.set_result(SimpleNamespace(members=[member]))
    return answered


def refusal() -> Future[Any]:
    """The answer to a user without the right."""
    answered: Future[Any] = Future()
    answered.set_exception(KafkaException(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)))
    return answered


@pytest.fixture(scope="module")
def gate() -> Gate:
    """The lossy way to the broker."""
    return Gate()


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[Broker]:
    """A broker that a lossy way leads to, beside a good one."""
    broker = Broker(Path(tmp_path_factory.mktemp("agreement")))
    # A member that a busy machine keeps from its heartbeats is to stay one.
    patient = {"group.consumer.session.timeout.ms": "30000"}
    broker.properties.update({**gate.properties(broker), **patient})
    with needs_kafka(), broker:
        yield broker


@pytest.fixture
async def good(own_broker: Broker) -> AsyncIterator[KafkaWorld]:
    """Members that hear all answers."""
    world = KafkaWorld(own_broker.bootstrap, NEW)
    yield world
    await world.close()


@pytest.fixture
async def lossy(own_broker: Broker, gate: Gate, good: KafkaWorld) -> AsyncIterator[KafkaWorld]:
    """Members of the same group that may not."""
    async with gate:
        world = KafkaWorld(gate.bootstrap, NEW)
        world.group = good.group
        yield world
        await world.close()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often; the broker's heartbeats are half a second apart."""
    monkeypatch.setattr(group_agreement, "LOOK_EVERY_SECONDS", 0.5)
    monkeypatch.setattr(agreement, "STANDS_SECONDS", 3.0)


@pytest.mark.kafka
@pytest.mark.parametrize("static", [{}, {"group.instance.id": "third"}], ids=["", "static"])
async def test_what_it_was_given(
    good: KafkaWorld, lossy: KafkaWorld, gate: Gate, static: dict[str, str]
) -> None:
    """A member whose answer that gave it a partition was lost joins anew, and reads the partition."""
    partitions = good.create(6)
    lossy.properties.update(static)
    ears = [Ear(), Ear(), Ear()]
    first, second, third = (world.source(partitions[0].topic) for world in (good, good, lossy))
    await first.start(ears[0])
    await second.start(ears[1])
    await until("two share", lambda: len(ears[0].ours) == len(ears[1].ours) == 3)
    drained = asyncio.Event()
    ears[1].draining = drained.wait
    await third.start(ears[2])
    await until("the first has given its share", lambda: len(ears[2].ours) == 1)
    gate.lose_next()
    drained.set()
    lost = gate.lost
    await until("the answer is lost", lambda: gate.lost > lost)
    await until("three share", lambda: [len(ear.ours) for ear in ears] == [2, 2, 2])
    assert any(MISSED in trouble for trouble in ears[2].troubles)


@pytest.mark.kafka
async def test_what_was_taken_from_it(good: KafkaWorld, lossy: KafkaWorld, gate: Gate) -> None:
    """A member whose answer that took partitions from it was lost joins anew, and another one has them."""
    partitions = good.create(4)
    ears = [Ear(), Ear()]
    first, second = (world.source(partitions[0].topic) for world in (lossy, good))
    await first.start(ears[0])
    await until("it has all", lambda: len(ears[0].ours) == 4)
    lost = gate.lost
    gate.lose_next()
    await second.start(ears[1])
    await until("the answer is lost", lambda: gate.lost > lost)
    await until("two share", lambda: len(ears[0].ours) == len(ears[1].ours) == 2)
    assert any(MISSED in trouble for trouble in ears[0].troubles)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at each call, and take no difference for a passing one."""
    monkeypatch.setattr(group_agreement, "LOOK_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(agreement, "STANDS_SECONDS", 0.0)


@pytest.mark.usefixtures("at_once")
def test_what_is_told_of_a_difference() -> None:
    """The line names the group and the partition, and the member is to join anew."""
    group = Group(NEW)
    group.question = answer("me")
    group.look(2)
    assert group.told == [f"group g: joins anew, {MISSED} t/1"]
    assert group.renewed == 1


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("question", [Future(), refusal(), answer("another"), answer("me", is_classic=True)])
def test_what_tells_nothing(question: Future[Any]) -> None:
    """Neither silence, nor a refusal, nor what is told of others, or by the classic protocol, counts."""
    group = Group(NEW)
    group.question = question
    group.look(5)
    assert not group.renewed


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(("held", "given", "idle"), [(0, 0, True), (0, 2, False), (1, 0, False)])
def test_a_member_that_is_to_have_nothing(held: int, given: int, idle: bool) -> None:
    """It is told that it is a member all the same, unless it has something, or is to have it."""
    group = Group(NEW)
    group.held = group.held[:held]
    group.question = answer("me", count=given)
    group.look(2)
    assert bool(group.idle) is idle


@pytest.mark.usefixtures("at_once")
def test_a_question_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked again only after a while, because its client may be gone."""
    group = Group(NEW)
    group.look(5)
    assert group.asked == 1
    monkeypatch.setattr(group_agreement, "ASK_AGAIN_SECONDS", 0.0)
    group.look(1)
    assert group.asked == 2


@pytest.mark.usefixtures("at_once")
def test_the_classic_protocol() -> None:
    """With it nobody is asked."""
    group = Group({})
    group.look(5)
    assert not group.asked
