"""Where reading a partition begins: when it is assigned, and when its offset can't be used.

The rule: the unknown is never taken for "everything again"; a start anywhere but at the committed offset is
reported. At an assignment:

| committed offset | its log | the group's memory | begins at |
| --- | --- | --- | --- |
| yes | this one, or not known to be another | | the committed offset |
| yes | a deleted one of the same name | | the log's start |
| none | | an offset in this log | that; higher if the journal shows more |
| none | | an offset in a deleted one | the log's start; higher if the journal shows more |
| none | | none, but the journal knows it | the first offset that the journal does not show finished |
| none | | none, and the journal knows a deleted one | the log's start; higher if it knows this one |
| none | | only of other partitions: this one is new | the log's start |
| none | | none: it is the group's first day | where START says |
If the broker refuses an offset, either the log was truncated below it, or its start has passed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from worker.core.binding import LogId
from worker.core.journaled_offsets import FinishedOffsets
from worker.core.offset_map import OffsetMap
from worker.core.record import Partition


class StartReason(Enum):
    """Why reading begins where it does."""

    CONTINUED = "continued"
    FIRST_DAY = "first_day"
    NEW_PARTITION = "new_partition"
    REMEMBERED = "remembered"
    JOURNALED = "journaled"
    MADE_ANEW = "made_anew"
    TRUNCATED = "truncated"
    EXPIRED = "expired"

    @property
    def without_offset(self) -> bool:
        """Whether there was no committed offset."""
        return self in {
            StartReason.FIRST_DAY,
            StartReason.NEW_PARTITION,
            StartReason.REMEMBERED,
            StartReason.JOURNALED,
        }


class WatermarkOffsets(NamedTuple):
    """The first offset of a partition, and the one after its last."""

    low: int
    high: int

    def nearest(self, offset: int) -> int:
        """The nearest offset that can be read or waited for."""
        return max(self.low, min(offset, self.high))


class Start(NamedTuple):
    """Where reading begins, and why.

    `distance` is the number of offsets from there to the log's end, without those that `finished` holds; for
    a truncated or expired log, the number of expected offsets that are gone.
    """

    how: StartReason
    offset: int
    distance: int = 0
    finished: OffsetMap | None = None


class RememberedOffset(NamedTuple):
    """The offset that a group had committed at the time `at` (epoch seconds), in the log with this id."""

    offset: int
    topic_id: str | None
    at: float


class GroupJournal(NamedTuple):
    """What a group's journal shows of partitions; `is_old`: the group has not just begun with their topic."""

    of: Mapping[Partition, FinishedOffsets] = {}
    is_old: bool = False


class OffsetEvidence(NamedTuple):
    """What a group knows of a partition without a committed offset; `first` is START's offset.

    `group` says whether it knows anything of any partition of the topic, or knew the topic without this one.
    """

    memory: RememberedOffset | None
    group: bool
    first: int
    journaled: FinishedOffsets | None = None


def begin(log: LogId, evidence: OffsetEvidence, marks: WatermarkOffsets) -> Start:
    """Where a partition without a committed offset begins."""
    memory, journaled = evidence.memory, evidence.journaled
    is_anew = memory is not None and is_another(LogId(log.cluster, memory.topic_id), log)
    memory = None if is_anew else memory
    if journaled is not None:
        is_anew = is_anew or journaled.is_anew
        if journaled.finished:
            first = marks.low if is_anew else min(evidence.first, journaled.finished[0])
            return _start_by(journaled, first if memory is None else memory.offset, marks, memory)
    if memory is not None:
        return _start(StartReason.REMEMBERED, memory.offset, marks)
    if is_anew:
        return _start(StartReason.MADE_ANEW, marks.low, marks)
    if evidence.group:
        return _start(StartReason.NEW_PARTITION, marks.low, marks)
    return _start(StartReason.FIRST_DAY, evidence.first, marks)


def begin_anew(marks: WatermarkOffsets) -> Start:
    """Where a partition with a committed offset of a deleted log begins."""
    return _start(StartReason.MADE_ANEW, marks.low, marks)


def recover(tried: int, parted: int | None, marks: WatermarkOffsets) -> Start:
    """Where to go on when `tried` can't be read; `parted` is where its leader epoch ended, if known.

    An offset that has become readable is tried again.
    """
    if parted is not None and parted < tried:
        return Start(StartReason.TRUNCATED, marks.nearest(parted), tried - parted)
    if tried < marks.low:
        return Start(StartReason.EXPIRED, marks.low, marks.low - tried)
    if tried > marks.high:
        return Start(StartReason.TRUNCATED, marks.high, tried - marks.high)
    return Start(StartReason.CONTINUED, tried)


def is_another(one: LogId, other: LogId) -> bool:
    """Whether two logs of the same name are known to differ."""
    return None not in {one.topic_id, other.topic_id} and one.topic_id != other.topic_id


def _start_by(
    journaled: FinishedOffsets, lowest: int, marks: WatermarkOffsets, memory: RememberedOffset | None
) -> Start:
    """Where a group that was at `lowest` is by its journal; at `lowest`, if that shows nothing more."""
    offset, finished, above = journaled.standing(marks.nearest(lowest), marks.high)
    if memory is not None and offset == memory.offset and finished is None:
        return _start(StartReason.REMEMBERED, memory.offset, marks)
    return Start(StartReason.JOURNALED, offset, marks.high - offset - above, finished)


def _start(how: StartReason, offset: int, marks: WatermarkOffsets) -> Start:
    offset = marks.nearest(offset)
    return Start(how, offset, marks.high - offset)
