"""Finds the offset of a time in a log.

The rule: if a broker has no time index, all records count as new. The broker inside librdkafka, which the
demo uses, has none: for every time it says that no record is new enough.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from worker.core.record import Partition

EARLIEST, LATEST = -2, -1
"""In place of a time: where a log begins, and where it ends."""

_FIRST_MOMENT = 1  # in milliseconds: 0 stands for no time

Ask = Callable[[Collection[Partition], int], dict[Partition, int]]
"""Asks for the offsets of a time in milliseconds; below zero if no record is new enough."""


def first_since(ask: Ask, partitions: Collection[Partition], moment: float) -> dict[Partition, int]:
    """The first offset of each since `moment` (epoch seconds), or its end."""
    firsts = ask(partitions, max(_FIRST_MOMENT, int(moment * 1000)))
    none_as_new = [at for at, first in firsts.items() if first < 0]
    if not none_as_new:
        return firsts
    begins, ends = ask(none_as_new, EARLIEST), ask(none_as_new, LATEST)
    filled = [at for at in none_as_new if begins[at] < ends[at]]
    oldest = ask(filled, _FIRST_MOMENT)
    return {**firsts, **ends, **{at: begins[at] for at in filled if oldest[at] < 0}}
