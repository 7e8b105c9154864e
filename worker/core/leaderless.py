"""A line about partitions that have no leader: the brokers that hold them are away.

The rule: of many, the first are named.
"""

from __future__ import annotations

from collections.abc import Sequence

from worker.core.record import Partition

MOST_NAMES = 8
"""How many partitions are named."""


def no_leader(partitions: Sequence[Partition]) -> str:
    """Which partitions have no leader."""
    more = f" and {len(partitions) - MOST_NAMES} more" if len(partitions) > MOST_NAMES else ""
    return f"{', '.join(map(str, partitions[:MOST_NAMES]))}{more}: no leader"
