"""How lanes are shared: a part of them is kept free from partitions that have used up their share."""

from __future__ import annotations

from functools import lru_cache

LANES_OF_ONE_PARTITION = 8
"""One in so many lanes is kept free from partitions with a full share; failing ones get as many together."""

LANES_LEFT_BY_QUICK_ONES = 64
"""One in so many, at least one, is kept free from those of them whose lanes come free again at once."""


@lru_cache(maxsize=1024)
def usable_lanes(limit: int) -> tuple[int, int]:
    """How many of `limit` lanes may be in use while a partition with a full share takes one more.

    The second figure is for a quick one.
    """
    kept = limit // LANES_OF_ONE_PARTITION
    return limit - kept, limit - min(kept, max(1, limit // LANES_LEFT_BY_QUICK_ONES))
