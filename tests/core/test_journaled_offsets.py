"""What a journal tells of the source's offsets, from its steps."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core import journaled_offsets
from worker.core.journaled_offsets import FinishedOffsets, OriginCollector, StepOrigin, origin_of

BEGINNING = b'{"at":"2026-11-27T12:00:00.000Z","step":"%b","event_id":"e,\\"ms\\":"'
END = b',"origin":"conversions/3/77","worker":"w"}'

STEPS = {
    b"delivered": (b',"attempt":1,"status":200,"ms":5', True),
    b"delivered by a tier": (b',"attempt":2,"status":200,"ms":5', False),
    b"retry": (b',"attempt":1,"status":500,"ms":5', True),
    b"dead": (b',"reason":"invalid"', True),
    b"dead, expired in a tier": (b',"reason":"expired","attempt":1', False),
    b"cancelled": (b"", True),
    b"duplicate": (b"", False),
}


@pytest.mark.parametrize(("name", "step"), STEPS.items(), ids=[name.decode() for name in STEPS])
def test_origins(name: bytes, step: tuple[bytes, bool]) -> None:
    """A step tells of its origin, and of the source's own record where no tier had it before."""
    fields, is_own = step
    kind = name.partition(b",")[0].partition(b" ")[0]
    assert origin_of(BEGINNING % kind + fields + END) == StepOrigin("conversions", 3, 77, is_own)


@pytest.mark.parametrize("value", [None, b"", b"{}", b"no step", BEGINNING % b"delivered", END])
def test_no_origin(value: bytes | None) -> None:
    """What is no step tells of nothing."""
    assert origin_of(value) is None


def test_of_another_writer() -> None:
    """A step in another form tells of its origin, too, but not where a group is; without a place nothing."""
    step = b'{ "step": "delivered", "at": "2026-11-27T12:00:00Z", "origin": "%b", "worker": "w"}'
    assert origin_of(step % b"conversions/3/77") == StepOrigin("conversions", 3, 77, is_own=False)
    for nowhere in (b"conversions", b"conversions/a/1", b"conversions/1/b", b"conversions/1/" + b"9" * 20):
        assert origin_of(step % nowhere) is None


def gathered(*offsets: int, tiers: tuple[int, ...] = (), old: tuple[int, ...] = ()) -> OriginCollector:
    """Steps of a deleted log's records, then of a tier's, then of the source's."""
    made = OriginCollector()
    for offset in old:
        made.add(StepOrigin("conversions", 0, offset, is_own=True), b"old %d" % offset)
    for offset in tiers:
        made.add(StepOrigin("conversions", 0, offset, is_own=False), b"e %d" % offset)
    for offset in offsets:
        made.add(StepOrigin("conversions", 0, offset, is_own=True), b"e %d" % offset)
    return made


def told(made: OriginCollector, low: int = 0, high: int = 1000, *, is_whole: bool) -> FinishedOffsets | None:
    """What they tell of a log in which each event lies at its offset."""
    for offset in range(*made.told_of(low, high)):
        made.found(offset, b'{"event_id": "e %d"}' % offset)
    return made.finished(is_whole=is_whole, low=low, high=high)


def test_read_in_part() -> None:
    """In part: what began within the first tenth, or lies in a tier, does not say where it begins."""
    found = told(gathered(90, 101, *range(102, 120), tiers=(3,)), is_whole=False)
    assert found is not None
    assert found.lowest == 102
    assert found.standing(0, 1000) == (120, None, 0)


def test_of_tiers_alone() -> None:
    """Steps of tiers alone do not say where a group is; nor does nothing."""
    assert told(gathered(tiers=(3, 4)), is_whole=False) is None
    assert told(gathered(), is_whole=True) is None


def test_of_a_deleted_log() -> None:
    """Steps of a deleted log finish nothing of the one that has its name; of that just its own do."""
    made = gathered(0, 1, 4, old=(0, 1, 2, 3, 4, 5, 2000), tiers=(3,))
    assert told(made, is_whole=False) == FinishedOffsets(None, array("q", [0, 1, 3, 4]), is_anew=True)
    assert told(gathered(old=(2, 3)), is_whole=False) == FinishedOffsets(None, array("q"), is_anew=True)
    assert told(gathered(old=(2000,)), is_whole=True) == FinishedOffsets(None, array("q"), is_anew=True)


def test_of_a_log_that_was_cut() -> None:
    """Where the log was cut, other events lie at the end: where it begins is told as ever."""
    made = gathered(*range(100, 120), 120)
    made.add(StepOrigin("conversions", 0, 121, is_own=True), b"cut off")
    found = told(made, is_whole=False)
    assert found is not None
    assert not found.is_anew
    assert found.standing(0, 1000) == (121, None, 0)


def test_what_has_expired() -> None:
    """What is gone of the log is finished, whatever it was; what is not there for another reason is not."""
    made = gathered(1, 2, 3, 4)
    made.told_of(3, 1000)
    made.found(4, b'{"event_id": "e 4"}')
    assert made.finished(is_whole=True, low=3, high=1000) == FinishedOffsets(None, array("q", [1, 2, 4]))


def test_what_is_not_there_says_nothing() -> None:
    """A record that is not there does not speak of another log: the first one that is there decides."""
    made = gathered(1, 2, 3)
    for offset in set(range(*made.told_of(0, 1000))) - {1}:
        made.found(offset, b'{"event_id": "e %d"}' % offset)
    assert made.finished(is_whole=True, low=0, high=1000) == FinishedOffsets(None, array("q", [2, 3]))


def test_where_all_has_expired() -> None:
    """Where none of the records is there any more nothing speaks of another log: all of them are finished."""
    made = gathered(1, 2)
    assert made.told_of(3, 1000) == (3, 3)
    assert made.finished(is_whole=True, low=3, high=1000) == FinishedOffsets(
        None, array("q", [1, 2]), is_anew=False
    )


def test_without_an_event_id() -> None:
    """A record that names no event is finished by a step that names none."""
    for value, finished in ((b"no JSON", [7]), (b'{"event_id": "conversions/0/7"}', [])):
        made = OriginCollector()
        made.add(StepOrigin("conversions", 0, 7, is_own=True), b"conversions/0/7")
        assert made.told_of(0, 10) == (7, 8)
        made.found(7, value)
        made.found(6, value)
        found = made.finished(is_whole=True, low=0, high=10)
        assert found is not None
        assert [*found.finished] == finished


@given(st.sets(st.integers(0, 60), min_size=1), st.integers(0, 60))
def test_whole(offsets: set[int], lower: int) -> None:
    """Read whole: just what is finished is known to be, and nothing unfinished lies below the position."""
    found = told(gathered(*offsets, *offsets), is_whole=True)
    assert found is not None
    position, finished, above = found.standing(lower, 61)
    assert all(offset in offsets for offset in range(lower, position))
    assert position not in offsets
    known = {offset for offset in range(position, 70) if finished is not None and offset in finished}
    assert known == {offset for offset in offsets if offset > position}
    assert above == len(known)


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more is unfinished than may be told, less is known: what lies above it."""
    monkeypatch.setattr(journaled_offsets, "MOST_HOLES", 10)
    position, finished, above = FinishedOffsets(None, [0, 5, 8, 30]).standing(0, 100)
    assert (position, above) == (1, 2)
    assert finished is not None
    assert (finished.upto, finished.holes) == (9, (1, 2, 3, 4, 6, 7))


def test_beyond_the_end() -> None:
    """No position lies beyond the log's end."""
    assert FinishedOffsets(50, [60]).standing(0, 20) == (20, None, 0)
