"""How long to wait before something refused is tried again.

The rule: twice as long each time, within bounds; jitter spreads those that were refused together.
"""

from __future__ import annotations

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 10.0


class Backoff:
    """The pauses of one thing that is retried."""

    def __init__(self, longest: float = LONGEST_SECONDS) -> None:
        self._longest = longest
        self._next = FIRST_SECONDS

    def pause(self, jitter: float = 1.0) -> float:
        """Seconds to wait now; `jitter` in [0, 1] takes off up to half of them."""
        seconds = self._next
        self._next = min(seconds * 2, self._longest)
        return seconds * (0.5 + jitter / 2)
