"""Where the reading of a partition begins: when it is assigned, and when its offset can't be used.

The rule: what is unknown is never taken for "everything again"; wherever reading begins but at the committed
offset, it is told. At an assignment:

| committed offset | its log | the group's memory | begins at |
| --- | --- | --- | --- |
| yes | this one, or not known to be another | | it |
| yes | a deleted one of the same name | | the log's start |
| none | | an offset in this log | that; higher where the journal tells of more |
| none | | an offset in a deleted one | the log's start; higher where the journal tells of more |
| none | | none, but the journal tells of it | the first offset that is not finished by it |
| none | | none, and the journal tells of a deleted one | the log's start; higher where it tells of this one |
| none | | of other partitions alone: this one is new | the log's start |
| none | | none: it is the group's first day | where START says |

Where the broker does not take an offset: the log was truncated below it, or its start has passed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from worker.core.binding import LogId
from worker.core.journaled_offsets import Journaled
from worker.core.offset_map import OffsetMap
from worker.core.record import Partition


class How(Enum):
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
        return self in {How.FIRST_DAY, How.NEW_PARTITION, How.REMEMBERED, How.JOURNALED}


class Marks(NamedTuple):
    """The first offset of a partition, and the one behind its last."""

    low: int
    high: int

    def nearest(self, offset: int) -> int:
        """The offset that can be read, or waited for, which is nearest to this one."""
        return max(self.low, min(offset, self.high))


class Start(NamedTuple):
    """Where reading begins, and why.

    `distance` is how many offsets lie from there to the log's end, but those of `finished`, which are known
    to be; of a truncated or expired log, how many of those that were counted on are gone.
    """

    how: How
    offset: int
    distance: int = 0
    finished: OffsetMap | None = None


class Memory(NamedTuple):
    """The offset that a group had committed at the time `at` (epoch seconds), in the log with this id."""

    offset: int
    topic_id: str | None
    at: float


class Journal(NamedTuple):
    """What a group's journal tells of partitions; `is_old` says that the group did not begin just now."""

    of: Mapping[Partition, Journaled] = {}
    is_old: bool = False


class Known(NamedTuple):
    """What a group knows of a partition without a committed offset; `first` is the offset that START says.

    `group` tells whether it knows anything of any partition of the topic.
    """

    memory: Memory | None
    group: bool
    first: int
    journaled: Journaled | None = None


def begin(log: LogId, known: Known, marks: Marks) -> Start:
    """Where a partition begins that has no committed offset."""
    memory, journaled = known.memory, known.journaled
    is_anew = memory is not None and is_another(LogId(log.cluster, memory.topic_id), log)
    memory = None if is_anew else memory
    if journaled is not None:
        is_anew = is_anew or (memory is None and journaled.is_anew)
        if journaled.finished:
            first = marks.low if is_anew else min(known.first, journaled.finished[0])
            return _start_by(journaled, first if memory is None else memory.offset, marks, memory)
    if memory is not None:
        return _start(How.REMEMBERED, memory.offset, marks)
    if is_anew:
        return _start(How.MADE_ANEW, marks.low, marks)
    if known.group:
        return _start(How.NEW_PARTITION, marks.low, marks)
    return _start(How.FIRST_DAY, known.first, marks)


def begin_anew(marks: Marks) -> Start:
    """Where a partition begins whose committed offset is of a deleted log."""
    return _start(How.MADE_ANEW, marks.low, marks)


def recover(tried: int, parted: int | None, marks: Marks) -> Start:
    """Where to go on when `tried` can't be read; `parted` is where its leader epoch ended, if known.

    An offset that can be read by now is tried again.
    """
    if parted is not None and parted < tried:
        return Start(How.TRUNCATED, marks.nearest(parted), tried - parted)
    if tried < marks.low:
        return Start(How.EXPIRED, marks.low, marks.low - tried)
    if tried > marks.high:
        return Start(How.TRUNCATED, marks.high, tried - marks.high)
    return Start(How.CONTINUED, tried)


def is_another(one: LogId, other: LogId) -> bool:
    """Whether two logs of a topic's name are known not to be the same."""
    return None not in {one.topic_id, other.topic_id} and one.topic_id != other.topic_id


def _start_by(journaled: Journaled, lowest: int, marks: Marks, memory: Memory | None) -> Start:
    """Where the journal says that a group is which was at `lowest`; there, where it tells of no more."""
    offset, finished, above = journaled.standing(marks.nearest(lowest), marks.high)
    if memory is not None and offset == memory.offset and finished is None:
        return _start(How.REMEMBERED, memory.offset, marks)
    return Start(How.JOURNALED, offset, marks.high - offset - above, finished)


def _start(how: How, offset: int, marks: Marks) -> Start:
    offset = marks.nearest(offset)
    return Start(how, offset, marks.high - offset)
