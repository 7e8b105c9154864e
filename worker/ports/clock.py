"""The clocks."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Wall-clock, monotonic and CPU time, in seconds."""

    def now(self) -> float:
        """Wall-clock time since the epoch: due times, windows, headers."""
        ...

    def monotonic(self) -> float:
        """Time that never steps: deadlines, pauses, rates."""
        ...

    def processor(self) -> float:
        """CPU time that this thread (the event loop's) has used."""
        ...
