"""Whether this machine is short of descriptors for connections, for the log and for `/readyz`.

The rule: it is reported once, and again only after all was well for a while. It lasts a little longer than
the pause between two tries, because requests on open connections succeed meanwhile and prove nothing about
new ones.
"""

from __future__ import annotations

WELL_SECONDS = 60.0
"""Seconds without a shortage after which the next one is reported again."""

STANDS_SECONDS = 5.0


class DescriptorShortage:
    """Times are monotonic seconds."""

    def __init__(self) -> None:
        self._why = ""
        self._last = float("-inf")

    def note(self, why: str, now: float) -> bool:
        """Note that a connection was not opened; return whether to report it."""
        is_news = now - self._last > WELL_SECONDS
        self._why, self._last = why, now
        return is_news

    def reason(self, now: float) -> str | None:
        """The shortage, or None."""
        return self._why if now - self._last <= STANDS_SECONDS else None
