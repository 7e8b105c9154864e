"""Whether one more request may go to the partner now: limit, pace, circuit, rate, and Retry-After.

The rules: an outage uses up no attempts but those of `probing`: a request that fails for the destination's
sake while the circuit is open, and one that was never made, is given back and not counted. "Too many" (429,
503) lowers the pace, what else fails the limit. A partition that has failed a few times in a row has no vote
any more: its failures lower no limit, and do not open the circuit beside others that are answered. A
Retry-After of a 429 or 503 pauses everything until then, unless it is shown that it was meant for its record
alone (`retry_after`); one longer than MAX_RETRY_AFTER_SECONDS opens the circuit, so that a single answer
cannot stop all for hours: a probe asks again within a minute, and what follows is the answer to that.
"""

from __future__ import annotations

from worker.core.admission.circuit import CLOSED, Circuit, CircuitPolicy
from worker.core.admission.concurrency import ConcurrencyLimit
from worker.core.admission.pace import Pace
from worker.core.admission.probes import Probes
from worker.core.admission.rate import Rate
from worker.core.admission.retry_after import MAX_RETRY_AFTER_SECONDS, RetryAfterPause
from worker.core.assigned_partition import PendingRecord
from worker.core.classify import BLOCKED, Verdict

# A status that speaks of load alone; a 503 without a Retry-After may speak of a fault.
_TOO_MANY_STATUS = 429
# So many failures of a partition have a vote until it delivers.
_VOTES_OF_A_PARTITION = 3
_NEVER = float("-inf")


class Gate:
    """Admits requests to one destination; times are monotonic seconds."""

    def __init__(self, concurrency: int, policy: CircuitPolicy, rate: float | None = None) -> None:
        """Take the most in flight, and the most that may start in a second, as nobody else sends."""
        self.limit = ConcurrencyLimit(concurrency)
        self.pace = Pace()
        self.circuit = Circuit(policy)
        self._rate = Rate(rate) if rate else None
        self.probing = Probes()
        self._retry_after = RetryAfterPause()
        self.occupied = 0
        """How many requests in flight count against the limit."""
        self._old = 0
        """How many others are left in flight from an outage that is over."""

    @property
    def in_flight(self) -> int:
        """How many requests are in flight."""
        return self.occupied + self._old

    @property
    def paced_until(self) -> float:
        """When the next request is due by the rate that is set, and by the pace that was learned."""
        return max(self.pace.wake_at, self._rate.wake_at() if self._rate is not None else _NEVER)

    def is_paced(self, now: float) -> bool:
        """Tell whether the pace that was learned is what keeps the next request from going."""
        return now < self.pace.wake_at

    @property
    def left_alone_until(self) -> float:
        """Until when the partner asked for probes at most."""
        return self._retry_after.until

    def admits(self, now: float) -> bool:
        """Tell whether a request may start now; a yes that is used must be followed by `starting`."""
        if now < self._retry_after.until and now < self._retry_after.probe_at:
            return False
        if self.circuit.state is CLOSED:
            if self.occupied >= self.limit.value or now < self.pace.wake_at:
                return False
        elif not self.circuit.admits(now):
            return False
        return self._rate is None or self._rate.wake_at() <= now

    def is_lowered(self) -> bool:
        """Tell whether a limit below the most is what keeps the next request from going."""
        return self.limit.most > self.limit.value <= self.occupied

    def limit_to(self, rate: float | None, share: float, now: float) -> None:
        """Start at most this share of a rate from now on; None is no rate."""
        self._rate = None if rate is None else Rate(rate, share, now)

    @property
    def most_per_second(self) -> float:
        """How many requests may start in a second, by pace and rate."""
        return min(self.pace.per_second, self._rate.per_second if self._rate else float("inf"))

    def probes(self, now: float) -> bool:
        """Tell whether a request that may start now only asks how the partner is."""
        return self.circuit.state is not CLOSED or now < self._retry_after.until

    def starting(self, now: float) -> None:
        """Note that a request starts."""
        self.occupied += 1
        if now < self._retry_after.until:
            self._retry_after.starting(now)
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
        return max(at, self._retry_after.wake_at(), self._rate.wake_at() if self._rate else 0.0)

    def ended(
        self, verdict: Verdict, pending: PendingRecord, started: float, now: float, jitter: float
    ) -> bool:
        """Note how a record's request ended; tell whether it counts as an attempt."""
        in_flight = self.occupied
        self._landed(started)
        if verdict.kind is BLOCKED:
            self._blocked(verdict, started, now, jitter)
            return False
        if verdict.pressure:
            return self._failed(verdict, pending, in_flight, started, now, jitter)
        if started > self._retry_after.said_at and self._retry_after.answered(started, now):
            self.pace.let_go(now)
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
        self.probing.answered(now)
        self.limit.restart()
        self.pace.resume(now)
        self._old += self.occupied
        self.occupied = 0

    def _failed(
        self,
        verdict: Verdict,
        pending: PendingRecord,
        in_flight: int,
        started: float,
        now: float,
        jitter: float,
    ) -> bool:
        asks = verdict.pause > 0 and not self.pace.is_usual()
        pauses = asks and self._retry_after.refused(verdict.pause, started, now)
        if self.circuit.state is not CLOSED:
            return self._probe_failed(verdict, pending, started, now, jitter)
        if self.circuit.is_old(started):
            return False
        partition = pending.partition
        # Where probes of others are answered, what a partition is refused for says nothing of the load.
        apart = partition.failing and self.probing.is_mixed(now)
        alive = verdict.status == _TOO_MANY_STATUS and not apart
        votes = alive or partition.failures < _VOTES_OF_A_PARTITION
        self.circuit.failed(started, now, jitter, alive=alive, votes=votes)
        self._ask_others(pending, now)
        if verdict.too_many and not apart:
            self.pace.refused(
                min(verdict.pause, MAX_RETRY_AFTER_SECONDS) if pauses else 0.0, started, in_flight, now
            )
        elif votes:
            self.limit.failed(started, now)
        else:
            self.pace.took(now)
        counts = self.circuit.state is CLOSED
        if pauses and verdict.pause > MAX_RETRY_AFTER_SECONDS:
            self.circuit.trip(started, now, jitter)
        return counts

    def _ask_others(self, pending: PendingRecord, now: float) -> None:
        """Where a failure opened the circuit, ask others."""
        self.probing.note(pending.partition, first=self.circuit.in_a_row == 1)
        if self.circuit.state is not CLOSED:
            none_taken, was_there = self.circuit.none_taken(), self.circuit.was_there
            ask_at = self.probing.opened(pending, now, none_taken=none_taken, was_there=was_there)
            self.circuit.ask_at(ask_at)

    def _probe_failed(
        self, verdict: Verdict, pending: PendingRecord, started: float, now: float, jitter: float
    ) -> bool:
        """Note a failure while it is open: of a probe, or of what was in flight when it opened."""
        is_probe = self.circuit.is_probe(started)
        self.circuit.failed(started, now, jitter)
        if not is_probe:
            return False
        counts, ask_at = self.probing.failed(pending, verdict, started, now)
        self.circuit.ask_at(ask_at)
        return counts
