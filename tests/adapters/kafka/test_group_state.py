"""How far a group is, as one who only asks is told it."""

from __future__ import annotations

from worker.adapters.kafka.group_state import PartitionStanding
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
