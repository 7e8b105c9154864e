"""Where a time lies in a log.

The rule: where a broker has no index of times, all records count as new. The broker inside librdkafka, which
the demo uses, has none: of every time it says that no record is as new.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from worker.core.record import Partition

EARLIEST, LATEST = -2, -1
"""What to ask for instead of a time, for where a log begins and ends."""

_FIRST_MOMENT = 1  # in milliseconds: 0 is when a record has no time

Ask = Callable[[Collection[Partition], int], dict[Partition, int]]
"""Asks for the offsets of a time in milliseconds; below zero where no record is as new."""


def first_since(ask: Ask, partitions: Collection[Partition], moment: float) -> dict[Partition, int]:
    """The first record of each that is as new (epoch seconds), or its end."""
    firsts = ask(partitions, max(_FIRST_MOMENT, int(moment * 1000)))
    none_as_new = [at for at, first in firsts.items() if first < 0]
    if not none_as_new:
        return firsts
    begins, ends = ask(none_as_new, EARLIEST), ask(none_as_new, LATEST)
    filled = [at for at in none_as_new if begins[at] < ends[at]]
    oldest = ask(filled, _FIRST_MOMENT)
    return {**firsts, **ends, **{at: begins[at] for at in filled if oldest[at] < 0}}
