"""Ends what has passed its deadline, with one timer for all.

The rule: nothing ends before its deadline. If the deadline passed while the loop stood still, what came
meanwhile is read first, and so is what comes within a moment: whoever passes answers on stood still on the
same machine. In a running loop everything ends within two ticks of its deadline.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Protocol

TICK_SECONDS = 0.05

STILL_SECONDS = 0.5
"""Seconds between two looks from which on the loop stood still."""

PATIENCE_SECONDS = 1.0
"""Seconds after a standstill in which nothing ends; and as many until there may be others."""


class Expirable(Protocol):
    """Something with a deadline on the monotonic clock, which it may move at any time."""

    deadline: float

    def expire(self) -> None:
        """End, because the deadline has passed."""
        ...

    def close(self) -> None:
        """End, because everything does."""
        ...


class Sweeper:
    """Looks at everything it watches once a tick; a deadline costs an attribute instead of a timer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._watched: set[Expirable] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._swept = monotonic()
        self._patient_until = float("-inf")

    @property
    def watched(self) -> tuple[Expirable, ...]:
        """Everything it watches."""
        return tuple(self._watched)

    def watch(self, one: Expirable) -> None:
        """Expire it once its deadline passes, until it is forgotten."""
        self._watched.add(one)
        if self._timer is None:
            self._swept = monotonic()
            self._timer = self._loop.call_later(TICK_SECONDS, self._sweep)

    def forget(self, one: Expirable) -> None:
        """Stop watching it; the timer ends with the last one."""
        self._watched.discard(one)
        if not self._watched and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close_all(self) -> None:
        """Close everything now."""
        for one in self.watched:
            one.close()

    def _sweep(self) -> None:
        """Expire what was overdue at the last sweep: since then the loop has read what had come."""
        self._timer = self._loop.call_later(TICK_SECONDS, self._sweep)
        overdue, self._swept = self._swept, monotonic()
        if self._swept - overdue >= STILL_SECONDS and overdue >= self._patient_until + PATIENCE_SECONDS:
            self._patient_until = self._swept + PATIENCE_SECONDS
        if self._swept < self._patient_until:
            return
        for one in [one for one in self._watched if one.deadline <= overdue]:
            if one.deadline <= overdue:  # one that ended before it may have had it begin something new
                one.expire()
