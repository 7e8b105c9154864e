"""Gives partitions that flow their room back as their records end, before they have used it up.

The client fetches records of a partition in runs. A run that finds too little room keeps other partitions
waiting; it is paused, thrown away and read again. The rule: so each partition has most of its room when its
next run comes. This is looked at with each batch that is asked for, not with each record that ends.
"""

from __future__ import annotations

from collections.abc import Callable

from worker.core.assigned_partition import AssignedPartition


class TopUp:
    """`room` is what a partition has at most; `grant` has the source allow it what is free of that."""

    def __init__(self, room: int, grant: Callable[[AssignedPartition, float], None]) -> None:
        self._room = room
        self._grant = grant
        self._short: set[AssignedPartition] = set()

    def note(self, partition: AssignedPartition) -> None:
        """Note that records of a partition were taken up."""
        if partition.is_short(self._room):
            self._short.add(partition)

    def give(self, now: float) -> None:
        """Give back what is free by now."""
        for partition in self._short:
            self._grant(partition, now)
        self._short = {partition for partition in self._short if partition.is_short(self._room)}
