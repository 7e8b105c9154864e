"""A member that was not told what the group's coordinator takes for its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.adapters.kafka.ear import Ear, until
from tests.adapters.kafka.worlds import KafkaWorld
from tests.support.broker import Broker
from tests.support.gate import Gate
from tests.support.needed import needs_kafka
from worker.adapters.kafka import group_agreement
from worker.core import agreement

pytestmark = pytest.mark.kafka

NEW = {"group.protocol": "consumer"}
MISSED = "because the client missed changes of"


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
