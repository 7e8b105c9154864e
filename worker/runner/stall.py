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
    """Beats with the event loop, on both clocks, because the monotonic one misses a suspended machine.

    `on_still` hears what is known of it: the wall clock alone may have been set.
    """

    def __init__(self, clock: Clock, on_still: Callable[[str], None]) -> None:
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
        still, ahead = at - self._at, now - self._now
        if still > STOOD_STILL_SECONDS or ahead > STOOD_STILL_SECONDS:
            self._now, self._at = now, at
            self._on_still(_stood_still(max(still, ahead)) if still > STOOD_STILL_SECONDS else _jumped(ahead))

    def _beat(self) -> None:
        now, at = self._clock.now(), self._clock.monotonic()
        self.check_in(now, at)
        self._now, self._at = now, at
        self._timer = asyncio.get_running_loop().call_later(_BEAT_SECONDS, self._beat)


def _stood_still(seconds: float) -> str:
    return f"the process stood still for {seconds:.1f} s"


def _jumped(seconds: float) -> str:
    return f"the wall clock jumped ahead by {seconds:.1f} s: the machine was suspended, or its clock was set"
