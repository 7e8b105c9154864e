"""How many requests began in a second, by the clocks of the workers that made them.

The rule: a partner on a machine that is busy, or stood still, hears of many at once that did not begin so.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from schemas import parse_time
from schemas.journal import JournalStep


def started(step: JournalStep) -> float:
    """When the request of a step began."""
    assert step.ms is not None
    return (parse_time(step.at) or 0.0) - step.ms / 1000


def fullest(times: Sequence[float]) -> int:
    """The most that there were within a second, of times in order."""
    return max(bisect_left(times, at + 1.0) - index for index, at in enumerate(times))
