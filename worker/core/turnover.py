"""Whether the lanes of a partition come free again at once.

The rule: a partition is quick for a second after nearly all of what it had under way at some moment has ended
within a quarter of a second. One of which nothing is known is not; nor is one that was quick long ago.
"""

from __future__ import annotations

from collections.abc import Collection

_QUICK_SECONDS, _KEPT_SECONDS = 0.25, 1.0
# Between two looks of one partition: a look costs some microseconds, an event may cost only a few tens.
_LOOK_EVERY_SECONDS = 0.02
# One in so many may still be under way: some answers of every partner are slow.
_LATE_SHARE = 8


class Turnover:
    """The turnover of one partition; times are epoch seconds."""

    __slots__ = ("_look_at", "_marked", "_marked_at", "_quick_until")

    def __init__(self) -> None:
        self._marked: frozenset[int] = frozenset()
        self._marked_at = self._look_at = self._quick_until = float("-inf")

    def is_quick(self, busy: Collection[int], now: float) -> bool:
        """Judge by the offsets that are under way; ask only while it has its full share of lanes."""
        if not 0 < self._look_at - now <= _LOOK_EVERY_SECONDS:
            self._look(busy, now)
        return 0 < self._quick_until - now <= _KEPT_SECONDS

    def _look(self, busy: Collection[int], now: float) -> None:
        self._look_at = now + _LOOK_EVERY_SECONDS
        in_time = 0 <= now - self._marked_at < _QUICK_SECONDS
        came_free = in_time and sum(map(self._marked.__contains__, busy)) * _LATE_SHARE <= len(self._marked)
        if came_free:
            self._quick_until = now + _KEPT_SECONDS
        if came_free or not in_time:
            self._marked, self._marked_at = frozenset(busy), now
