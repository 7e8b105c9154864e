"""Grants flowing partitions more room as their records end, before their room is used up.

The client fetches a partition's records in runs. A run that finds too little room makes other partitions
wait; it is paused, dropped and read again. The rule: each partition has most of its room free when its next
run comes. This is checked with each batch that is asked for, not with each record that ends.
"""

from __future__ import annotations

from collections.abc import Callable

from worker.core.assigned_partition import AssignedPartition


class TopUp:
    """`room` is the most that a partition has; `grant` gives it what is free of that."""

    def __init__(self, room: int, grant: Callable[[AssignedPartition, float], None]) -> None:
        self._room = room
        self._grant = grant
        self._short: set[AssignedPartition] = set()

    def note(self, partition: AssignedPartition) -> None:
        """Note that records of a partition were taken up."""
        if partition.is_short(self._room):
            self._short.add(partition)

    def give(self, now: float) -> None:
        """Grant what is free now."""
        for partition in self._short:
            self._grant(partition, now)
        self._short = {partition for partition in self._short if partition.is_short(self._room)}
