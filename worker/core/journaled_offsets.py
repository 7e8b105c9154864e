"""Which source offsets a journal shows to be finished, for a group whose committed offsets are gone.

The rules: a step shows that its origin is finished, if the record that lies there is of the step's event;
otherwise it is about a log that was deleted and made again. If the journal was read whole, nothing else is
finished. If it was read in part, offsets below those that were read count as finished, too: that was long
ago. The first tenth of what was read does not show where that part begins, because their neighbours may have
ended before it; nor does a tier's record, whose origin may be days old. If the first steps are about a
deleted log, then everything about the present one was read.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from schemas.dead_letter import event_id_of, fields_of
from schemas.journal import StepKind, read_step
from worker.core.offset_map import OffsetMap
from worker.core.place import read_place
from worker.core.step_bytes import ATTEMPT, END, MILLISECONDS, ORIGIN_NAME, kind_of

LEFT_OUT = 10
"""One in so many of the steps read, the first ones, does not show where the read part begins."""

MOST_HOLES = 1_000_000
"""Most unfinished offsets that are kept; what is finished above them may be sent again."""

_DUPLICATE = StepKind.DUPLICATE.value.encode()


class StepOrigin(NamedTuple):
    """The source record that a step is about, and whether the step is of its own attempt, not a tier's."""

    topic: str
    partition: int
    offset: int
    is_own: bool

    def __str__(self) -> str:
        """The form in a step."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class FinishedOffsets(NamedTuple):
    """The finished offsets of a partition, rising; unless `lowest` is None, all below it are finished.

    `is_anew` says that the journal also has steps of a deleted log of the same name.
    """

    lowest: int | None
    finished: Sequence[int]
    is_anew: bool = False

    def standing(self, lower: int, high: int) -> tuple[int, OffsetMap | None, int]:
        """The first unfinished offset from `lower` on, what is finished above it, and how many that are."""
        lower = max(lower, self.lowest or 0)
        position, above, holes = lower, 0, array("q")
        upto = 0
        for offset in self.finished:
            if offset < lower or offset >= high:
                continue
            if offset == position:
                position += 1
                continue
            if len(holes) + offset - max(upto, position) > MOST_HOLES:
                break
            holes.extend(range(max(upto, position), offset))
            above, upto = above + 1, offset + 1
        return min(position, high), OffsetMap(upto, tuple(holes)) if above else None, above


class OriginCollector:
    """Gathers the origins of one source partition from its steps, and then the records that lie there."""

    def __init__(self) -> None:
        self._offsets = array("q")
        self._events = array("q")  # their events, as `_mark` makes them
        self._own: list[int] = []  # indexes of first attempts
        self._wanted: set[int] = set()
        self._there: dict[int, int] = {}

    def add(self, origin: StepOrigin, key: bytes | None) -> None:
        """Note a step's origin and its key, which is the event id if there is one."""
        if origin.is_own:
            self._own.append(len(self._offsets))
        self._offsets.append(origin.offset)
        self._events.append(_NAMELESS if key == str(origin).encode() else _mark(key or b""))

    def told_of(self, low: int, high: int) -> tuple[int, int]:
        """The span of origins within the log, which has the offsets from `low` to `high`."""
        self._wanted.update(self._offsets)
        own = [offset for offset in map(self._offsets.__getitem__, self._own) if low <= offset < high]
        return (min(own), max(offset for offset in self._offsets if offset < high) + 1) if own else (low, low)

    def found(self, offset: int, value: bytes | None) -> None:
        """Note which event lies at an offset."""
        if offset not in self._wanted:
            return
        event_id = event_id_of(fields_of(value))
        self._there[offset] = _NAMELESS if event_id is None else _mark(event_id.encode())

    def finished(self, *, is_whole: bool, low: int, high: int) -> FinishedOffsets | None:
        """What the steps show, of a journal that was read whole or not; None if nothing."""
        if not self._own:
            return None
        of_this_log = [
            offset < low or self._there.get(offset) == event
            for offset, event in zip(self._offsets, self._events, strict=True)
        ]
        is_anew = self._is_anew(of_this_log, high)
        lowest = None
        if not (is_whole or is_anew):
            lowest = min(self._offsets[at] for at in self._own[len(self._own) // LEFT_OUT :])
        finished = {offset for offset, is_its in zip(self._offsets, of_this_log, strict=True) if is_its}
        return FinishedOffsets(lowest, array("q", sorted(finished)), is_anew)

    def _is_anew(self, of_this_log: Sequence[bool], high: int) -> bool:
        """Whether the first step that can be checked is about another log."""
        for at in self._own:
            if self._offsets[at] >= high or self._offsets[at] in self._there:
                return not of_this_log[at]
        return False


_NAMELESS = 0


def _mark(event_id: bytes) -> int:
    """A 64-bit number that stands for an event; never _NAMELESS."""
    return hash(event_id) or 1


def origin_of(value: bytes | None) -> StepOrigin | None:
    """The origin in a record of the journal; None if it is no step."""
    if value is None:
        return None
    kind, place = kind_of(value), END.search(value, max(0, value.rfind(ORIGIN_NAME)))
    if not kind or place is None:
        return _of_step(value)
    attempt = ATTEMPT.search(value)
    is_first = attempt is None or (int(attempt[1]) == 1 and MILLISECONDS in value)
    is_own = is_first and kind != _DUPLICATE
    return StepOrigin(place[1].decode(errors="replace"), int(place[2]), int(place[3]), is_own)


def _of_step(value: bytes) -> StepOrigin | None:
    """The origin in a step that another program has written."""
    step = read_step(value)
    place = None if step is None else read_place(step.origin)
    return None if place is None else StepOrigin(*place.at, place.offset, is_own=False)
