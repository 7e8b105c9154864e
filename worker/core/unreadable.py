"""Places of a log that can't be read (a rotted byte, a form that the client does not know).

The rule: nothing is passed over by itself. A partition stops at such a place until it can be read, or until
an operator has named it: `topic/partition/offset`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from worker.core.place import Place, read_place

VARIABLE = "POSTBACK_KAFKA__SKIP"


class Stopped(NamedTuple):
    """A partition that stands at a place, and why, in one line."""

    place: Place
    why: str

    def __str__(self) -> str:
        """Say it, and what can be done."""
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
    """The first offset beyond what begins at `offset`; `is_of_it` tells of each whether it is part of it.

    It is asked about twice the logarithm of the length: a batch is unreadable as a whole.
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
