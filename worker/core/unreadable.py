"""Unreadable places of a log (a rotten byte, a format that the client does not know).

The rule: nothing is skipped automatically. A partition stops at such a place until it can be read, or until
an operator names it as `topic/partition/offset`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from worker.core.place import Place, read_place

VARIABLE = "POSTBACK_KAFKA__SKIP"


class StoppedPartition(NamedTuple):
    """A partition that is stopped at a place, and why, in one line."""

    place: Place
    why: str

    def __str__(self) -> str:
        """What is wrong, and what can be done."""
        return (
            f"{self.place} can't be read: {self.why}. Its partition rests, others flow; restore it from a "
            f"replica, or give it up with {VARIABLE}={self.place}"
        )


def parse_place(text: str) -> Place:
    """Read `topic/partition/offset`; raise ValueError for anything else."""
    place = read_place(text.strip())
    if place is None:
        raise ValueError("must be topic/partition/offset, with commas between several: conversions/3/1041")
    return place


def first_after(offset: int, is_of_it: Callable[[int], bool]) -> int:
    """The first offset after the batch that begins at `offset`; `is_of_it` says whether one is part of it.

    That is called about twice the logarithm of the batch's length, because a batch is unreadable as a whole.
    """
    last, step = offset, 1
    while is_of_it(last + step):
        last, step = last + step, step * 2
    beyond = last + step
    while beyond - last > 1:
        middle = (last + beyond) // 2
        if is_of_it(middle):
            last = middle
        else:
            beyond = middle
    return beyond
