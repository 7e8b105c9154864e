"""Whether this machine lacks what a connection takes, for the log and for those who ask.

The rule: it is said once, and again only after all was well for a while. It stands a little longer than the
pause between two tries: requests on connections that are open succeed meanwhile, and show nothing of new
ones.
"""

from __future__ import annotations

WELL_SECONDS = 60.0
"""After so long without it, it is news again."""

STANDS_SECONDS = 5.0


class DescriptorShortage:
    """Times are monotonic seconds."""

    def __init__(self) -> None:
        self._why = ""
        self._last = float("-inf")

    def note(self, why: str, now: float) -> bool:
        """Note that a connection was not opened; tell whether that is news."""
        is_news = now - self._last > WELL_SECONDS
        self._why, self._last = why, now
        return is_news

    def reason(self, now: float) -> str | None:
        """Why not all is well; None where it is."""
        return self._why if now - self._last <= STANDS_SECONDS else None
