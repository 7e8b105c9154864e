"""What others did to logs and offsets, and so which log a record or a commit is of.

The rule: an offset names a record only together with its log. Each time a log is made again or cut, a new
generation begins: what lay at or above the cut is gone, and offsets from there on are given anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tests.chaos.logs import Committed, Intervention
from worker.core.binding import UNKNOWN, Binding, LogId, marks_of
from worker.core.offset_map import DamagedMap, OffsetMap, read

REMADE, TRUNCATED, PASSED = "re-made", "truncated", "retention passed it"
SET, EDITED, DELETED = "offset set", "offset edited", "offset deleted"
LOGS = frozenset({REMADE, TRUNCATED})
"""After these, offsets are given anew."""
OFFSETS = frozenset({SET, EDITED, DELETED})
"""These say where the group goes on."""

LogPlace = tuple[str, int, int, int]
"""Topic, partition, offset, and the generation of the log in which it was given."""
Coverage = Mapping[LogPlace, Sequence[float]]
"""When each record was first seen committed, and again after an offset was set below it."""


class Known(NamedTuple):
    """What a commit tells: all below `offset` is finished, and what is `above`."""

    offset: int = 0
    above: frozenset[int] = frozenset()


class History:
    """Made with the interventions of a run."""

    def __init__(self, interventions: Iterable[Intervention] = ()) -> None:
        self._of: defaultdict[tuple[str, int], list[Intervention]] = defaultdict(list)
        for one in sorted(interventions, key=lambda one: one.at):
            self._of[one.topic, one.partition].append(one)

    @property
    def all(self) -> list[Intervention]:
        """Every intervention, in order."""
        return sorted((one for some in self._of.values() for one in some), key=lambda one: one.at)

    def place(self, topic: str, partition: int, offset: int, at: float) -> LogPlace:
        """The place of the record that had this offset at this moment."""
        born = generation = 0
        for one in self._of.get((topic, partition), ()):
            if one.what in LOGS and one.before <= at:
                generation += 1
                if one.offset <= offset:
                    born = generation
        return topic, partition, offset, born

    def gone(self, place: LogPlace) -> Intervention | None:
        """What took a record away; None where it lies there still."""
        topic, partition, offset, born = place
        generation = 0
        for one in self._of.get((topic, partition), ()):
            if one.what in LOGS:
                generation += 1
                if generation > born and one.offset <= offset:
                    return one
            elif one.what == PASSED and generation >= born and offset < one.offset:
                return one
        return None

    def set_before(self, place: LogPlace, at: float) -> float:
        """When an offset was last set at or below a record, before this moment; minus infinity for never."""
        topic, partition, offset, _ = place
        ours = self._of.get((topic, partition), ())
        sets = (one.at for one in ours if one.what in OFFSETS and one.offset <= offset and one.at <= at)
        return max(sets, default=float("-inf"))

    def since(self, commit: Committed, before: float) -> Sequence[Intervention]:
        """What was done to the partition of a commit after `before` and until it was seen."""
        ours = self._of.get((commit.topic, commit.partition), ())
        return [one for one in ours if before < one.at <= commit.at]

    def tells(self, commit: Committed) -> bool:
        """Whether a commit tells of the log that is there: not of an earlier one, nor seen amid a change."""
        changes = [
            one for one in self._of.get((commit.topic, commit.partition), ()) if one.before <= commit.at
        ]
        if any(one.at >= commit.since for one in changes):
            return False
        logs = [one for one in changes if one.what in LOGS]
        if any(one.what == TRUNCATED and 0 <= commit.epoch <= one.epoch for one in logs):
            return False
        ids = [one.topic_id for one in logs if one.what == REMADE]
        return not ids or _may_be_of(commit, ids[-1])


def after(known: Known, interventions: Iterable[Intervention]) -> Known:
    """What is left of what was known to be committed, after these."""
    for one in interventions:
        if one.what == TRUNCATED:
            above = frozenset(offset for offset in known.above if offset < one.offset)
            known = Known(min(known.offset, one.offset), above)
        elif one.what != PASSED:
            known = Known(one.offset)
    return known


def told_by(commit: Committed) -> Known:
    """What a commit tells; its map only where it was written for this very position."""
    try:
        written = read(commit.metadata)
    except DamagedMap:
        return Known(commit.offset)
    if written.finished is None or written.position != commit.offset:
        return Known(commit.offset)
    return Known(commit.offset, _above(commit.offset, written.finished))


def _above(offset: int, finished: OffsetMap) -> frozenset[int]:
    return frozenset(range(offset, finished.upto)) - frozenset(finished.holes)


def _may_be_of(commit: Committed, topic_id: str) -> bool:
    """Whether its metadata does not say that it was written for another log of this name."""
    try:
        there = read(commit.metadata).marks.topic
    except DamagedMap:
        return True
    return there in {UNKNOWN, marks_of(Binding(LogId(topic_id=topic_id))).topic}
