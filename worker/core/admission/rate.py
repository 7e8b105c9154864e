"""At most so many attempts a second, evenly spaced.

The rule: no second sees more than the rate and one. Timers are late, so late starts are made up for: one at
low rates, at high ones as many as fall into 20 ms. The spacing there is up to 2 % wider for it.

Of a rate that several workers share no second of one sees more than its share, rounded up: what each of them
had beyond it would add up. So less is made up for, and the spacing is 0.5 % wider.
"""

from __future__ import annotations

# What a timer of a busy loop may be late by, in seconds; and so much of it is made up for in a share.
_LATE_SECONDS, _LATE_SECONDS_IN_A_SHARE = 0.02, 0.005
_NEVER = float("inf")


class Rate:
    """A token bucket; times are monotonic seconds."""

    __slots__ = ("_allowance", "_interval", "_next", "per_second")

    def __init__(self, per_second: float, share: float = 1.0, since: float | None = None) -> None:
        """Take the rate of all, the share of it, and when that became so: nothing starts at once then."""
        own = per_second * share
        if share < 1.0:
            self._interval = (1.0 + _LATE_SECONDS_IN_A_SHARE) / own if own else _NEVER
            self._allowance = _LATE_SECONDS_IN_A_SHARE
        else:
            # A second holds at most 1 + allowance worth of intervals: that must not be more than rate + 1.
            self._interval = max(1.0 / own, (1.0 + _LATE_SECONDS) / (own + 1.0))
            self._allowance = max(self._interval, _LATE_SECONDS)
        self._next = -_NEVER if since is None else since + self._interval
        self.per_second = own
        """How many there may be."""

    def wake_at(self) -> float:
        """When the next start is allowed."""
        return self._next

    def starting(self, now: float) -> None:
        """Note a start at `now`."""
        self._next = max(self._next, now - self._allowance) + self._interval
