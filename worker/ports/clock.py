"""Time, as an argument of whoever decides."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Both kinds of time, and the processor's, in seconds."""

    def now(self) -> float:
        """Wall-clock time since the epoch: due times, windows, headers."""
        ...

    def monotonic(self) -> float:
        """Time that never steps: deadlines, pauses, rates."""
        ...

    def processor(self) -> float:
        """Time of a processor that this thread, the event loop's, has used."""
        ...
