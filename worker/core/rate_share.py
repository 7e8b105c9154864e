"""A worker's share of the group's rate, by the partitions that it owns.

The rules: the shares of all workers never add up to more than the whole, because a partition has one owner at
a time; the share of an unowned partition is unused. If the number of partitions is unknown, the share is
none. Nine tenths go by the source's partitions, one tenth by those of all delay tiers there are, so that a
worker with tiers alone still sends, also with one that its settings no longer have, and workers of different
settings agree on the shares.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from worker.core.record import Partition

TIERS_SHARE = 0.1
"""The part of the rate that is shared by the partitions of the delay tiers."""


def share_of(owned: Iterable[Partition], source: str, counts: Mapping[str, int]) -> float:
    """The share of the owner of these partitions, from 0 to 1.

    `counts` has the number of partitions of the source and of each tier, 0 if unknown; a topic counts as
    having at least as many as are owned.
    """
    held, tiers = Counter(at.topic for at in owned), counts.keys() - {source}
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
