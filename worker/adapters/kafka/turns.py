"""How long the poll thread waits before it looks for what it does not wait for: records, or orders.

The rule: a thread that has something to do obeys an order within TURN_SECONDS. A thread that has had nothing
to do for a while wakes seldom: each turn takes the interpreter's lock from those that work. A record from
Kafka wakes it at once all the same.
"""

from __future__ import annotations

TURN_SECONDS = 0.05
"""Seconds that the thread waits at most, for records or for orders, before it looks for the other."""

ROOM_TURN_SECONDS = 0.005
"""Seconds of such a wait while records lie here for want of room in their partition: an order makes it."""

IDLE_TURN_SECONDS = 0.2
"""Seconds of a wait for records, and so the latest that an order is obeyed, where nothing goes on."""

IDLE_AFTER_SECONDS = 2.0
"""Seconds without a record and without an order after which nothing goes on."""


class Turns:
    """Knows when something was last to be done; times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._busy_at = now

    def busy(self, now: float) -> None:
        """Note that a record came, or an order."""
        self._busy_at = now

    def seconds(self, now: float) -> float:
        """How long to wait for records from now."""
        return TURN_SECONDS if now - self._busy_at < IDLE_AFTER_SECONDS else IDLE_TURN_SECONDS
