"""At most so many attempts a second, evenly spaced.

The rule: starts are 1/rate apart; a start that comes late may be made up for by one, never by a burst.
"""

from __future__ import annotations


class Rate:
    """A token bucket of one token; times are monotonic seconds."""

    __slots__ = ("_interval", "_next")

    def __init__(self, per_second: float) -> None:
        self._interval = 1.0 / per_second
        self._next = float("-inf")

    def wake_at(self) -> float:
        """When the next start is allowed."""
        return self._next

    def starting(self, now: float) -> None:
        """Note a start at `now`."""
        self._next = max(self._next, now - self._interval) + self._interval
