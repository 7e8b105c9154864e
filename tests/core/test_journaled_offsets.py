"""What a journal tells of the source's offsets, from its steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core import journaled_offsets
from worker.core.journaled_offsets import Gathered, Journaled, Origin, origin_of

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
    assert origin_of(BEGINNING % kind + fields + END) == Origin("conversions", 3, 77, is_own)


@pytest.mark.parametrize("value", [None, b"", b"{}", b"no step", BEGINNING % b"delivered", END])
def test_no_origin(value: bytes | None) -> None:
    """What is no step tells of nothing."""
    assert origin_of(value) is None


def test_of_another_writer() -> None:
    """A step in another form tells of its origin, too, but not where a group is; without a place nothing."""
    step = b'{ "step": "delivered", "at": "2026-11-27T12:00:00Z", "origin": "%b", "worker": "w"}'
    assert origin_of(step % b"conversions/3/77") == Origin("conversions", 3, 77, is_own=False)
    for nowhere in (b"conversions", b"conversions/a/1", b"conversions/1/b"):
        assert origin_of(step % nowhere) is None


def gathered(*offsets: int, tiers: tuple[int, ...] = ()) -> Gathered:
    """Steps of the source's records, after those of a tier's."""
    made = Gathered()
    for offset in tiers:
        made.add(Origin("conversions", 0, offset, is_own=False))
    for offset in offsets:
        made.add(Origin("conversions", 0, offset, is_own=True))
    return made


def test_read_in_part() -> None:
    """In part: what began within the first tenth, or lies in a tier, does not say where it begins."""
    told = gathered(90, 101, *range(102, 120), tiers=(3,)).told(is_whole=False)
    assert told is not None
    assert told.lowest == 102
    assert told.standing(0, 1000) == (120, None, 0)


def test_of_tiers_alone() -> None:
    """Steps of tiers alone do not say where a group is; nor does nothing."""
    assert gathered(tiers=(3, 4)).told(is_whole=False) is None
    assert gathered().told(is_whole=True) is None


@given(st.sets(st.integers(0, 60), min_size=1), st.integers(0, 60))
def test_whole(offsets: set[int], lower: int) -> None:
    """Read whole: just what is finished is known to be, and nothing unfinished lies below the position."""
    told = gathered(*offsets, *offsets).told(is_whole=True)
    assert told is not None
    position, finished, above = told.standing(lower, 61)
    assert all(offset in offsets for offset in range(lower, position))
    assert position not in offsets
    known = {offset for offset in range(position, 70) if finished is not None and offset in finished}
    assert known == {offset for offset in offsets if offset > position}
    assert above == len(known)


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more is unfinished than may be told, less is known: what lies above it."""
    monkeypatch.setattr(journaled_offsets, "MOST_HOLES", 10)
    position, finished, above = Journaled(None, [0, 5, 8, 30]).standing(0, 100)
    assert (position, above) == (1, 2)
    assert finished is not None
    assert (finished.upto, finished.holes) == (9, (1, 2, 3, 4, 6, 7))


def test_beyond_the_end() -> None:
    """No position lies beyond the log's end."""
    assert Journaled(50, [60]).standing(0, 20) == (20, None, 0)
