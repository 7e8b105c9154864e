"""Whether one more request may go to the partner now: the limit, the pace, the circuit, the rate, and a hold.

The rules: an outage uses up no attempts: a request that fails for the destination's sake while the circuit is
open, and one that was never made, is given back and not counted. "Too many" (429, 503) lowers the pace, what
else fails the limit. A Retry-After of a 429 or 503 holds everything back until then; one longer than MAX_HOLD
opens the circuit, so that a single answer cannot stop all for hours: a probe asks again within a minute, and
what follows is the partner's answer to that.
"""

from __future__ import annotations

from worker.core.circuit import CLOSED, Circuit, CircuitPolicy
from worker.core.classify import BLOCKED, Verdict
from worker.core.limit import Limit
from worker.core.pace import Pace
from worker.core.rate import Rate

# A partner's Retry-After holds everything back for at most this long before it is asked again.
MAX_HOLD = 60.0
# A status that speaks of load alone; a 503 without a Retry-After may speak of a fault.
_TOO_MANY = 429
_NEVER = float("-inf")
_ENOUGH = 1 << 20


class Gate:
    """Admits requests to one destination; times are monotonic seconds."""

    def __init__(self, concurrency: int, policy: CircuitPolicy, rate: float | None = None) -> None:
        self.limit = Limit(concurrency)
        self.pace = Pace()
        self.circuit = Circuit(policy)
        self._rate = Rate(rate) if rate else None
        self._held_until = float("-inf")
        self.occupied = 0
        """How many requests in flight count against the limit."""
        self._old = 0
        """How many others are left in flight from an outage that is over."""

    @property
    def shared(self) -> int:
        """How many lanes there are to share out: the limit, but more than enough for a probe."""
        return self.limit.value if self.circuit.state is CLOSED else _ENOUGH

    @property
    def in_flight(self) -> int:
        """How many requests are in flight."""
        return self.occupied + self._old

    def admits(self, now: float) -> bool:
        """Tell whether a request may start now; a yes that is used must be followed by `starting`."""
        if self.circuit.state is CLOSED:
            if self.occupied >= self.limit.value or now < self.pace.wake_at:
                return False
        elif not self.circuit.admits(now):
            return False
        return now >= self._held_until and (self._rate is None or self._rate.wake_at() <= now)

    def starting(self, now: float) -> None:
        """Note that a request starts."""
        self.occupied += 1
        if self.circuit.state is not CLOSED:
            self.circuit.starting(now)
        elif self.pace.wake_at != _NEVER:
            self.pace.starting(now)
        if self._rate is not None:
            self._rate.starting(now)

    def wake_at(self) -> float | None:
        """When time alone may admit the next request; None where only an answer can."""
        at = self.circuit.wake_at()
        if at is None:
            if self.occupied >= self.limit.value:
                return None
            at = max(0.0, self.pace.wake_at)
        return max(at, self._held_until, self._rate.wake_at() if self._rate else 0.0)

    def ended(self, verdict: Verdict, started: float, now: float, jitter: float) -> bool:
        """Note how a request ended; tell whether it counts as an attempt."""
        in_flight = self.occupied
        self._landed(started)
        if verdict.kind is BLOCKED:
            self._blocked(verdict, started, now, jitter)
            return False
        if verdict.pressure:
            return self._failed(verdict, in_flight, started, now, jitter)
        if self.circuit.succeeded(started, now):
            self._begin_anew(now)
        else:
            self.limit.took(in_flight, now)
            self.pace.took(now)
        return True

    def abandoned(self, started: float) -> None:
        """Note a request that was cancelled: nothing is known of it."""
        self._landed(started)
        self.circuit.abandon(started)

    def _blocked(self, verdict: Verdict, started: float, now: float, jitter: float) -> None:
        """Send nothing to an address that is forbidden; with too few descriptors, no more than now."""
        if verdict.is_shortage:
            self.limit.no_room(self.occupied)
            self.circuit.abandon(started)
        else:
            self.circuit.trip(started, now, jitter)

    def _landed(self, started: float) -> None:
        if self._old and (self.circuit.is_old(started) or not self.occupied):
            self._old -= 1
        else:
            self.occupied -= 1

    def _begin_anew(self, now: float) -> None:
        """After an outage: gently; what still hangs since then takes up no room."""
        self.limit.restart()
        self.pace.resume(now)
        self._old += self.occupied
        self.occupied = 0

    def _failed(self, verdict: Verdict, in_flight: int, started: float, now: float, jitter: float) -> bool:
        hold = min(verdict.hold, MAX_HOLD)
        if hold:
            self._held_until = max(self._held_until, now + hold)
        counts = self.circuit.state is CLOSED and not self.circuit.is_old(started)
        self.circuit.failed(started, now, jitter, alive=verdict.status == _TOO_MANY)
        if not counts:
            return False
        if verdict.too_many:
            self.pace.refused(hold, started, in_flight, now)
        else:
            self.limit.failed(started, now)
        counts = self.circuit.state is CLOSED
        if verdict.hold > MAX_HOLD:
            self.circuit.trip(started, now, jitter)
        return counts
