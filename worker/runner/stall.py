"""Notices that the process stood still: it was stopped or suspended, or got no CPU.

The rule: meanwhile its partitions may have become another's, and it has not been told yet. So whoever acts on
them checks in first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from worker.ports import Clock

# Seconds without a beat that count as a standstill: fewer than any group waits for a member.
STOOD_STILL_SECONDS = 2.0
_BEAT_SECONDS = 0.5


class StallDetector:
    """Beats with the event loop, on both clocks, because the monotonic one misses a suspended machine."""

    def __init__(self, clock: Clock, on_still: Callable[[float], None]) -> None:
        self._clock = clock
        self._on_still = on_still
        self._timer: asyncio.TimerHandle | None = None
        self._now, self._at = clock.now(), clock.monotonic()

    def start(self) -> None:
        """Begin to beat."""
        self._now, self._at = self._clock.now(), self._clock.monotonic()
        self._timer = asyncio.get_running_loop().call_later(_BEAT_SECONDS, self._beat)

    def stop(self) -> None:
        """Stop beating and reporting."""
        self._now = self._at = float("inf")
        if self._timer is not None:
            self._timer.cancel()

    def check_in(self, now: float, at: float) -> None:
        """Report a standstill that has just ended, once; the arguments are this moment on both clocks."""
        if at - self._at > STOOD_STILL_SECONDS or now - self._now > STOOD_STILL_SECONDS:
            still = max(at - self._at, now - self._now)
            self._now, self._at = now, at
            self._on_still(still)

    def _beat(self) -> None:
        now, at = self._clock.now(), self._clock.monotonic()
        self.check_in(now, at)
        self._now, self._at = now, at
        self._timer = asyncio.get_running_loop().call_later(_BEAT_SECONDS, self._beat)
