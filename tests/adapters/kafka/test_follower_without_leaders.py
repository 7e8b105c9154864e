"""A partition of the journal that has no leader can't be read; the others can."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from confluent_kafka import KafkaError

from tests.adapters.kafka.following import PARTITIONS, World, heard, real, step
from tests.runner.harness import until
from tests.support.kafka import Names, Write, create_topics, produce
from worker.adapters.kafka import journal_follower
from worker.adapters.kafka.journal_client import JournalClient


@pytest.mark.kafka
async def test_a_partition_without_a_leader(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One partition that has no leader can't be read; the other is, and this one once it has one again."""
    names = Names.fresh()
    create_topics(kafka, {names.journal: PARTITIONS})
    without, asks = {1}, JournalClient.offsets

    def offsets(client: JournalClient, numbers: Collection[int], which: int) -> dict[int, int]:
        if without.isdisjoint(numbers):
            return asks(client, numbers, which)
        client._untold = KafkaError(KafkaError.LEADER_NOT_AVAILABLE)
        return asks(client, [number for number in numbers if number not in without], which)

    monkeypatch.setattr(JournalClient, "offsets", offsets)
    monkeypatch.setattr(journal_follower, "STALE_SECONDS", 1.5)
    with real(kafka, names) as follower:
        world = World(
            follower, lambda at, value: produce(kafka, names.journal, [Write(value, b"key", (), at)])
        )
        follower.start(world.listener)
        follower.follow({0, 1}, {0, 1}, 1)
        await heard(world, ("read", 100))
        await until("the other is not", lambda: bool(world.listener.unread))
        without.clear()
        await heard(world, ("read", 100), ("read", 101))
        without.add(1)
        world.listener.unread.clear()
        await until("it is not read again", lambda: bool(world.listener.unread))
        world.write(0, step(1))
        await heard(world, ("read", 100), ("read", 101), "e-1")
        without.clear()
        await heard(world, ("read", 100), ("read", 101), "e-1", ("read", 101))
        why = "its journal can't be read: Broker: Leader not available"
        assert {*world.listener.unread} == {f"[1]: {why}"}
        await follower.stop()
