"""Ends what is over its time, with one timer for all.

The rule: nothing is ended before its deadline, nor for one that passed while the loop stood still: what came
meanwhile is read first. Nothing is ended later than two ticks of a running loop after its deadline.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Protocol

TICK_SECONDS = 0.05


class Mortal(Protocol):
    """What has a deadline, on the monotonic clock; it may move its deadline at any time."""

    deadline: float

    def expire(self) -> None:
        """End: the deadline has passed."""
        ...

    def close(self) -> None:
        """End: everything does."""
        ...


class Sweeper:
    """Looks at everything that it watches once a tick; a deadline costs an attribute rather than a timer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._watched: set[Mortal] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._swept = monotonic()

    @property
    def watched(self) -> tuple[Mortal, ...]:
        """All that it watches."""
        return tuple(self._watched)

    def watch(self, mortal: Mortal) -> None:
        """Expire it once its deadline passes, until it is forgotten."""
        self._watched.add(mortal)
        if self._timer is None:
            self._swept = monotonic()
            self._timer = self._loop.call_later(TICK_SECONDS, self._sweep)

    def forget(self, mortal: Mortal) -> None:
        """Watch it no more; without anything to watch the timer ends too."""
        self._watched.discard(mortal)
        if not self._watched and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close_all(self) -> None:
        """Close everything now."""
        for mortal in self.watched:
            mortal.close()

    def _sweep(self) -> None:
        """Expire what was overdue at the last sweep already: since then the loop has read what had come."""
        self._timer = self._loop.call_later(TICK_SECONDS, self._sweep)
        overdue, self._swept = self._swept, monotonic()
        for mortal in [mortal for mortal in self._watched if mortal.deadline <= overdue]:
            mortal.expire()
