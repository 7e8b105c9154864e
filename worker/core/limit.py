"""How many requests may be in flight: found by additive increase and multiplicative decrease.

The rule: only what the partner says by an answer (or by none) lowers the limit, never its latency: a slow
partner that records conversions is no reason to send fewer. One round of failures lowers it once.

Additive increase, multiplicative decrease is fair and converges (Chiu and Jain, 1989); a start that doubles
each round, as TCP's, finds a fast partner's capacity in a few round trips.
"""

from __future__ import annotations

_START = 16.0
_AFTER_OUTAGE = 1.0
_DECREASE = 0.9


class Limit:
    """The adaptive limit, from 1 to `most`."""

    __slots__ = ("_cut_at", "_doubling_below", "_value", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._value = min(_START, float(most))
        self._doubling_below = float(most)
        self._cut_at = float("-inf")

    @property
    def value(self) -> int:
        """The limit, whole requests."""
        return int(self._value)

    def raise_(self, in_flight: int) -> None:
        """Note a request that the partner took, with this many in flight; an idle limit does not grow."""
        if in_flight * 2 < self._value or self._value >= self.most:
            return
        step = 1.0 if self._value < self._doubling_below else 1.0 / self._value
        self._value = min(self._value + step, float(self.most))

    def lower(self, started: float, now: float) -> None:
        """Note a push back to a request begun at `started`; one from before the last cut does not count."""
        if started < self._cut_at:
            return
        self._cut_at = now
        self._value = max(1.0, self._value * _DECREASE)
        self._doubling_below = self._value

    def restart(self) -> None:
        """Begin again from the bottom after an outage, doubling up to half of what was."""
        self._doubling_below = max(2.0, self._value / 2)
        self._value = _AFTER_OUTAGE
