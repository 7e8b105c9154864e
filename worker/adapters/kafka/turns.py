"""How long one turn of the poll thread lasts: it can wait for records or for orders, but not for both.

The rule: a busy thread carries out an order within TURN_SECONDS. An idle one wakes seldom, because each turn
takes the interpreter's lock from threads that work; a record from Kafka still wakes it at once.
"""

from __future__ import annotations

TURN_SECONDS = 0.05
"""Most seconds of waiting for records or orders before the thread checks for the other."""

ROOM_TURN_SECONDS = 0.005
"""The same while prefetched records wait for room in their partition: an order makes that room."""

IDLE_TURN_SECONDS = 0.4
"""Seconds of waiting for records while idle, and so the longest that an order can wait."""

IDLE_AFTER_SECONDS = 2.0
"""Seconds without records and orders after which the thread is idle."""


class Turns:
    """Knows when the thread was last busy; times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._busy_at = now

    def busy(self, now: float) -> None:
        """Note that a record came, or an order."""
        self._busy_at = now

    def seconds(self, now: float) -> float:
        """How long to wait for records now."""
        return TURN_SECONDS if now - self._busy_at < IDLE_AFTER_SECONDS else IDLE_TURN_SECONDS
