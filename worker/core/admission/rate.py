"""At most so many attempts a second, evenly spaced.

The rule: no second sees more than the rate and one. Timers are late, so late starts are made up for: one at
low rates, at high ones as many as fall into 20 ms. The spacing there is up to 2 % wider for it.
"""

from __future__ import annotations

# What a timer of a busy loop may be late by, in seconds.
_LATE_SECONDS = 0.02


class Rate:
    """A token bucket; times are monotonic seconds."""

    __slots__ = ("_allowance", "_interval", "_next", "per_second")

    def __init__(self, per_second: float) -> None:
        # A second holds at most 1 + allowance worth of intervals: that must not be more than rate + 1.
        self._interval = max(1.0 / per_second, (1.0 + _LATE_SECONDS) / (per_second + 1.0))
        self._allowance = max(self._interval, _LATE_SECONDS)
        self._next = float("-inf")
        self.per_second = per_second
        """How many there may be."""

    def wake_at(self) -> float:
        """When the next start is allowed."""
        return self._next

    def starting(self, now: float) -> None:
        """Note a start at `now`."""
        self._next = max(self._next, now - self._allowance) + self._interval
