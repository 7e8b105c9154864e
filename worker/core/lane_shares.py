"""How lanes are shared: a part of them is kept free from partitions that have used up their share."""

from __future__ import annotations

LANES_OF_ONE_PARTITION = 8
"""One in so many lanes is kept free from partitions with a full share; failing ones get as many together."""


def usable_lanes(limit: int) -> int:
    """How many of `limit` lanes can be in use when all partitions are busy: the others are kept free."""
    return limit - limit // LANES_OF_ONE_PARTITION
