"""Whether one more request may go to the partner now: the limit, the circuit, the rate, and a hold.

The rule: an outage uses up no attempts. A request that fails for the destination's sake while the
circuit is open, and one that was never made, is given back and not counted.
"""

from __future__ import annotations

from worker.core.circuit import CLOSED, HALF_OPEN, Circuit, CircuitPolicy, CircuitState
from worker.core.classify import BLOCKED, Verdict
from worker.core.limit import Limit
from worker.core.rate import Rate

# A partner's Retry-After holds everything back for at most this long before it is asked again.
MAX_HOLD = 60.0


class Gate:
    """Admits requests to one destination; times are monotonic seconds."""

    def __init__(self, concurrency: int, policy: CircuitPolicy, rate: float | None = None) -> None:
        self.limit = Limit(concurrency)
        self.circuit = Circuit(policy)
        self._rate = Rate(rate) if rate else None
        self._held_until = float("-inf")
        self.in_flight = 0

    def admits(self, now: float) -> bool:
        """Tell whether a request may start now; a yes that is used must be followed by `starting`."""
        if self.in_flight >= self.limit.value or not self.circuit.admits(now) or now < self._held_until:
            return False
        return self._rate is None or self._rate.wake_at() <= now

    def starting(self, now: float) -> None:
        """Note that a request starts."""
        self.in_flight += 1
        self.circuit.starting()
        if self._rate is not None:
            self._rate.starting(now)

    def wake_at(self) -> float | None:
        """When time alone may admit the next request; None where only an answer can."""
        if self.in_flight >= self.limit.value or self.circuit.state is HALF_OPEN:
            return None
        probe_at = self.circuit.wake_at() or 0.0
        return max(probe_at, self._held_until, self._rate.wake_at() if self._rate else 0.0)

    def ended(self, verdict: Verdict, started: float, now: float, jitter: float) -> bool:
        """Note how a request ended; tell whether it counts as an attempt."""
        in_flight, self.in_flight = self.in_flight, self.in_flight - 1
        if verdict.kind is BLOCKED:
            self.circuit.trip(started, now, jitter)
            return False
        if verdict.hold:
            self._held_until = max(self._held_until, now + min(verdict.hold, MAX_HOLD))
        was = self.circuit.state
        self.circuit.record(verdict.pressure, started, now, jitter)
        if not verdict.pressure:
            self._took(in_flight, was, now)
            return True
        self.limit.pushed_back(verdict.too_many, started, now)
        return self.circuit.state is CLOSED

    def abandoned(self, started: float) -> None:
        """Note a request that was cancelled: nothing is known of it."""
        self.in_flight -= 1
        self.circuit.abandon(started)

    def _took(self, in_flight: int, was: CircuitState, now: float) -> None:
        if was is not CLOSED and self.circuit.state is CLOSED:
            self.limit.restart()
        else:
            self.limit.took(in_flight, now)
