"""How the lanes are shared: a part of them is kept free of partitions that have their share."""

from __future__ import annotations

LANES_OF_ONE_PARTITION = 8
"""This part of the limit is kept free of partitions that have their share; as much failing ones have."""


def usable_lanes(limit: int) -> int:
    """How many of so many lanes are in use when all are busy: the others are kept free."""
    return limit - limit // LANES_OF_ONE_PARTITION
