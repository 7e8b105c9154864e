"""How far a group is, as one who only asks is told it."""

from __future__ import annotations

from confluent_kafka import KafkaError

from tests.adapters.kafka.mock import LIST_OFFSETS, MockCluster
from tests.support.kafka import Write, produce
from worker.adapters.kafka.config import consumer_config
from worker.adapters.kafka.group_state import GroupState, PartitionStanding
from worker.core.assigned_partition import Position
from worker.core.binding import Binding, LogId
from worker.core.offset_map import OffsetMap, encode

MAP = encode(5, OffsetMap(8, (5, 6)), Binding(LogId()))
"""Offset 7 is finished above position 5."""


def test_what_is_finished_above() -> None:
    """What a commit's map calls finished is not left, and all else above it is."""
    standing = PartitionStanding(0, 10, Position(5, MAP))
    assert standing.left == 4
    assert [offset for offset in range(4, 10) if standing.is_finished(offset)] == [4, 7]


def test_under_another_position() -> None:
    """A map that somebody put under another position, as MirrorMaker does, says nothing of what is left."""
    standing = PartitionStanding(0, 10, Position(3, MAP))
    assert standing.left == 7
    assert not standing.is_finished(7)


def test_while_a_leader_changes(cluster: MockCluster) -> None:
    """It asks again where a partition has no leader yet, as in a topic that has just been made."""
    cluster.create("t", 2)
    produce(cluster.bootstrap, "t", [Write(b"a", partition=0), Write(b"b", partition=1)])
    with GroupState(consumer_config(cluster.bootstrap, "g", "g-1", {})) as state:
        cluster.fail(LIST_OFFSETS, [KafkaError.NOT_LEADER_FOR_PARTITION] * 8)
        assert [one.left for one in state.standing(["t"]).values()] == [1, 1]
