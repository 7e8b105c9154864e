"""How many requests may be in flight, learned from the partner's answers. `pace` learns how many per second.

The rules: only answers lower the limit, never latency, because a slow partner that records conversions is no
reason to send fewer. (The latency gradients of Netflix's concurrency-limits and Vector's ARC protect users
from a service's queue; here the queue is Kafka, and a partner's slow hour would look like a full one.)
Failures of the destination lower it only if they are many and more than usual: a share of failures that does
not depend on the limit says nothing about load. One round trip lowers the limit once.

Growth is CUBIC's (RFC 9438), by time and not by round trips: fast back towards the last cut, slow near it,
then faster again to find new room. Before the first cut, and after an outage, the limit doubles each round
trip, as in TCP's slow start, but slowly enough that a partner's limit per second can show in time. A limit
that is not used does not grow.
"""

from __future__ import annotations

import math

_FIRST_LIMIT_REQUESTS = 16.0
_LIMIT_AFTER_OUTAGE_REQUESTS = 2.0
# RFC 9438's constant: how fast the cubic rises.
_CUBIC_CONSTANT = 0.4
# A cut takes half of the share of failures, so never more than half of the limit.
_CUT_SHARE = 0.5
# Failures lower the limit from this share on, if it is that many times the usual share. The share is taken
# over at least so many answers, and over as long as the failure took, because slow failures come many at
# once. The usual share moves towards the seen one by this part of the difference.
_MANY_FAILURES_SHARE, _MORE_THAN_USUAL_FACTOR = 0.3, 1.5
_ANSWERS_FOR_A_STEP = 50
_FOLLOWED_SHARE = 0.25
# Most time between two answers that counts as use: a pause is no reason to grow.
_LONGEST_STEP_SECONDS = 0.1
# Growth per second, as a share: doubling takes at least a quarter of a second.
_FASTEST_GROWTH_PER_SECOND = math.log(2) / 0.25


class ConcurrencyLimit:
    """The adaptive limit, from 1 to `most`; times are monotonic seconds."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._plateau = self._doubling_below = float(most)
        self._to_plateau = 0.0
        self._credit = 0.0
        self._used = 0.0
        self._last = float("-inf")
        self._usual = 0.0
        self.value = 0
        """The limit in whole requests."""
        self._become(_FIRST_LIMIT_REQUESTS)
        self._begin_round(float("-inf"))

    def took(self, in_flight: int, now: float) -> None:
        """Note a request that the partner took, with `in_flight` requests when it ended."""
        self._answers += 1
        if self.value < self.most:
            self._grow(in_flight, now)

    def failed(self, started: float, now: float) -> None:
        """Note a failure of the destination, of a request that began at `started`."""
        self._answers += 1
        self._failures += 1
        self._last = now
        if started >= self._counts_from and self._answers >= _ANSWERS_FOR_A_STEP:
            self._weigh_failures(self._failures / self._answers, now)

    def no_room(self, in_flight: int) -> None:
        """Note that this machine could make no more than `in_flight` requests."""
        self._become(max(1.0, min(self._value, float(in_flight))))
        self._plateau = self._doubling_below = self._value
        self._to_plateau = self._used = 0.0

    def restart(self) -> None:
        """Begin again from the bottom after an outage, doubling up to half of the former limit."""
        self._plateau = self._value
        self._doubling_below = max(2.0, self._value / 2)
        self._become(_LIMIT_AFTER_OUTAGE_REQUESTS)
        self._to_plateau = (max(0.0, self._plateau - self._doubling_below) / _CUBIC_CONSTANT) ** (1 / 3)
        self._used = 0.0

    def _grow(self, in_flight: int, now: float) -> None:
        step, self._last = min(now - self._last, _LONGEST_STEP_SECONDS), now
        if in_flight * 2 < self._value:
            return
        if self._value < self._doubling_below:
            self._credit = min(self._credit + self._value * step * _FASTEST_GROWTH_PER_SECOND, self._value)
            grown = min(1.0, self._credit)
            self._credit -= grown
            self._become(self._value + grown)
        else:
            self._used += step
            risen = self._plateau + _CUBIC_CONSTANT * (self._used - self._to_plateau) ** 3
            self._become(max(self._value, risen))

    def _weigh_failures(self, share: float, now: float) -> None:
        many = share >= max(_MANY_FAILURES_SHARE, self._usual * _MORE_THAN_USUAL_FACTOR)
        self._usual += (share - self._usual) * _FOLLOWED_SHARE
        if many:
            self._cut(share * _CUT_SHARE)
        self._begin_round(now)

    def _cut(self, share: float) -> None:
        self._plateau = self._value
        self._become(max(1.0, self._value * (1.0 - share)))
        self._doubling_below = self._value
        self._to_plateau = ((self._plateau - self._value) / _CUBIC_CONSTANT) ** (1 / 3)
        self._used = 0.0

    def _become(self, value: float) -> None:
        self._value = min(value, float(self.most))
        self.value = int(self._value)

    def _begin_round(self, now: float) -> None:
        self._counts_from = now
        self._answers = self._failures = 0
