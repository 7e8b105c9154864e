"""The rate: at most so many attempts per second, evenly spaced.

The rule: no second sees more than the rate plus one. Timers are late, so late starts are caught up: one at
low rates, at high rates as many as fall into 20 ms. In return the spacing is up to 2 % wider there. If
several workers share a rate, no second of a worker sees more than its share, rounded up, because any excess
of each would add up. So less is caught up, and the spacing is 0.5 % wider.
"""

from __future__ import annotations

# Seconds by which a busy loop's timer may be late; and how much of that is caught up with a share.
_LATE_SECONDS, _LATE_SECONDS_IN_A_SHARE = 0.02, 0.005
_NEVER = float("inf")


class RateLimit:
    """A token bucket; times are monotonic seconds."""

    __slots__ = ("_allowance", "_interval", "_next", "per_second")

    def __init__(self, per_second: float, share: float = 1.0, since: float | None = None) -> None:
        """Take the rate of all workers, our share, and since when; nothing starts right at that time."""
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
        """Our own rate."""

    def wake_at(self) -> float:
        """When the next start is allowed."""
        return self._next

    def starting(self, now: float) -> None:
        """Note a start at `now`."""
        self._next = max(self._next, now - self._allowance) + self._interval
