"""From a failed attempt to what comes next: a delay tier, or the end of trying.

The rule: a record waits at least as long as its schedule and the partner's Retry-After ask, up to the last
tier, and never longer than one tier's fixed delay, so that due times within a tier rise.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple


class Tier(NamedTuple):
    """One delay topic: its label as configured (`10s`), which names the topic, and its seconds."""

    label: str
    seconds: float


class RetryPolicy(NamedTuple):
    """The tiers in rising order, the most attempts, and the window in seconds from the click."""

    tiers: tuple[Tier, ...]
    max_attempts: int
    window: float

    def expired(self, window_start: float, now: float) -> bool:
        """Return whether the partner would no longer count a conversion of this click."""
        return now > window_start + self.window

    def next_tier(self, attempts: int, retry_after: float | None) -> Tier | None:
        """Choose the tier after `attempts` attempts; None when they are used up.

        The schedule has one tier per attempt and reuses the last. A longer Retry-After (seconds) moves to
        the smallest tier that is long enough, or else the last. A shorter one does not shorten the backoff,
        or a partner that says "1" for ever would use up every attempt in minutes.
        """
        if attempts >= self.max_attempts:
            return None
        scheduled = min(attempts, len(self.tiers)) - 1
        if retry_after is None:
            return self.tiers[scheduled]
        enough = bisect_left(self.tiers, retry_after, key=lambda tier: tier.seconds)
        return self.tiers[min(max(scheduled, enough), len(self.tiers) - 1)]


def due_at(stated: float | None, tier_seconds: float, now: float) -> float:
    """When a tier's record is due: as its header says, but never later than the tier's delay from now.

    A missing or unreadable header means now; one far in the future (a broken clock, a forged header) must not
    block the records after it.
    """
    if stated is None:
        return now
    return min(stated, now + tier_seconds)
