"""Places that can't be read: how they are named, and where a batch ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.place import Place
from worker.core.record import Partition
from worker.core.unreadable import StoppedPartition, first_after, parse_place

PLACE = Place(Partition("a.topic-1", 3), 1041)


def test_written_and_read() -> None:
    """A place is read as it is written, with or without spaces around it."""
    assert str(PLACE) == "a.topic-1/3/1041"
    assert parse_place(f" {PLACE} ") == PLACE


@pytest.mark.parametrize(
    "text", ["", "t", "t/1", "t/1/", "/1/2", "t/1/2/3", "t/-1/2", "t/1/x", "t/²/2", "t/1/1 000", "1/2"]
)
def test_no_place(text: str) -> None:
    """Anything else is refused, with the form that would be right."""
    with pytest.raises(ValueError, match=r"must be topic/partition/offset.*conversions/3/1041"):
        parse_place(text)


def test_what_is_said() -> None:
    """A stopped partition says where it stands, why, and what an operator can do."""
    said = str(StoppedPartition(PLACE, "its check failed"))
    assert said.startswith("a.topic-1/3/1041 can't be read: its check failed")
    assert "POSTBACK_KAFKA__SKIP=a.topic-1/3/1041" in said


@given(st.integers(0, 2**40), st.integers(1, 100_000))
def test_the_end_of_a_batch(offset: int, length: int) -> None:
    """The end of a batch is found exactly, in few questions, none of them of an offset before it."""
    asked: list[int] = []

    def is_of_it(one: int) -> bool:
        asked.append(one)
        return one < offset + length

    assert first_after(offset, is_of_it) == offset + length
    assert min(asked) > offset
    assert len(asked) <= 2 * length.bit_length() + 2
