"""A topic that gets more partitions while members of its group come and go."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from confluent_kafka import Consumer

from tests.adapters.kafka.ear import Ear, until
from tests.adapters.kafka.members import WAYS, started
from tests.adapters.kafka.suites import MAP, numbered
from tests.adapters.kafka.worlds import KafkaWorld
from worker.adapters.kafka import admin_config, group_member
from worker.adapters.kafka.admin import grow
from worker.core.assigned_partition import Position
from worker.core.record import Partition

DRAIN_SECONDS = 4.0
"""Longer than the clients take to see that a topic has grown, and the group to share it out anew."""


class Counting(Consumer):
    """A client that counts how often it looks at its topics."""

    looks = 0

    def list_topics(self, *arguments: Any, **named: Any) -> Any:
        self.looks += 1
        return super().list_topics(*arguments, **named)


class DrainingEar(Ear):
    """Takes its time over a revocation, during which the topic grows; `other` is the member that joins."""

    def __init__(self, world: KafkaWorld, other: Ear) -> None:
        super().__init__()
        self._world, self._other = world, other
        self.draining = self._drain
        self.taken: set[Partition] = set()
        """What the other one was given while it was still being drained here."""

    async def _drain(self) -> None:
        if self._other.ours:
            return
        at = next(iter(self.ours))
        config = admin_config(self._world.bootstrap, "test", {})
        await asyncio.to_thread(grow, config, {at.topic: 6})
        ends_at = asyncio.get_running_loop().time() + DRAIN_SECONDS
        while not self.taken and asyncio.get_running_loop().time() < ends_at:
            await asyncio.sleep(0.05)
            self.taken = self.ours.keys() & self._other.ours.keys()


@pytest.mark.kafka
@pytest.mark.parametrize("way", WAYS)
async def test_while_a_member_drains(real_world: KafkaWorld, way: str) -> None:
    """What a member drains is given to nobody before it is committed, also when the topic grows meanwhile."""
    name = "group.protocol" if way == "consumer" else "partition.assignment.strategy"
    real_world.properties |= {name: way, "topic.metadata.refresh.interval.ms": 300}
    if way != "consumer":
        real_world.properties["heartbeat.interval.ms"] = 200
    partitions = real_world.create(4)
    for at in partitions:
        real_world.write(at, numbered(10))
    second_ear = Ear()
    ear = DrainingEar(real_world, second_ear)
    first = await started(real_world, ear, *partitions)
    first.ask(40)
    await ear.has(40)
    ear.last = {at: Position(10, MAP) for at in partitions}
    second = real_world.source(partitions[0].topic)
    await second.start(second_ear)
    await until("all six are given", lambda: len(ear.ours) + len(second_ear.ours) == 6 or bool(ear.taken))
    assert not ear.taken, "given to the other one while it was drained"
    given = [of for of in second_ear.ours.values() if of.at in partitions]
    assert all(of.committed == 10 for of in given)
    ear.draining = None
    await second.stop()
    await first.stop()


@pytest.mark.kafka
async def test_while_another_member_drains(
    real_world: KafkaWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While its group waits for a member that drains, a client does not look at a topic that has grown.

    It would join again, drop the answer that it waits for, and take the answer to a commit of the generation
    before for the loss of its partitions, if both come at once.
    """
    clients: list[Counting] = []

    def client(*arguments: Any, **named: Any) -> Consumer:
        clients.append(Counting(*arguments, **named))
        return clients[-1]

    monkeypatch.setattr(group_member, "Consumer", client)
    (at, *_) = real_world.create(6)
    waiting, draining, joining = (real_world.source(at.topic) for _ in range(3))
    second_ear, third_ear, drained = Ear(), Ear(), asyncio.Event()
    await waiting.start(ear)
    await draining.start(second_ear)
    await until("two shares", lambda: len(ear.ours) == len(second_ear.ours) == 3)
    second_ear.draining = drained.wait
    await joining.start(third_ear)
    await until("the drain", lambda: second_ear.events[-1] == "revoked" and len(ear.ours) == 2)
    looks = clients[0].looks
    await asyncio.to_thread(grow, admin_config(real_world.bootstrap, "test", {}), {at.topic: 9})
    await until("it is known", lambda: real_world.ids.partitions(at.topic) == 9)
    for _ in range(2):  # it looks after a poll
        polled = waiting.last_poll()
        await until("a turn", partial(lambda before: waiting.last_poll() > before, polled))
    assert clients[0].looks == looks
    drained.set()
    await until("three shares", lambda: {len(one.ours) for one in (ear, second_ear, third_ear)} == {3})
    assert ear.lost == []
    for source in (joining, draining, waiting):
        await source.stop()
