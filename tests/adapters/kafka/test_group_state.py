"""How far a group is, as one who only asks is told it."""

from __future__ import annotations

import threading

import pytest
from confluent_kafka import KafkaError

from tests.adapters.kafka.mock import LIST_OFFSETS, MockCluster
from tests.support.kafka import WITHIN, Write, produce
from worker.adapters.kafka import group_state
from worker.adapters.kafka.config import consumer_config
from worker.adapters.kafka.group_state import GroupState, PartitionStanding
from worker.core.assigned_partition import Position
from worker.core.binding import Binding, LogId
from worker.core.offset_map import OffsetMap, encode
from worker.core.record import Partition

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


def test_without_a_leader(cluster: MockCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Partitions without a leader are named, and the others are told of where those are left out."""
    monkeypatch.setattr(group_state, "LEADERS_WITHIN_SECONDS", 0.0)
    at = Partition("t", 1)
    cluster.create("t", 2)
    cluster.create("u", 1)
    produce(cluster.bootstrap, "t", [Write(b"a", partition=0), Write(b"b", partition=1)])
    cluster.lead(at, is_led=False)
    with GroupState(consumer_config(cluster.bootstrap, "g", "g-1", {})) as state:
        assert state.leaderless(["t", "u", "none"]) == [at]
        assert state.leaderless(["u"]) == []
        assert [(of.number, one.left) for of, one in state.standing(["t"], [at]).items()] == [(0, 1)]
        assert state.since("t", 0.0, [at]) == 1


def test_a_leader_that_changes(cluster: MockCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition that soon has a leader again is not named; one known to have none is not waited for."""
    monkeypatch.setattr(group_state, "LEADERS_WITHIN_SECONDS", WITHIN)
    at = Partition("t", 0)
    cluster.create("t", 1)
    cluster.lead(at, is_led=False)
    with GroupState(consumer_config(cluster.bootstrap, "g", "g-1", {})) as state:
        assert state.leaderless(["t"], [at]) == [at]
        back = threading.Timer(0.5, lambda: cluster.lead(at, is_led=True))
        back.start()
        assert state.leaderless(["t"]) == []
        back.join()
