"""What is finished in one partition during one assignment, and so what may be committed.

The rules that it never breaks:
- an offset is resolved once, after its record's one ending;
- the position is the lowest offset that is not resolved, so nothing unfinished is ever committed;
- what is finished above the position is known, also from an earlier member of the group, so that it is
  not sent again;
- it belongs to one assignment; a new assignment gets a new one.

Offsets rise but may have gaps (compaction, transaction markers). Only unfinished offsets are kept, and where
the finished ones end, so memory is O(unfinished), however far the finished run ahead. All operations are O(1)
amortised, but the map, which is O(unfinished).
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice

from worker.core.offset_map import OffsetMap

# Bounds how far the finished may run ahead of the oldest unfinished, so that the map of 1,500 of them fits.
MAX_SPAN_OFFSETS = 1 << 19


class Offsets:
    """Tracks the offsets of one partition; `finished` is what an earlier member left above `position`."""

    __slots__ = ("_inherited", "_next", "_open", "_top", "revision")

    def __init__(self, position: int | None, finished: OffsetMap | None = None) -> None:
        self._open: OrderedDict[int, None] = OrderedDict()  # rising, as offsets are tracked in their order
        self._next = position
        self._top = 0  # behind the highest offset that is resolved
        self._inherited = finished
        self.revision = 0
        """Grows whenever there is something new to commit."""

    def track(self, offset: int) -> bool:
        """Take up the next record's offset; False when it is finished already and must not be sent."""
        if self._next is not None and offset < self._next:
            raise ValueError(f"offset {offset} comes after {self._next - 1}")
        self._next = offset + 1
        if self._inherited is None:
            self._open[offset] = None
            return True
        return self._track_inherited(offset, self._inherited)

    def _track_inherited(self, offset: int, inherited: OffsetMap) -> bool:
        if self._next is not None and self._next >= inherited.upto:
            self._inherited = None  # everything it tells is behind us now
        self._open[offset] = None
        if offset not in inherited:
            return True
        self.resolve(offset)
        return False

    def skip_to(self, offset: int) -> None:
        """Note that what lies below `offset` and was not tracked never comes."""
        if self._next is not None and offset <= self._next:
            return
        self._next = offset
        self.revision += 1
        if self._inherited is not None and offset >= self._inherited.upto:
            self._inherited = None

    def forget_from(self, offset: int) -> bool:
        """Forget what an earlier member left finished from this offset on; tell whether it was anything."""
        if self._inherited is None or self._inherited.upto <= offset:
            return False
        self._inherited = self._inherited.below(offset)
        self.revision += 1
        return True

    def pass_over(self, behind: int, offset: int) -> None:
        """Note that nothing for us lies from `behind` to before `offset`, where all before it was tracked.

        A `behind` that is negative stands for the start of the log.
        """
        if self._next == behind or (self._next is None and behind < 0):
            self.skip_to(offset)

    def resolve(self, offset: int) -> None:
        """Note a record's ending. Each tracked offset is resolved at most once."""
        self.revision += 1
        del self._open[offset]
        if offset >= self._top:
            self._top = offset + 1

    def rewind(self, offset: int, count: int) -> bool:
        """Forget the last `count` tracked offsets, from `offset` on: they will be tracked again.

        False, and nothing is forgotten, where anything else is known of what lies there.
        """
        tail = list(islice(reversed(self._open), count))
        if self._top > offset or not tail or tail[-1] != offset:
            return False
        for one in tail:
            del self._open[one]
        self._next = offset
        return True

    @property
    def position(self) -> int | None:
        """The next offset to be read if we stopped now; None while nothing is known."""
        return next(iter(self._open), self._next)

    @property
    def next(self) -> int | None:
        """The offset from which on nothing was tracked; None while nothing is known."""
        return self._next

    @property
    def unfinished(self) -> int:
        """How many tracked offsets are not resolved."""
        return len(self._open)

    @property
    def oldest(self) -> int | None:
        """The oldest unfinished offset."""
        return next(iter(self._open), None)

    @property
    def span(self) -> int:
        """How far the tracked offsets reach beyond the oldest unfinished one."""
        return self._next - next(iter(self._open)) if self._open and self._next is not None else 0

    def known(self) -> OffsetMap | None:
        """All that is known to be finished, below the position too; None where nothing is known."""
        position = self.position
        return self.finished() or (None if position is None else OffsetMap(position, ()))

    def finished(self) -> OffsetMap | None:
        """What is finished above the position; None where nothing is."""
        position, upto, inherited = self.position, self._top, self._inherited
        if inherited is None or self._next is None:
            if position is None or upto <= position:
                return None
            return OffsetMap(upto, tuple(offset for offset in self._open if offset < upto))
        beyond = (offset for offset in inherited.holes if offset >= self._next)
        return OffsetMap(max(upto, inherited.upto), (*self._open, *beyond))
