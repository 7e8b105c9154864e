"""Where reading begins: a table of what is known, and what is true of every case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.binding import LogId
from worker.core.journaled_offsets import FinishedOffsets
from worker.core.offset_map import OffsetMap
from worker.core.start_offset import (
    OffsetEvidence,
    RememberedOffset,
    Start,
    StartReason,
    WatermarkOffsets,
    begin,
    begin_anew,
    recover,
)

LOG = LogId("cluster", "id")
MARKS = WatermarkOffsets(10, 100)
WHOLE = FinishedOffsets(None, [10, 11, 15, 16, 17])
FROM_12 = Start(StartReason.JOURNALED, 12, 85, OffsetMap(18, (12, 13, 14)))
PART = FinishedOffsets(15, [10, 11, 15, 16, 17])

BEGINS: dict[str, tuple[OffsetEvidence, Start]] = {
    "remembered": (
        OffsetEvidence(RememberedOffset(60, "id", 0.0), True, 10),
        Start(StartReason.REMEMBERED, 60, 40),
    ),
    "remembered without an id": (
        OffsetEvidence(RememberedOffset(60, None, 0.0), True, 10),
        Start(StartReason.REMEMBERED, 60, 40),
    ),
    "remembered, expired by now": (
        OffsetEvidence(RememberedOffset(3, "id", 0.0), True, 100),
        Start(StartReason.REMEMBERED, 10, 90),
    ),
    "remembered beyond the end": (
        OffsetEvidence(RememberedOffset(300, "id", 0.0), True, 10),
        Start(StartReason.REMEMBERED, 100, 0),
    ),
    "of a deleted log": (
        OffsetEvidence(RememberedOffset(60, "old", 0.0), True, 100),
        Start(StartReason.MADE_ANEW, 10, 90),
    ),
    "journaled whole": (
        OffsetEvidence(None, False, 10, WHOLE),
        FROM_12,
    ),
    "journaled whole, but later": (
        OffsetEvidence(None, False, 100, WHOLE),
        FROM_12,
    ),
    "journaled in part": (OffsetEvidence(None, False, 10, PART), Start(StartReason.JOURNALED, 18, 82)),
    "journaled since it was remembered": (
        OffsetEvidence(RememberedOffset(14, "id", 0.0), True, 10, WHOLE),
        Start(StartReason.JOURNALED, 14, 83, OffsetMap(18, (14,))),
    ),
    "journaled on from where it was remembered": (
        OffsetEvidence(RememberedOffset(15, "id", 0.0), True, 10, WHOLE),
        Start(StartReason.JOURNALED, 18, 82),
    ),
    "journaled before it was remembered": (
        OffsetEvidence(RememberedOffset(60, "id", 0.0), True, 10, WHOLE),
        Start(StartReason.REMEMBERED, 60, 40),
    ),
    "journaled, and a deleted log is remembered": (
        OffsetEvidence(RememberedOffset(60, "old", 0.0), True, 10, WHOLE),
        FROM_12,
    ),
    "journaled, a deleted log is remembered, and START is behind it": (
        OffsetEvidence(RememberedOffset(60, "old", 0.0), True, 100, FinishedOffsets(None, [12])),
        Start(StartReason.JOURNALED, 10, 89, OffsetMap(13, (10, 11))),
    ),
    "journaled before START": (
        OffsetEvidence(None, False, 100, FinishedOffsets(None, [12])),
        Start(StartReason.JOURNALED, 13, 87),
    ),
    "journaled from START on": (
        OffsetEvidence(None, False, 11, FinishedOffsets(None, [12])),
        Start(StartReason.JOURNALED, 11, 88, OffsetMap(13, (11,))),
    ),
    "journaled of a deleted log": (
        OffsetEvidence(None, False, 100, FinishedOffsets(None, [], is_anew=True)),
        Start(StartReason.MADE_ANEW, 10, 90),
    ),
    "journaled of a deleted log, and of this one": (
        OffsetEvidence(None, False, 100, FinishedOffsets(None, [12], is_anew=True)),
        Start(StartReason.JOURNALED, 10, 89, OffsetMap(13, (10, 11))),
    ),
    "journaled of a deleted log, remembered": (
        OffsetEvidence(RememberedOffset(60, "id", 0.0), True, 10, FinishedOffsets(None, [], is_anew=True)),
        Start(StartReason.REMEMBERED, 60, 40),
    ),
    "a new partition": (OffsetEvidence(None, True, 100), Start(StartReason.NEW_PARTITION, 10, 90)),
    "the first day, earliest": (OffsetEvidence(None, False, 10), Start(StartReason.FIRST_DAY, 10, 90)),
    "the first day, latest": (OffsetEvidence(None, False, 100), Start(StartReason.FIRST_DAY, 100, 0)),
    "the first day, a time": (OffsetEvidence(None, False, 70), Start(StartReason.FIRST_DAY, 70, 30)),
}


@pytest.mark.parametrize(("known", "start"), BEGINS.values(), ids=[*BEGINS])
def test_begins(known: OffsetEvidence, start: Start) -> None:
    """Without a committed offset the group's memory decides, and START on its first day alone."""
    assert begin(LOG, known, MARKS) == start


def test_begins_anew() -> None:
    """A committed offset of a deleted log means nothing: all of the new one is read."""
    assert begin_anew(MARKS) == Start(StartReason.MADE_ANEW, 10, 90)


RECOVERS: dict[str, tuple[int, int | None, Start]] = {
    "truncated, where the epochs parted": (80, 60, Start(StartReason.TRUNCATED, 60, 20)),
    "truncated below the log's start": (80, 5, Start(StartReason.TRUNCATED, 10, 75)),
    "truncated, and above the end": (120, 60, Start(StartReason.TRUNCATED, 60, 60)),
    "above the end": (120, None, Start(StartReason.TRUNCATED, 100, 20)),
    "retention has passed it": (4, None, Start(StartReason.EXPIRED, 10, 6)),
    "it can be read": (80, None, Start(StartReason.CONTINUED, 80)),
    "at the end": (100, None, Start(StartReason.CONTINUED, 100)),
    "no epoch ended before it": (80, 90, Start(StartReason.CONTINUED, 80)),
}


@pytest.mark.parametrize(("tried", "parted", "start"), RECOVERS.values(), ids=[*RECOVERS])
def test_recovers(tried: int, parted: int | None, start: Start) -> None:
    """An offset that can't be used leads to where the logs parted, or to the nearest that is there."""
    assert recover(tried, parted, MARKS) == start


@given(st.integers(0, 200), st.none() | st.integers(0, 200), st.integers(0, 100), st.integers(0, 100))
def test_what_was_recovered_can_be_read(tried: int, parted: int | None, low: int, length: int) -> None:
    """Wherever it leads can be read, so that the same marks never lead anywhere else again."""
    marks = WatermarkOffsets(low, low + length)
    start = recover(tried, parted, marks)
    assert marks.low <= start.offset <= marks.high
    assert recover(start.offset, None, marks) == Start(StartReason.CONTINUED, start.offset)
    assert start.offset <= max(tried, marks.low), "nothing is passed over but what is gone"


def test_which_have_no_offset() -> None:
    """The ways to begin without a committed offset."""
    without = {
        StartReason.FIRST_DAY,
        StartReason.NEW_PARTITION,
        StartReason.REMEMBERED,
        StartReason.JOURNALED,
    }
    assert {how for how in StartReason if how.without_offset} == without
