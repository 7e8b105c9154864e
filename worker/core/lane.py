"""Whether one more request may go to the partner now: the limit, the pace, the circuit, the rate, and a hold.

The rules: an outage uses up no attempts: a request that fails for the destination's sake while the circuit is
open, and one that was never made, is given back and not counted. A Retry-After of a 429 or 503 holds
everything back until then; one longer than MAX_HOLD opens the circuit, so that a single answer cannot stop
all for hours: a probe asks again within a minute, and what follows is the partner's answer to that.
"""

from __future__ import annotations

from worker.core.circuit import Circuit, CircuitPolicy, CircuitState
from worker.core.classify import Kind, Verdict
from worker.core.limit import Limit
from worker.core.pace import Pace
from worker.core.rate import Rate

# A partner's Retry-After holds everything back for at most this long before it is asked again.
MAX_HOLD = 60.0
# A status that speaks of load alone; a 503 without a Retry-After may speak of a fault.
_TOO_MANY = 429


class Gate:
    """Admits requests to one destination; times are monotonic seconds."""

    def __init__(self, concurrency: int, policy: CircuitPolicy, rate: float | None = None) -> None:
        self.limit = Limit(concurrency)
        self.pace = Pace()
        self.circuit = Circuit(policy)
        self._rate = Rate(rate) if rate else None
        self._held_until = float("-inf")
        self.in_flight = 0
        self._old = 0
        """How many of those in flight are left from an outage that is over: they take up no room."""

    @property
    def occupied(self) -> int:
        """How many of those in flight count against the limit."""
        return self.in_flight - self._old

    def admits(self, now: float) -> bool:
        """Tell whether a request may start now; a yes that is used must be followed by `starting`."""
        if self.circuit.state is CircuitState.CLOSED:
            if self.in_flight - self._old >= self.limit.value or now < self.pace.wake_at:
                return False
        elif not self.circuit.admits(now):
            return False
        return now >= self._held_until and (self._rate is None or self._rate.wake_at() <= now)

    def starting(self, now: float) -> None:
        """Note that a request starts."""
        self.in_flight += 1
        self.circuit.starting(now)
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
        in_flight = self._landed(started)
        if verdict.kind is Kind.BLOCKED:
            self.circuit.trip(started, now, jitter)
            return False
        was = self.circuit.state
        self.circuit.record(verdict.pressure, started, now, jitter, alive=verdict.status == _TOO_MANY)
        if not verdict.pressure:
            self._took(in_flight, was, now)
            return True
        self._hold(verdict.hold, now)
        if was is not CircuitState.CLOSED or self.circuit.is_old(started):
            return False
        self._pushed_back(verdict, in_flight, started, now)
        counts = self.circuit.state is CircuitState.CLOSED
        if verdict.hold > MAX_HOLD:
            self.circuit.trip(started, now, jitter)
        return counts

    def abandoned(self, started: float) -> None:
        """Note a request that was cancelled: nothing is known of it."""
        self._landed(started)
        self.circuit.abandon(started)

    def _landed(self, started: float) -> int:
        """Count one less in flight; return how many there were that count."""
        occupied = self.in_flight - self._old
        self.in_flight -= 1
        if self._old and self.circuit.is_old(started):
            self._old -= 1
        return occupied

    def _took(self, in_flight: int, was: CircuitState, now: float) -> None:
        if was is not CircuitState.CLOSED and self.circuit.state is CircuitState.CLOSED:
            self.limit.restart()
            self.pace.resume(now)
            self._old = self.in_flight
        else:
            self.limit.took(in_flight, now)
            self.pace.took(now)

    def _pushed_back(self, verdict: Verdict, in_flight: int, started: float, now: float) -> None:
        too_many = verdict.too_many
        if too_many:
            sure = verdict.status == _TOO_MANY or verdict.hold > 0
            too_many = self.pace.refused(sure, verdict.hold, started, in_flight, now)
        self.limit.pushed_back(too_many, started, now)

    def _hold(self, seconds: float, now: float) -> None:
        if seconds:
            self._held_until = max(self._held_until, now + min(seconds, MAX_HOLD))
