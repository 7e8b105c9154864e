"""What a journal tells of the source's offsets: which are finished, for a group whose own are gone.

The rules: each step says that its origin is finished. Of a journal that was read whole nothing else is; of
one that was read in part, what lies below is taken for finished, too: it was long before. Where that begins
is not told by the first tenth of what was read, whose neighbours may have ended before it, nor by a tier's
record, whose origin may be days old.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from typing import NamedTuple

from schemas.journal import StepKind, read_step
from worker.core.offset_map import OffsetMap

LEFT_OUT = 10
"""One part in so many of what was read does not tell where it begins."""

MOST_HOLES = 1_000_000
"""So many unfinished offsets below finished ones are told; what is finished above them may be sent again."""

_STEP = re.compile(rb'\{"at":"[^"]{0,40}","step":"([a-z]{1,16})"')
_ATTEMPT = re.compile(rb',"attempt":([0-9]{1,9})')
_ORIGIN = re.compile(rb',"origin":"([^"/]{1,249})/([0-9]{1,10})/([0-9]{1,18})","worker":"')


class Origin(NamedTuple):
    """The record of the source that a step tells of, and whether the step is its own, not a later tier's."""

    topic: str
    partition: int
    offset: int
    is_own: bool


class Journaled(NamedTuple):
    """The finished offsets of a partition, rising; below `lowest` all are, where that is not None."""

    lowest: int | None
    finished: Sequence[int]

    def standing(self, lower: int, high: int) -> tuple[int, OffsetMap | None, int]:
        """The first unfinished offset from `lower` on; what is finished above it, and how much that is."""
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


class Gathered:
    """The origins of a partition of the source, as its steps come."""

    def __init__(self) -> None:
        self._offsets = array("q")
        self._own = array("q")

    def add(self, origin: Origin) -> None:
        """Note what a step tells."""
        self._offsets.append(origin.offset)
        if origin.is_own:
            self._own.append(origin.offset)

    def told(self, *, is_whole: bool) -> Journaled | None:
        """What they tell, of a journal that was read whole or not; None where that is nothing."""
        own = self._own[0 if is_whole else len(self._own) // LEFT_OUT :]
        if not own:
            return None
        return Journaled(None if is_whole else min(own), array("q", sorted(set(self._offsets))))


def origin_of(value: bytes | None) -> Origin | None:
    """What a record of the journal tells; None of one that is no step."""
    if value is None:
        return None
    step, place = _STEP.match(value), _ORIGIN.search(value, max(0, value.rfind(b',"origin":"')))
    if step is None or place is None:
        return _of_step(value)
    attempt = _ATTEMPT.search(value)
    is_first = attempt is None or (int(attempt[1]) == 1 and b',"ms":' in value)
    is_own = is_first and step[1] != StepKind.DUPLICATE.value.encode()
    return Origin(place[1].decode(errors="replace"), int(place[2]), int(place[3]), is_own)


def _of_step(value: bytes) -> Origin | None:
    """What a step tells that somebody else has written."""
    step = read_step(value)
    topic, _, rest = (step.origin if step is not None else "").partition("/")
    number, _, offset = rest.partition("/")
    if step is None or not (number.isascii() and number.isdigit() and offset.isascii() and offset.isdigit()):
        return None
    return Origin(topic, int(number), int(offset), is_own=False)
