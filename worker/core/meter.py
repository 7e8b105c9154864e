"""How much happened in the last second, and how much usually does.

The rule: noting one costs the same however many there were.
"""

from __future__ import annotations

_SLOTS = 10
"""Tenths of a second that are remembered."""

# The usual rate follows what is seen over about this many tenths.
_MEMORY = 100


class Meter:
    """Counts by tenths of a second; times are monotonic seconds and never go back."""

    __slots__ = ("_counts", "_slot", "since", "total", "usual")

    def __init__(self) -> None:
        self._counts = [0] * _SLOTS
        self._slot = -1
        self.total = 0
        """How many there were in the last nine to ten tenths, as of the last one noted."""
        self.since = float("inf")
        """When counting began, or began anew."""
        self.usual = 0.0
        """How many a second there usually are."""

    def note(self, now: float) -> None:
        """Count one."""
        slot = int(now * _SLOTS)
        if slot != self._slot:
            self._move(slot, now)
        self._counts[slot % _SLOTS] += 1
        self.total += 1

    def begins(self, now: float) -> float:
        """When the tenths begin that `total` counts."""
        return max(self.since, int(now * _SLOTS - _SLOTS + 1) / _SLOTS)

    def rate(self, now: float) -> float:
        """How many a second there were; too low where less than a second has been seen, never too high."""
        slot = int(now * _SLOTS)
        if slot != self._slot:
            self._move(slot, now)
        if now < self.since + 1.0:
            return float(self.total)
        return self.total / (now - self.begins(now))

    def restart(self, now: float) -> None:
        """Forget the last second, as it was none of use; what is usual stays."""
        self._counts = [0] * _SLOTS
        self._slot = int(now * _SLOTS)
        self.total = 0
        self.since = now

    def _move(self, slot: int, now: float) -> None:
        if self.since > now:
            self.restart(now)
            return
        passed = slot - self._slot
        self.usual += (self._counts[self._slot % _SLOTS] * _SLOTS - self.usual) / _MEMORY
        self.usual *= (1.0 - 1.0 / _MEMORY) ** (passed - 1)
        for index in range(slot - min(passed, _SLOTS) + 1, slot + 1):
            self.total -= self._counts[index % _SLOTS]
            self._counts[index % _SLOTS] = 0
        self._slot = slot
