"""Several observers as one."""

from __future__ import annotations

from collections.abc import Sequence

from worker.core.record import Partition, Record
from worker.core.settle import Dead, Delivered, Retry
from worker.ports import Observer


class Observers(Observer):
    """Passes everything on to each of its observers, in their order."""

    def __init__(self, *observers: Observer) -> None:
        self._all = observers

    def consumed(self, topic: str, count: int) -> None:
        """Pass it on."""
        for one in self._all:
            one.consumed(topic, count)

    def requested(self, seconds: float) -> None:
        """Pass it on."""
        for one in self._all:
            one.requested(seconds)

    def attempted(self, outcome: str, status: str) -> None:
        """Pass it on."""
        for one in self._all:
            one.attempted(outcome, status)

    def delivered(self, ending: Delivered, now: float) -> None:
        """Pass it on."""
        for one in self._all:
            one.delivered(ending, now)

    def retried(self, ending: Retry) -> None:
        """Pass it on."""
        for one in self._all:
            one.retried(ending)

    def dead(self, ending: Dead) -> None:
        """Pass it on."""
        for one in self._all:
            one.dead(ending)

    def skipped(self, record: Record) -> None:
        """Pass it on."""
        for one in self._all:
            one.skipped(record)

    def map_damaged(self, partition: Partition, error: str) -> None:
        """Pass it on."""
        for one in self._all:
            one.map_damaged(partition, error)

    def committed(self, error: str | None) -> None:
        """Pass it on."""
        for one in self._all:
            one.committed(error)

    def rebalanced(self, kind: str, partitions: Sequence[Partition]) -> None:
        """Pass it on."""
        for one in self._all:
            one.rebalanced(kind, partitions)

    def refused(self, topic: str, error: str) -> None:
        """Pass it on."""
        for one in self._all:
            one.refused(topic, error)

    def trouble(self, message: str) -> None:
        """Pass it on."""
        for one in self._all:
            one.trouble(message)
