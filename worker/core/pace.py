"""How many requests may start in a second: learned from what the partner refuses.

The rules: a partner that takes everything is not paced. Where it says "too many", the pace becomes a little
less than what it took in the last second, for that is what it can do, and what was sent too fast is paid back
by a pause. Then the pace rises as a cubic of time: it stays below for long, goes past what was too many in
small steps, and gains speed while nothing is refused. A refusal that stops everything (Retry-After) is worth
so many times its length of patience. After an outage the pace begins below the partner's usual rate and
doubles each second until it is out of the way.

Why a pace beside the limit: a 429 counts requests a second, and a second is many round trips. Controllers
that know requests in flight alone (Netflix's AIMD, Vector's ARC: nine tenths, then one more each round trip)
come back to the edge within a few round trips and are refused there again, several percent of the time; and
one request in flight is too coarse a step for a partner of few. RudderStack paces too, but in fixed steps of
a configured rate.
"""

from __future__ import annotations

from worker.core.meter import Meter

_INF = float("inf")
# The pace after a refusal, as a share of what was taken; after one that comes back before half the patience.
_BELOW, _FURTHER_BELOW = 0.98, 0.93
# After the patience the pace is this much higher; after twice the patience eight times this, and so on.
_RISE = 0.04
# Seconds of patience: at least, for each second of a hold, at most.
_PATIENCE, _PER_HOLD, _MOST_PATIENCE = 5.0, 30.0, 120.0
# A 503 without a Retry-After is said by a broken partner as well as by a full one: it is believed when it is
# more than this share of the last second's answers, and more than a few.
_TOLERATED, _FEW = 0.15, 9
# Seconds that belong to one cut, at least, however short a round trip is; and to one incident.
_ROUND, _INCIDENT = 0.25, 1.0
# Starts a second: the lowest pace, the lowest after an outage, and what is no pace any more.
_LEAST, _LEAST_AFTER_OUTAGE, _OUT_OF_THE_WAY = 1.0, 5.0, 100_000.0
# More doublings than this are out of the way from any pace: a long silence must not overflow.
_MOST_DOUBLINGS = 64.0
# After an outage the pace begins at this share of the usual rate.
_FIRST = 0.5
# Seconds by which late timers are made up for; the longest pause for what was sent too fast; the longest time
# that counts as use between two answers.
_LATE, _LONGEST_PAUSE, _LONGEST_STEP = 0.02, 1.0, 1.0


class Pace:
    """The learned pace of starts; times are monotonic seconds."""

    __slots__ = (
        "_base", "_ceiling", "_cut_at", "_doubles_since", "_last", "_patience", "_refused", "_taken", "_used",
        "wake_at",
    )  # fmt: skip

    def __init__(self) -> None:
        self._ceiling = _INF
        self._base = 0.0
        self._doubles_since: float | None = None
        self._patience = _PATIENCE
        self._used = 0.0
        self._last = -_INF
        self._cut_at = -_INF
        self._taken = Meter()
        self._refused = Meter()
        self.wake_at = -_INF
        """When the next start is allowed."""

    @property
    def per_second(self) -> float:
        """The pace; infinite where there is none."""
        return self._ceiling

    def starting(self, now: float) -> None:
        """Note a start."""
        if self._ceiling != _INF:
            self.wake_at = max(self.wake_at, now - _LATE) + 1.0 / self._ceiling

    def took(self, now: float) -> None:
        """Note a request that the partner took."""
        self._taken.note(now)
        if self._ceiling != _INF:
            self._rise(now)

    def refused(self, sure: bool, hold: float, started: float, in_flight: int, now: float) -> bool:
        """Note a "too many" and tell whether it is believed; `sure` unless the partner may just be broken."""
        self._refused.note(now)
        if not sure and not self._are_many():
            return False
        if started >= self._cut_at and (hold or now >= self._cut_at + _ROUND):
            self._cut(hold, in_flight, now)
        return True

    def resume(self, now: float) -> None:
        """Begin anew after an outage: gently, from less than what was usual."""
        self._taken.restart(now)
        self._begin(max(self._taken.usual * _FIRST, _LEAST_AFTER_OUTAGE), now, doubles=True)
        self.wake_at = now

    def _are_many(self) -> bool:
        refused = self._refused.total
        return refused > _FEW and refused > (refused + self._taken.total) * _TOLERATED

    def _cut(self, hold: float, in_flight: int, now: float) -> None:
        taken = self._taken
        seen = taken.rate(now)
        # Less than a second has been seen: what it took is less than what it can take.
        short = now < taken.since + 1.0
        if short:
            seen += in_flight
        is_new = self._ceiling == _INF or now < self._cut_at + _INCIDENT
        back = not is_new and self._used < self._patience / 2
        below = _FURTHER_BELOW if back else _BELOW
        base = max(min(self._ceiling, seen) * below, _LEAST)
        self._begin(base, now, doubles=short)
        self._patience = min(max(_PATIENCE, hold * _PER_HOLD), _MOST_PATIENCE)
        paid_back = taken.begins(now) + (taken.total + in_flight) / base if taken.total else now
        self.wake_at = max(self.wake_at, min(paid_back, now + _LONGEST_PAUSE))

    def _begin(self, base: float, now: float, *, doubles: bool) -> None:
        self._ceiling = self._base = base
        self._doubles_since = now if doubles else None
        self._used = 0.0
        self._last = self._cut_at = now

    def _rise(self, now: float) -> None:
        if self._doubles_since is not None:
            doublings = min(now - self._doubles_since, _MOST_DOUBLINGS)
            self._ceiling = self._base * 2.0**doublings
        else:
            step, self._last = min(now - self._last, _LONGEST_STEP), now
            if (self._taken.total + 1) * 2 < self._ceiling:
                return  # it is not used: that nothing is refused says nothing
            self._used += step
            self._ceiling = self._base * (1.0 + _RISE * (self._used / self._patience) ** 3)
        if self._ceiling > _OUT_OF_THE_WAY:
            self._ceiling = _INF
            self.wake_at = -_INF
