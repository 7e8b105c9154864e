"""What is known of offsets beside the position: holes, maps, wide spans."""

from __future__ import annotations

import sys
import tracemalloc
from types import FrameType
from typing import Any

from worker.core.offset_map import OffsetMap
from worker.core.offsets import Offsets


def test_inherited_holes_are_kept_while_unread() -> None:
    """A commit made before the inherited part was read again still tells all of it."""
    offsets = Offsets(10, OffsetMap(20, (10, 15)))
    assert offsets.finished() == OffsetMap(20, (10, 15))
    assert offsets.track(10)
    offsets.resolve(10)
    assert offsets.position == 11
    assert offsets.finished() == OffsetMap(20, (15,))


def test_inherited_and_own_are_told_together() -> None:
    """What was inherited and what was finished since are one map; a new hole beyond it is no part of it."""
    offsets = Offsets(10, OffsetMap(14, (10, 12)))
    assert [offsets.track(offset) for offset in range(10, 16)] == [True, False, True, False, True, True]
    assert offsets.finished() == OffsetMap(14, (10, 12))
    offsets.resolve(15)
    assert offsets.finished() == OffsetMap(16, (10, 12, 14))


def test_forgotten_from() -> None:
    """What an earlier member left finished from an offset on does not count where other records lie there."""
    offsets = Offsets(5, OffsetMap(20, (5, 6)))
    assert not offsets.forget_from(20)
    assert offsets.forget_from(8)
    assert [offsets.track(offset) for offset in range(5, 10)] == [True, True, False, True, True]
    assert not offsets.forget_from(8)
    assert not Offsets(5).forget_from(5)


def test_revision_says_whether_to_commit() -> None:
    """The revision stands still while nothing was resolved, and grows with what was inherited as resolved."""
    offsets = Offsets(10, OffsetMap(12, (10,)))
    offsets.track(10)
    assert offsets.revision == 0
    offsets.track(11)
    assert offsets.revision == 1


def test_known() -> None:
    """All that is known to be finished reaches to the position, and to what is finished above it."""
    known = [Offsets(None).known(), Offsets(4).known()]
    offsets = Offsets(4)
    for offset in range(4, 8):
        offsets.track(offset)
    offsets.resolve(4)
    known.append(offsets.known())
    offsets.resolve(6)
    known.append(offsets.known())
    assert known == [None, OffsetMap(4, ()), OffsetMap(5, ()), OffsetMap(7, (5,))]


def far_ahead(count: int) -> Offsets:
    """So many offsets, one in 100,000 of them unfinished; all others are finished."""
    offsets = Offsets(0)
    for offset in range(count):
        offsets.track(offset)
        if offset % 100_000:
            offsets.resolve(offset)
    return offsets


def test_the_map_of_a_wide_span() -> None:
    """What a commit costs grows with what is unfinished, not with the million that is finished above it."""
    offsets = far_ahead(1_000_000)
    steps = 0

    def step(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal steps
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        steps += event == "opcode"
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        told, position = offsets.finished(), offsets.position
    finally:
        sys.settrace(before)
    assert position == 0
    assert told == OffsetMap(1_000_000, tuple(range(0, 1_000_000, 100_000)))
    assert steps < 1_000


def test_the_memory_of_a_wide_span() -> None:
    """What is finished above the oldest unfinished offset takes no room, however much it is."""
    tracemalloc.start()
    try:
        offsets = far_ahead(200_000)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert offsets.unfinished == 2
    assert held < 20_000
