"""Tracks what is finished in one partition during one assignment, and so what may be committed.

The rules that it never breaks:
- an offset is resolved once, after its record's one ending;
- the position is the lowest unresolved offset, so nothing unfinished is ever committed;
- what is finished above the position is known, also from an earlier member of the group, so that it is
not sent again;
- it belongs to one assignment; a new assignment gets a new one.

Offsets rise but may have gaps (compaction, transaction markers). Only the unfinished offsets and the end of
the finished ones are kept, so memory is O(unfinished), however far the finished ones run ahead. All
operations are O(1) amortised, except the map, which is O(unfinished).
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice

from worker.core.offset_map import OffsetMap

# Bounds how far finished offsets may run ahead of the oldest unfinished, so that a map of 1,500 holes fits.
MAX_SPAN_OFFSETS = 1 << 19


class Offsets:
    """Tracks the offsets of one partition; `finished` is what an earlier member left above `position`."""

    __slots__ = ("_inherited", "_next", "_open", "_top", "revision")

    def __init__(self, position: int | None, finished: OffsetMap | None = None) -> None:
        self._open: OrderedDict[int, None] = OrderedDict()  # rising, because offsets are tracked in order
        self._next = position
        self._top = 0  # one above the highest resolved offset
        self._inherited = finished
        self.revision = 0
        """Grows whenever there is something new to commit."""

    def track(self, offset: int) -> bool:
        """Track the next record's offset; False if it is finished already and must not be sent."""
        if self._next is not None and offset < self._next:
            raise ValueError(f"offset {offset} comes after {self._next - 1}")
        self._next = offset + 1
        if self._inherited is None:
            self._open[offset] = None
            return True
        return self._track_inherited(offset, self._inherited)

    def _track_inherited(self, offset: int, inherited: OffsetMap) -> bool:
        if offset + 1 >= inherited.upto:
            self._inherited = None  # we are past everything it covers
        self._open[offset] = None
        if offset not in inherited:
            return True
        self.resolve(offset)
        return False

    def skip_to(self, offset: int) -> None:
        """Note that untracked offsets below `offset` will never come."""
        if self._next is not None and offset <= self._next:
            return
        self._next = offset
        self.revision += 1
        if self._inherited is not None and offset >= self._inherited.upto:
            self._inherited = None

    def forget_from(self, offset: int) -> bool:
        """Forget what an earlier member had finished from this offset on; return whether there was any."""
        if self._inherited is None or self._inherited.upto <= offset:
            return False
        self._inherited = self._inherited.below(offset)
        self.revision += 1
        return True

    def pass_over(self, behind: int, offset: int) -> None:
        """Note that nothing for us lies from `behind` up to `offset`, if everything before it was tracked.

        A negative `behind` stands for the start of the log.
        """
        if self._next == behind or (self._next is None and behind < 0):
            self.skip_to(offset)

    def resolve(self, offset: int) -> None:
        """Note a record's ending; call it at most once for each tracked offset."""
        self.revision += 1
        del self._open[offset]
        if offset >= self._top:
            self._top = offset + 1

    def rewind(self, offset: int, count: int) -> bool:
        """Forget the last `count` tracked offsets, from `offset` on, because they will be tracked again.

        False, without forgetting anything, if something else is known about these offsets.
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
        """The offset to commit: where reading would go on if we stopped now; None while nothing is known."""
        return next(iter(self._open), self._next)

    @property
    def next(self) -> int | None:
        """The offset after the last tracked one; None while nothing is known."""
        return self._next

    @property
    def unfinished(self) -> int:
        """How many tracked offsets are unresolved."""
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
        """All that is known to be finished, including everything below the position; None if nothing is."""
        position = self.position
        return self.finished() or (None if position is None else OffsetMap(position, ()))

    def finished(self) -> OffsetMap | None:
        """What is finished above the position; None if nothing is."""
        position, upto, inherited = self.position, self._top, self._inherited
        if inherited is None or self._next is None:
            if position is None or upto <= position:
                return None
            return OffsetMap(upto, tuple(offset for offset in self._open if offset < upto))
        beyond = (offset for offset in inherited.holes if offset >= self._next)
        return OffsetMap(max(upto, inherited.upto), (*self._open, *beyond))
