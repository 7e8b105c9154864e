"""How many requests may be in flight: found by what the partner answers. How many a second is `pace`'s.

The rules: only answers lower the limit, never latency, for a slow partner that records conversions is no
reason to send fewer (the latency gradients of Netflix's concurrency-limits and Vector's ARC guard users from
a service's queue; here the queue is Kafka, and a partner's slow hour would look like a full one). "Too many"
lowers it at once, by the share of such answers; other failures of the destination only when they are many
and more than usual: a share of them that stays, whatever the limit, says nothing of load. One round trip
lowers it once.

Growth is CUBIC's (RFC 9438), by time and not by round trips: fast back to where the last cut was, then slow
near it, then faster again to find room that is new. Before the first cut, and after an outage, the limit
doubles each round trip, as TCP's slow start does, but no faster than a partner's count of a second can show
what is too many. A limit that is not used does not grow.
"""

from __future__ import annotations

import math

_START = 16.0
_AFTER_OUTAGE = 2.0
# RFC 9438's constant: how fast the cubic rises.
_C = 0.4
_LEAST_CUT, _MOST_CUT = 0.05, 0.5
# Failures that are no "too many" lower the limit from this share on, if it is so many times the usual share;
# looked at over so many answers, and over as long as the failure took: slow ones come many at once. The usual
# share follows what is seen by this part of the difference.
_MANY, _MORE_THAN_USUAL = 0.3, 1.5
_ENOUGH = 50
_FOLLOW = 0.25
# Time that counts as use between two answers, at most: a pause is no reason to grow.
_LONGEST_STEP = 0.1
# Doubling takes a quarter of a second at least: growth a second, as a share.
_FASTEST = math.log(2) / 0.25


class Limit:
    """The adaptive limit, from 1 to `most`; times are monotonic seconds."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._value = min(_START, float(most))
        self._doubling_below = float(most)
        self._plateau = float(most)
        self._to_plateau = 0.0
        self._credit = 0.0
        self._used = 0.0
        self._last = float("-inf")
        self._usual = 0.0
        self._begin_round(float("-inf"), float("-inf"))

    @property
    def value(self) -> int:
        """The limit, whole requests."""
        return int(self._value)

    def took(self, in_flight: int, now: float) -> None:
        """Note a request that the partner took, with so many in flight when it ended."""
        self._answers += 1
        step, self._last = min(now - self._last, _LONGEST_STEP), now
        if in_flight * 2 < self._value:
            return
        if self._value < self._doubling_below:
            self._credit = min(self._credit + self._value * step * _FASTEST, self._value)
            grown = min(1.0, self._credit)
            self._credit -= grown
            self._value = min(self._value + grown, float(self.most))
        else:
            self._used += step
            risen = self._plateau + _C * (self._used - self._to_plateau) ** 3
            self._value = min(max(self._value, risen), float(self.most))

    def pushed_back(self, too_many: bool, started: float, now: float) -> None:
        """Note a destination-level failure of a request that began at `started`."""
        self._answers += 1
        self._last = now
        if too_many:
            self._full += 1
        else:
            self._failures += 1
        if started < self._round_at:
            return
        if too_many:
            self._cut(self._full / self._answers, now)
        elif self._answers >= _ENOUGH and started >= self._counts_from:
            self._weigh_failures(self._failures / self._answers, now)

    def _weigh_failures(self, share: float, now: float) -> None:
        many = share >= max(_MANY, self._usual * _MORE_THAN_USUAL)
        self._usual += (share - self._usual) * _FOLLOW
        if many:
            self._cut(share / 2, now)
        else:
            self._begin_round(self._round_at, now)

    def restart(self) -> None:
        """Begin again from the bottom after an outage, doubling up to half of what was."""
        self._plateau = self._value
        self._doubling_below = max(2.0, self._value / 2)
        self._value = min(_AFTER_OUTAGE, float(self.most))
        self._to_plateau = (max(0.0, self._plateau - self._doubling_below) / _C) ** (1 / 3)
        self._used = 0.0

    def _cut(self, share: float, now: float) -> None:
        self._plateau = self._value
        self._value = max(1.0, self._value * (1.0 - min(max(share, _LEAST_CUT), _MOST_CUT)))
        self._doubling_below = self._value
        self._to_plateau = ((self._plateau - self._value) / _C) ** (1 / 3)
        self._used = 0.0
        self._begin_round(now, now)

    def _begin_round(self, at: float, counts_from: float) -> None:
        self._round_at, self._counts_from = at, counts_from
        self._answers = self._full = self._failures = 0
