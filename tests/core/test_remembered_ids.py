"""The conversions that are remembered: exactly, within a window, and no more than may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.copies import ConversionState, RememberedConversion, digest, digest_of_record
from worker.core.remembered_ids import SLOT_BYTES, Chunks, PackedIds, RememberedIds, StepMark

WAITING, DEAD, DELIVERED = ConversionState


def key(number: int) -> bytes:
    """The digest of an event."""
    return digest(0, b"e-%d" % number)


def mark(number: int, known: RememberedConversion, at: float = 0.0) -> StepMark:
    """A step of an event."""
    return StepMark(key(number), 0, known, at)


def delivered(origin: int) -> RememberedConversion:
    """A delivery at the first attempt."""
    return RememberedConversion(DELIVERED, origin, 1, 0)


def test_exact() -> None:
    """What was marked is known, and nothing else."""
    ids = RememberedIds(10_000, 60.0)
    for number in range(5000):
        ids.mark(mark(number, delivered(number)))
    assert all(ids.known(key(number), 1.0) == delivered(number) for number in range(5000))
    assert not any(ids.known(key(number), 1.0) for number in range(5000, 10_000))
    assert (ids.count, ids.forgotten) == (5000, 0)


def test_newest_counts() -> None:
    """Of what was marked of one conversion the newest counts, and it is remembered once."""
    ids = RememberedIds(1000, 60.0)
    for attempts in range(1, 20):
        ids.mark(mark(5, RememberedConversion(WAITING, 7, attempts, 0), float(attempts)))
        ids.mark(mark(100 + attempts, delivered(attempts), float(attempts)))
        assert ids.known(key(5), float(attempts)) == RememberedConversion(WAITING, 7, attempts, 0)
    assert ids.count == 20


def test_of_another_record() -> None:
    """Where a conversion is known for another record, the one that is not is remembered by itself."""
    ids = RememberedIds(1000, 60.0)
    ids.mark(mark(5, delivered(7)))
    ids.mark(mark(5, RememberedConversion(DEAD, 9, 0, 0)))
    assert ids.known(key(5), 1.0) == delivered(7)
    assert ids.known(digest_of_record(key(5), 9), 1.0) == RememberedConversion(DEAD, 9, 0, 0)
    ids.mark(mark(6, RememberedConversion(DEAD, 1, 0, 0)))
    ids.mark(mark(6, RememberedConversion(DEAD, 2, 0, 0)))
    assert ids.known(key(6), 1.0) == RememberedConversion(DEAD, 2, 0, 0)
    assert ids.known(digest_of_record(key(6), 1), 1.0) == RememberedConversion(DEAD, 1, 0, 0)
    ids.mark(mark(6, RememberedConversion(WAITING, 2, 0, 0)))  # late
    assert ids.known(key(6), 1.0) == RememberedConversion(DEAD, 2, 0, 0)


@given(st.integers(1, 500))
def test_bounded(most: int) -> None:
    """Never more is remembered than may be, the oldest are forgotten first, and that is counted."""
    ids = RememberedIds(most, 1000.0)
    for number in range(3 * most):
        ids.mark(mark(number, delivered(number), number / 1000))
        assert ids.count <= most
        assert ids.count + ids.forgotten == number + 1
        oldest = number + 1 - ids.count
        assert ids.known(key(oldest), 1.0) == delivered(oldest)
        assert oldest == 0 or ids.known(key(oldest - 1), 1.0) is None
    assert ids.count > most - max(1, most // 64)


def test_marked_again_and_again() -> None:
    """Of conversions that are marked again what is older is not counted, in whatever chunk it lies."""
    ids = RememberedIds(128, 1000.0)
    for turn in range(10):
        for number in range(60):
            ids.mark(mark(number, RememberedConversion(WAITING, number, turn, 0), float(turn)))
            assert ids.count == (60 if turn else number + 1)
    assert ids.forgotten == 0
    ids = RememberedIds(64, 1000.0)
    for number in range(65):
        ids.mark(mark(number, RememberedConversion(WAITING, number, 0, 0)))
    ids.mark(mark(0, RememberedConversion(WAITING, 0, 1, 0)))  # of which a forgotten trace is left
    assert (ids.count, ids.forgotten) == (64, 2)


def test_room_is_given_back() -> None:
    """What is forgotten takes no room for ever."""
    ids = RememberedIds(64, 1000.0)
    for number in range(10_000):
        ids.add(key(number), delivered(number).packed(), 0.0)
    assert sum(map(len, ids._buckets)) <= 4 * 64 * 32


def test_window() -> None:
    """What lies beyond the window is forgotten to the second, and that is not too early."""
    ids = RememberedIds(1000, 60.0)
    for number in range(4):
        ids.mark(mark(number, delivered(number), 1000.0 + number * 10.0))
    assert [ids.known(key(number), 1075.0) is not None for number in range(4)] == [False, False, True, True]
    assert ids.remembered(1075.0) == 2
    assert ids.remembered(9999.0) == 0
    assert ids.forgotten == 0
    ids.mark(mark(0, delivered(5), 9999.0))
    assert ids.known(key(0), 10_000.0) == delivered(5)
    assert ids.remembered(10_000.0) == 1


def test_marked_anew_after_it_was_forgotten() -> None:
    """An event of which an old trace is left is remembered anew."""
    ids = RememberedIds(2, 60.0)
    for number in (1, 2, 3, 1):
        ids.add(key(number), delivered(number).packed(), 0.0)
    assert ids.known(key(1), 1.0) == delivered(1)
    assert ids.known(key(2), 1.0) is None
    ids.mark(mark(2, delivered(9)))
    assert ids.known(key(2), 1.0) == delivered(9)
    assert ids.count == 2


def test_a_chunk_that_is_none() -> None:
    """What tells of a chunk that is not there is not taken up."""
    slot = bytearray(SLOT_BYTES)
    slot[16] = 5
    both = [bytearray(SLOT_BYTES), slot]
    assert PackedIds.of(both, Chunks(0, (1.0,) * 6)).counts == {(0,): 1, (5,): 1}
    with pytest.raises(ValueError, match="chunk that is not there"):
        PackedIds.of(both, Chunks(0, (1.0,)))
