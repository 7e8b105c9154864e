"""The rows held for one partition of a tier or of dead letters: columns of numbers, in the order of offsets.

The rule: a row is held from its record's reading until it is dropped from the front; a row that counts no
more has its fate in place of its group.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Container, Iterator
from enum import StrEnum


class Fate(StrEnum):
    """Why a row counts no more."""

    REPLAYED = "replayed"
    DELIVERED = "delivered"
    ENDED = "ended"
    """It moved on: to another tier, to the dead letters, or it was delivered."""


FIRST_GROUP = len(Fate)
"""The number of the first group; lower numbers are fates."""

_NUMBERS = {fate: number for number, fate in enumerate(Fate)}
_OFFSET_BITS = 48


class PartitionRows:
    """The rows of one partition; `number` identifies it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.next = 0
        """The offset after the last row."""
        self._offsets = array("q")
        self._groups = array("I")
        self._times = array("d")
        self._dues = array("d")
        self._identities = array("q")
        self._replays = array("I")

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def is_dead(self) -> bool:
        """Whether they are dead letters, which are never due."""
        return not self._dues or math.isnan(self._dues[0])

    def append(self, offset: int, group: int, at: float, due: float, identity: int, replays: int) -> None:
        """Add a row at the end; `due` is NaN for a dead letter."""
        self.next = offset + 1
        self._offsets.append(offset)
        self._groups.append(group)
        self._times.append(at)
        self._dues.append(due)
        self._identities.append(identity)
        self._replays.append(replays)

    def close(self, offset: int, fate: Fate) -> None:
        """Give a row its fate, if it still counts."""
        index = self._find(offset)
        if index is not None and self._groups[index] >= FIRST_GROUP:
            self._groups[index] = _NUMBERS[fate]

    def index(self, offset: int) -> int:
        """How many rows come before an offset."""
        return bisect_left(self._offsets, offset)

    def group_of(self, offset: int) -> int | None:
        """The number of its group or fate; None if it is not held."""
        index = self._find(offset)
        return None if index is None else self._groups[index]

    def at_of(self, offset: int) -> float:
        """The time of a held row."""
        return self._times[self.index(offset)]

    def replays_of(self, offset: int) -> int:
        """How often a held row's conversion was replayed."""
        return self._replays[self.index(offset)]

    def identity_of(self, offset: int) -> int | None:
        """The conversion's identity; None if it is not held."""
        index = self._find(offset)
        return None if index is None else self._identities[index]

    def open_offsets(self) -> Iterator[int]:
        """The offsets of rows that count."""
        return (at for at, group in zip(self._offsets, self._groups, strict=True) if group >= FIRST_GROUP)

    def open_before(self, count: int) -> int:
        """How many of the first `count` rows count."""
        return sum(group >= FIRST_GROUP for group in self._groups[:count])

    def places(self, groups: Container[int], since: float, until: float) -> Iterator[tuple[float, int]]:
        """The times and offsets of rows of these groups, within a time."""
        for offset, group, at in zip(self._offsets, self._groups, self._times, strict=True):
            if group in groups and since <= at <= until:
                yield at, offset

    def add_to(self, totals: dict[int, list[float]]) -> None:
        """Add counting rows to their groups: number, oldest and newest time, first due time."""
        for group, at, due in zip(self._groups, self._times, self._dues, strict=True):
            if group < FIRST_GROUP:
                continue
            total = totals.get(group)
            if total is None:
                totals[group] = [1, at, at, due]
                continue
            total[0] += 1
            if at < total[1]:
                total[1] = at
            elif at > total[2]:
                total[2] = at
            total[3] = min(total[3], due)

    def drop(self, count: int) -> Iterator[tuple[int, int]]:
        """Drop the first `count` rows; return the identity and the offset of each."""
        gone = list(zip(self._identities[:count], self._offsets[:count], strict=True))
        columns = (self._offsets, self._groups, self._times, self._dues, self._identities, self._replays)
        for column in columns:
            del column[:count]
        return iter(gone)

    def packed(self, offset: int) -> int:
        """A place of this partition as one number."""
        return self.number << _OFFSET_BITS | offset

    @staticmethod
    def unpacked(place: int) -> tuple[int, int]:
        """The number of the partition, and the offset."""
        return place >> _OFFSET_BITS, place & ((1 << _OFFSET_BITS) - 1)

    def _find(self, offset: int) -> int | None:
        index = self.index(offset)
        return index if index < len(self) and self._offsets[index] == offset else None
