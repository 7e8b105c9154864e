"""Which part of the group's rate a worker may use, by the partitions that it owns.

The rules: the shares of all workers never add up to more than the whole, for a partition has one owner at a
time; what is owned by nobody is used by nobody. Where it is not known how many there are, none may be used.
Nine tenths go by the source's partitions, one by those of the delay tiers, so that a worker that has tiers
alone still sends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from worker.core.record import Partition

TIERS_SHARE = 0.1
"""The part of the rate that goes by the partitions of the delay tiers."""


def share_of(
    owned: Iterable[Partition], source: str, tiers: Collection[str], counts: Mapping[str, int]
) -> float:
    """The share of an owner of these partitions, from 0 to 1.

    `counts` tells how many partitions each topic has, 0 where that is not known; it has at least as many as
    are owned of it. Other tiers than `tiers` have no part.
    """
    held = Counter(at.topic for at in owned)
    if not tiers:
        return _part(held, [source], counts)
    of_source, of_tiers = _part(held, [source], counts), _part(held, tiers, counts)
    return (1.0 - TIERS_SHARE) * of_source + TIERS_SHARE * of_tiers


def _part(held: Counter[str], topics: Collection[str], counts: Mapping[str, int]) -> float:
    known = [counts.get(topic, 0) for topic in topics]
    if not all(known):
        return 0.0
    there = sum(max(count, held[topic]) for topic, count in zip(topics, known, strict=True))
    return sum(held[topic] for topic in topics) / there
