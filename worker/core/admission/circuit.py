"""The circuit breaker: whether the partner is there at all. Closed, open, or half open for a probe.

The rules: only failures of the destination count (the caller says which, and which have a vote), so a bad
event never opens it. It opens by the share and number of failures in a window, or by the same number of
failures in a row, however far apart. So an outage uses up few attempts, both after a busy stream's successes
and with little traffic. While it is open only probes are sent: after pauses that double, and when one is
asked for. A pause counts from the start of its probe, so that a hanging probe holds up no other. The first
probe that succeeds closes it. An outage that returns within the window continues the pauses of the last one.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import NamedTuple

_BUCKETS = 10
_NEVER = float("-inf")


class CircuitState(IntEnum):
    """The states, numbered as the gauge shows them."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


# Until Python 3.12, looking up a member by its class costs ten times as much.
CLOSED, HALF_OPEN, OPEN = CircuitState


class CircuitPolicy(NamedTuple):
    """When to open, and how long to pause before each probe. Times are in seconds."""

    window: float = 10.0
    failure_share: float = 0.5
    min_failures: int = 10
    pause: float = 1.0
    pause_max: float = 30.0


class CircuitBreaker:
    """The breaker of one destination; times are monotonic seconds."""

    def __init__(self, policy: CircuitPolicy) -> None:
        self._policy = policy
        self._buckets: deque[list[float]] = deque(maxlen=_BUCKETS + 1)
        self._bucket: list[float] = [0.0, 0, 0]
        """The newest part of the window: when it began, successes, failures."""
        self._turn_at = _NEVER
        self._pause = policy.pause
        self._spread = 1.0
        self._closed_at = self._opened_at = self._probe_at = _NEVER
        self._there_at = _NEVER
        self._besides_at = float("inf")
        """When an extra probe may start, besides those after pauses."""
        self._probes = 0
        self.in_a_row = 0
        """How many failures since the last success."""
        self.state: CircuitState = CLOSED

    def admits(self, now: float) -> bool:
        """Return whether a request may start; if it is a probe, `starting` must follow."""
        return self.state is CLOSED or now >= self._probe_at or now >= self._besides_at

    def ask_at(self, at: float) -> None:
        """Have an extra probe start at that time; the last call counts."""
        self._besides_at = at

    def starting(self, now: float) -> None:
        """Note that a probe starts, after a pause or as an extra one."""
        self.state = HALF_OPEN
        self._probes += 1
        self._besides_at = float("inf")
        if now < self._probe_at:
            return
        self._pause = min(self._pause * 2, self._policy.pause_max)
        self._probe_at = now + self._pause * self._spread

    def is_old(self, started: float) -> bool:
        """Return whether a request began before the last outage was over."""
        return started < self._closed_at

    def wake_at(self) -> float | None:
        """When the next probe may start; None while closed."""
        return None if self.state is CLOSED else min(self._probe_at, self._besides_at)

    def succeeded(self, started: float, now: float) -> bool:
        """Note a request that the partner answered; return whether that closes the circuit."""
        if self.state is not CLOSED:
            return self.is_probe(started) and self._end_probe(False, now)
        self.in_a_row = 0
        if started > self._there_at:  # noqa: PLR1730 - `max` costs a call, at each answer
            self._there_at = started
        if now >= self._turn_at:
            self._turn(now)
        self._bucket[1] += 1
        return False

    def failed(
        self, started: float, now: float, jitter: float, *, alive: bool = False, votes: bool = True
    ) -> None:
        """Note a failure of the destination; `jitter` from 0 to 1 spreads the probes of several workers.

        A failure of a request from before the last closing says nothing about the partner now. An `alive`
        failure is the answer of a partner that is there (429): many in a row only mean that its second is
        full, so they count in the window alone. So do failures that began before a later success (slow ones,
        which time out together). Without `votes`, because its partition has used up its share, a failure
        counts in a row alone.
        """
        if self.state is not CLOSED:
            if self.is_probe(started):
                self._end_probe(True, now)
        elif not self.is_old(started):
            if not alive and started >= self._there_at:
                self.in_a_row += 1
            if now >= self._turn_at:
                self._turn(now)
            self._bucket[2] += votes
            if self._too_many(now):
                self._open(now, jitter)

    def abandon(self, started: float) -> None:
        """Note that a request was given up without an outcome: a probe is repeated at once."""
        if self.is_probe(started):
            self._end_probe(True, started)
            self._probe_at = started

    def trip(self, started: float, now: float, jitter: float) -> None:
        """Open at once, or stay open, because nothing can be sent or the partner wants nothing."""
        if self.state is CLOSED:
            self._open(now, jitter)
        elif self.is_probe(started):
            self._end_probe(True, now)

    def none_taken(self) -> bool:
        """Return whether it opened without any success since the failures began, or in the window."""
        return self.in_a_row >= self._policy.min_failures or not any(bucket[1] for bucket in self._buckets)

    @property
    def was_there(self) -> bool:
        """Whether the partner has ever taken anything."""
        return self._there_at > _NEVER

    @property
    def was_open_for(self) -> float:
        """How many seconds it was open the last time, once it is closed again."""
        return self._closed_at - self._opened_at

    def failure_share(self) -> float:
        """The share of failures in the window, as of the last answer that counted."""
        failures = sum(bucket[2] for bucket in self._buckets)
        total = failures + sum(bucket[1] for bucket in self._buckets)
        return failures / total if total else 1.0

    def is_probe(self, started: float) -> bool:
        """Return whether a request that began at `started` is a probe under way."""
        return self.state is HALF_OPEN and started > self._opened_at

    def _end_probe(self, failed: bool, now: float) -> bool:
        """Count one probe less; return whether it closes the circuit."""
        self._probes -= 1
        if not failed:
            self.state = CLOSED
            self._closed_at = now
            self._buckets.clear()
            self._turn_at = now
            self.in_a_row = 0
        elif not self._probes:
            self.state = OPEN
        return not failed

    def _open(self, now: float, jitter: float) -> None:
        if now > self._closed_at + self._policy.window:
            self._pause = self._policy.pause
        self.state = OPEN
        self._probes = 0
        self._opened_at = now
        self._besides_at = float("inf")
        self._spread = 1 + jitter / 4
        self._probe_at = now + self._pause * self._spread

    def _turn(self, now: float) -> None:
        """Begin the next part of the window."""
        self._bucket = [now, 0, 0]
        self._buckets.append(self._bucket)
        self._turn_at = now + self._policy.window / _BUCKETS

    def _too_many(self, now: float) -> bool:
        if self.in_a_row >= self._policy.min_failures:
            return True
        while self._buckets[0][0] < now - self._policy.window:
            self._buckets.popleft()
        failures = sum(bucket[2] for bucket in self._buckets)
        total = failures + sum(bucket[1] for bucket in self._buckets)
        return failures >= self._policy.min_failures and failures >= total * self._policy.failure_share
