"""Whether the partner is there at all: closed, open, or half open for a probe.

The rule: only failures of the destination count (the caller says which), by share and by number over a
window, so a bad event never opens it. While it is open nothing is sent but one probe at a time, after pauses
that double; the first probe that succeeds closes it.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import NamedTuple

_BUCKETS = 10


class CircuitState(IntEnum):
    """The states, numbered as the gauge shows them."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


# Until Python 3.12 a member costs ten times as much to look up by its class.
CLOSED, HALF_OPEN, OPEN = CircuitState


class CircuitPolicy(NamedTuple):
    """When to open, and how long to pause before each probe. Times in seconds."""

    window: float = 10.0
    failure_share: float = 0.5
    min_failures: int = 10
    pause: float = 1.0
    pause_max: float = 30.0


class Circuit:
    """The breaker of one destination; times are monotonic seconds."""

    def __init__(self, policy: CircuitPolicy) -> None:
        self._policy = policy
        self._buckets: deque[list[float]] = deque()
        self._pause = policy.pause
        self._probe_at = float("-inf")
        self.state = CLOSED

    def admits(self, now: float) -> bool:
        """Tell whether a request may start; a yes to a probe must be followed by `starting`."""
        if self.state is OPEN:
            return now >= self._probe_at
        return self.state is CLOSED

    def starting(self) -> None:
        """Note that a request starts: the one after a pause is the probe."""
        if self.state is OPEN:
            self.state = HALF_OPEN

    def wake_at(self) -> float | None:
        """When a probe may start, while that is what we wait for."""
        return self._probe_at if self.state is OPEN else None

    def record(self, failed: bool, started: float, now: float, jitter: float) -> None:
        """Note how a request ended; `jitter` from 0 to 1 spreads the probes of several workers."""
        if self.state is CLOSED:
            self._count(failed, now)
            if failed and self._too_many(now):
                self._pause = self._policy.pause
                self._open(now, jitter)
        elif self.state is HALF_OPEN and started >= self._probe_at:
            self._end_probe(failed, now, jitter)

    def abandon(self, started: float) -> None:
        """Note that a request ended without an answer of any kind (it was cancelled, or never made)."""
        if self.state is HALF_OPEN and started >= self._probe_at:
            self.state = OPEN

    def trip(self, started: float, now: float, jitter: float) -> None:
        """Open at once, or stay open with a longer pause: nothing can be sent as things are set up."""
        if self.state is CLOSED:
            self._pause = self._policy.pause
            self._open(now, jitter)
        elif self.state is HALF_OPEN and started >= self._probe_at:
            self._end_probe(True, now, jitter)

    def _end_probe(self, failed: bool, now: float, jitter: float) -> None:
        if failed:
            self._pause = min(self._pause * 2, self._policy.pause_max)
            self._open(now, jitter)
        else:
            self.state = CLOSED
            self._buckets.clear()

    def _open(self, now: float, jitter: float) -> None:
        self.state = OPEN
        self._probe_at = now + self._pause * (1 + jitter / 4)

    def _count(self, failed: bool, now: float) -> None:
        if not self._buckets or now >= self._buckets[-1][0] + self._policy.window / _BUCKETS:
            self._forget(now)
            self._buckets.append([now, 0, 0])
        self._buckets[-1][1 + failed] += 1

    def _forget(self, now: float) -> None:
        while self._buckets and self._buckets[0][0] < now - self._policy.window:
            self._buckets.popleft()

    def _too_many(self, now: float) -> bool:
        self._forget(now)
        failures = sum(bucket[2] for bucket in self._buckets)
        total = failures + sum(bucket[1] for bucket in self._buckets)
        return failures >= self._policy.min_failures and failures >= total * self._policy.failure_share
