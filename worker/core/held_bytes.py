"""How many bytes of records the worker holds, of all partitions together.

The rules: a record counts from its reading to its ending, wherever it is meanwhile. Each counter is written
by one thread alone, so none needs a lock. While all bytes are spent nothing is read. While any are left, a
record of any size is read, so that a large one is not stuck for ever: one read may exceed the bound.
"""

from __future__ import annotations

import sys
from typing import Self

NO_BOUND = sys.maxsize
"""Bytes that nobody holds."""


class ReadBytes:
    """What one thread has read and not thrown away again, in bytes; it alone writes `count`."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class HeldBytes:
    """The bytes that are held; `most` is the bound.

    A record takes up the room of one in its partition for each `unit` of bytes that it has or begins.
    """

    def __init__(self, most: int, unit: int = NO_BOUND) -> None:
        self.most = most
        self.unit = unit
        self.ended = 0
        """Bytes of the records that are not in memory any more, as last counted; the event loop's own."""
        self._read: list[ReadBytes] = []

    @classmethod
    def shared(cls, most: int, room: int) -> Self:
        """The bound of which no partition, with room for so many records, has more than a half."""
        return cls(most, max(1, most // (2 * room)))

    def room_of(self, size: int) -> int:
        """How many records' room one of this size takes up."""
        return max(1, -(-size // self.unit))

    def reader(self) -> ReadBytes:
        """Make a counter for one more thread that reads."""
        self._read.append(ReadBytes())
        return self._read[-1]

    @property
    def count(self) -> int:
        """Bytes held now."""
        return sum(read.count for read in self._read) - self.ended

    @property
    def left(self) -> int:
        """Bytes that may still be read; 0 where all is spent."""
        return max(0, self.most - self.count)

    @property
    def is_pressed(self) -> bool:
        """Whether so much is held that what has to wait had better wait in Kafka."""
        return self.count * 2 > self.most
