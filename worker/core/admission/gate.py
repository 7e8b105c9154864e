"""Whether one more request may go to the partner now: limit, pace, circuit, rate and Retry-After together.

The rules: an outage uses up no attempts except those of `probing`: a request that fails because of the
destination while the circuit is open, or that was never made, is given back and does not count. "Too many"
(429, 503) lowers the pace; other failures lower the limit. A partition that has failed a few times in a row
loses its vote: its failures lower no limit, and do not open the circuit while others are answered. What a
probe ends within a second was no outage of the partner but clicks that it never takes: the pace stays. A
Retry-After of a 429 or 503 pauses everything until then, unless it turns out to be meant for its record alone
(`retry_after`). One longer than MAX_RETRY_AFTER_SECONDS opens the circuit, so that a single answer can't stop
everything for hours: a probe asks again within a minute, and its answer decides.
"""

from __future__ import annotations

from worker.core.admission.circuit import CLOSED, CircuitBreaker, CircuitPolicy
from worker.core.admission.concurrency import ConcurrencyLimit
from worker.core.admission.pace import Pace
from worker.core.admission.probes import Probes
from worker.core.admission.rate_limit import RateLimit
from worker.core.admission.retry_after import MAX_RETRY_AFTER_SECONDS, RetryAfterPause
from worker.core.assigned_partition import PendingRecord
from worker.core.classify import BLOCKED, AnswerVerdict

# A status that is about load alone; a 503 without a Retry-After may be a fault.
_TOO_MANY_STATUS = 429
# How many failures of a partition have a vote until it delivers.
_VOTES_OF_A_PARTITION = 3
# From so many seconds on an open circuit was an outage, after which the pace is found anew.
_OUTAGE_SECONDS = 1.0
_NEVER = float("-inf")


class Gate:
    """Admits requests to one destination; times are monotonic seconds."""

    def __init__(self, concurrency: int, policy: CircuitPolicy, rate: float | None = None) -> None:
        """Take the most in flight, and the most starts per second, as if no other worker sent."""
        self.limit = ConcurrencyLimit(concurrency)
        self.pace = Pace()
        self.circuit = CircuitBreaker(policy)
        self._rate = RateLimit(rate) if rate else None
        self.probing = Probes()
        self._retry_after = RetryAfterPause()
        self.occupied = 0
        """How many requests in flight count against the limit."""
        self._old = 0
        """How many others are in flight since before an outage that is over."""

    @property
    def in_flight(self) -> int:
        """How many requests are in flight."""
        return self.occupied + self._old

    @property
    def paced_until(self) -> float:
        """When the next request may start by the configured rate and the learned pace."""
        return max(self.pace.wake_at, self._rate.wake_at() if self._rate is not None else _NEVER)

    def is_paced(self, now: float) -> bool:
        """Return whether the learned pace keeps the next request from starting."""
        return now < self.pace.wake_at

    @property
    def left_alone_until(self) -> float:
        """Until when the partner asked to be left alone, but for probes."""
        return self._retry_after.until

    def admits(self, now: float) -> bool:
        """Return whether a request may start now; if one does, `starting` must follow."""
        if now < self._retry_after.until and now < self._retry_after.probe_at:
            return False
        if self.circuit.state is CLOSED:
            if self.occupied >= self.limit.value or now < self.pace.wake_at:
                return False
        elif not self.circuit.admits(now):
            return False
        return self._rate is None or self._rate.wake_at() <= now

    def is_lowered(self) -> bool:
        """Return whether a lowered limit keeps the next request from starting."""
        return self.limit.most > self.limit.value <= self.occupied

    def limit_to(self, rate: float | None, share: float, now: float) -> None:
        """Start at most this share of a rate from now on; None means no rate."""
        self._rate = None if rate is None else RateLimit(rate, share, now)

    @property
    def most_per_second(self) -> float:
        """How many requests may start per second, by pace and rate."""
        return min(self.pace.per_second, self._rate.per_second if self._rate else float("inf"))

    def probes(self, now: float) -> bool:
        """Return whether a request that may start now would be a probe."""
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
        """When the next request may start by time alone; None if only an answer can admit it."""
        at = self.circuit.wake_at()
        if at is None:
            if self.occupied >= self.limit.value:
                return None
            at = max(0.0, self.pace.wake_at)
        return max(at, self._retry_after.wake_at(), self._rate.wake_at() if self._rate else 0.0)

    def ended(
        self, verdict: AnswerVerdict, pending: PendingRecord, started: float, now: float, jitter: float
    ) -> bool:
        """Note how a record's request ended; return whether it counts as an attempt."""
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
        """Note a request that was cancelled, whose outcome is unknown."""
        self._landed(started)
        self.circuit.abandon(started)

    def _blocked(self, verdict: AnswerVerdict, started: float, now: float, jitter: float) -> None:
        """Open the circuit for a forbidden address; for too few descriptors, allow no more than now."""
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
        """Restart gently after an outage; requests that still hang from it take up no room."""
        self.probing.answered(now)
        self.limit.restart()
        if self.circuit.was_open_for >= _OUTAGE_SECONDS:
            self.pace.resume(now)
        self._old += self.occupied
        self.occupied = 0

    def _failed(
        self,
        verdict: AnswerVerdict,
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
        # While probes of others are answered, refusals of a failing partition say nothing about load.
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
        """If a failure opened the circuit, have other partitions probed."""
        self.probing.note(pending.partition, first=self.circuit.in_a_row == 1)
        if self.circuit.state is not CLOSED:
            none_taken, was_there = self.circuit.none_taken(), self.circuit.was_there
            ask_at = self.probing.opened(pending, now, none_taken=none_taken, was_there=was_there)
            self.circuit.ask_at(ask_at)

    def _probe_failed(
        self, verdict: AnswerVerdict, pending: PendingRecord, started: float, now: float, jitter: float
    ) -> bool:
        """Note a failure while the circuit is open: of a probe, or of a request from before."""
        is_probe = self.circuit.is_probe(started)
        self.circuit.failed(started, now, jitter)
        if not is_probe:
            return False
        counts, ask_at = self.probing.failed(pending, verdict, started, now)
        self.circuit.ask_at(ask_at)
        return counts
