"""A compact set of partitions and offsets of dead letters, so that a million fit.

The rule: each partition's offsets lie in a rising array; a set never changes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import pairwise
from typing import Self

PartitionOffset = tuple[int, int]
"""A partition and an offset."""


class PartitionOffsets(Set[PartitionOffset]):
    """An immutable set; `offsets` has its contents by partition."""

    def __init__(self, offsets: Mapping[int, array[int]] | None = None) -> None:
        rising = {partition: _rising(some) for partition, some in sorted((offsets or {}).items())}
        self.offsets: Mapping[int, array[int]] = rising

    @classmethod
    def of(cls, places: Iterable[PartitionOffset]) -> PartitionOffsets:
        """A set of these."""
        return places if isinstance(places, PartitionOffsets) else cls._from_iterable(places)

    @classmethod
    def _from_iterable(cls, it: Iterable[PartitionOffset]) -> Self:  # type: ignore[override]  # what Set is made by
        offsets: dict[int, array[int]] = {}
        for partition, offset in it:
            offsets.setdefault(partition, array("q")).append(offset)
        return cls(offsets)

    def __contains__(self, place: object) -> bool:
        if not isinstance(place, tuple):
            return False
        partition, offset = place
        offsets = self.offsets.get(partition)
        if offsets is None:
            return False
        index = bisect_left(offsets, offset)
        return index < len(offsets) and offsets[index] == offset

    def __iter__(self) -> Iterator[PartitionOffset]:
        return ((partition, offset) for partition, some in self.offsets.items() for offset in some)

    def __len__(self) -> int:
        return sum(map(len, self.offsets.values()))

    def __repr__(self) -> str:
        return f"PartitionOffsets({list(self)!r})"


NO_OFFSETS = PartitionOffsets()


def _rising(offsets: array[int]) -> array[int]:
    if all(before < offset for before, offset in pairwise(offsets)):
        return offsets
    return array("q", sorted(set(offsets)))
