"""Whether the partner is there at all: closed, open, or half open for a probe.

The rules: only failures of the destination count (the caller says which, and which have a vote), so a bad
event never opens it. It opens by share and by number over a window, and by as many failures in a row, however
far apart: so an outage uses up few attempts beside a busy stream's successes of just before, and with little
traffic too. While it is open nothing is sent but probes, after pauses that double, and those that are asked
for besides. A pause is counted from the start of the probe, so that one that hangs holds up no other; the
first probe that succeeds closes it. An outage that comes back within the window goes on with the pauses of
the last one.
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
        self._buckets: deque[list[float]] = deque(maxlen=_BUCKETS + 1)
        self._bucket: list[float] = [0.0, 0, 0]
        """The newest part of the window: when it began, successes, failures."""
        self._turn_at = _NEVER
        self._pause = policy.pause
        self._spread = 1.0
        self._closed_at = self._opened_at = self._probe_at = _NEVER
        self._there_at = _NEVER
        self._besides_at = float("inf")
        """When a probe may start besides those after pauses."""
        self._probes = 0
        self.in_a_row = 0
        """How many failures there were since the last success."""
        self.state: CircuitState = CLOSED

    def admits(self, now: float) -> bool:
        """Tell whether a request may start; a yes to a probe must be followed by `starting`."""
        return self.state is CLOSED or now >= self._probe_at or now >= self._besides_at

    def ask_at(self, at: float) -> None:
        """Have a probe start then, besides those after pauses; one at a time is kept."""
        self._besides_at = at

    def starting(self, now: float) -> None:
        """Note that a request starts, after a pause or besides: it is a probe."""
        self.state = HALF_OPEN
        self._probes += 1
        self._besides_at = float("inf")
        if now < self._probe_at:
            return
        self._pause = min(self._pause * 2, self._policy.pause_max)
        self._probe_at = now + self._pause * self._spread

    def is_old(self, started: float) -> bool:
        """Tell whether a request began before the last outage was over."""
        return started < self._closed_at

    def wake_at(self) -> float | None:
        """When the next probe may start; None while it is closed."""
        return None if self.state is CLOSED else min(self._probe_at, self._besides_at)

    def succeeded(self, started: float, now: float) -> bool:
        """Note a request that the partner answered; tell whether that closes the circuit."""
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

        A failure of a request from before the last closing says nothing of the partner as it is now.
        `alive` tells of a failure that is the answer of a partner which is there (429): many in a row are
        what a full second looks like, so they count in the window alone; so do those that began before
        something that succeeded (slow ones, which time out together). One that has no vote, for its partition
        has used up its share of them, counts in a row alone.
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
        """Note that a request ended without an answer of any kind: a probe is made again at once."""
        if self.is_probe(started):
            self._end_probe(True, started)
            self._probe_at = started

    def trip(self, started: float, now: float, jitter: float) -> None:
        """Open at once, or stay open: nothing can be sent as things are set up, or is wanted."""
        if self.state is CLOSED:
            self._open(now, jitter)
        elif self.is_probe(started):
            self._end_probe(True, now)

    def none_taken(self) -> bool:
        """Tell whether it opened though there was no success since the failures began, or in the window."""
        return self.in_a_row >= self._policy.min_failures or not any(bucket[1] for bucket in self._buckets)

    @property
    def was_there(self) -> bool:
        """Whether the partner has taken anything at all."""
        return self._there_at > _NEVER

    def failure_share(self) -> float:
        """The share of failures in the window, as of the last answer that counted."""
        failures = sum(bucket[2] for bucket in self._buckets)
        total = failures + sum(bucket[1] for bucket in self._buckets)
        return failures / total if total else 1.0

    def is_probe(self, started: float) -> bool:
        """Tell whether a request that began then is a probe which is under way."""
        return self.state is HALF_OPEN and started > self._opened_at

    def _end_probe(self, failed: bool, now: float) -> bool:
        """Count one probe less; tell whether the circuit is closed by it."""
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
