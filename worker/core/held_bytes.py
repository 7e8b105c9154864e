"""How many bytes of records the worker holds, over all partitions.

The rules: a record counts from its reading to its ending, wherever it is in between. Each counter is written
by one thread alone, so none needs a lock. While all bytes are spent nothing is read. While any are left, a
record of any size is read, so that a large one is not stuck for ever: one read may exceed the bound.
"""

from __future__ import annotations

import sys
from typing import Self

NO_BOUND = sys.maxsize
"""A bound that is never reached."""


class ReadBytes:
    """Bytes that one thread has read and not dropped again; it alone writes `count`."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class HeldBytes:
    """The bytes held; `most` is the bound.

    In its partition a record counts as one for each `unit` of bytes that it begins.
    """

    def __init__(self, most: int, unit: int = NO_BOUND) -> None:
        self.most = most
        self.unit = unit
        self.ended = 0
        """Bytes of the records that have left memory, as last counted; for the event loop alone."""
        self._read: list[ReadBytes] = []

    @classmethod
    def shared(cls, most: int, room: int) -> Self:
        """Make a bound of which no partition, with room for `room` records, holds more than half."""
        return cls(most, max(1, most // (2 * room)))

    def room_of(self, size: int) -> int:
        """As how many records one of this size counts."""
        return max(1, -(-size // self.unit))

    def reader(self) -> ReadBytes:
        """Make a counter for one more thread that reads."""
        self._read.append(ReadBytes())
        return self._read[-1]

    @property
    def count(self) -> int:
        """Bytes held now."""
        count = -self.ended
        for read in self._read:  # each turn of a poll thread asks: a generator would cost three times as much
            count += read.count
        return count

    @property
    def left(self) -> int:
        """Bytes that may still be read."""
        return max(0, self.most - self.count)

    @property
    def is_pressed(self) -> bool:
        """Whether so much is held that waiting records had better wait in Kafka."""
        return self.count * 2 > self.most
