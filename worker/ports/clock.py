"""Both kinds of time, as an argument of whoever decides."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Both kinds of time, in seconds."""

    def now(self) -> float:
        """Wall-clock time since the epoch: due times, windows, headers."""
        ...

    def monotonic(self) -> float:
        """Time that never steps: deadlines, pauses, rates."""
        ...
