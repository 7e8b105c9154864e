"""Where reading met the end of what may be read of each partition, for the offsets that hold no record.

Markers of transactions, and the records of those that were aborted, take offsets and never come as records.
The rule: an end is told once nothing read before it lies here, and not at each record of a quiet partition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from worker.core.record import Partition

TOLD_AFTER = 1.0
"""Seconds after which an end is told: where records go on coming, they tell the same."""


class LogEnds:
    """The consumer's thread notes them; time is an argument."""

    def __init__(self) -> None:
        self._met: dict[Partition, tuple[float, int]] = {}

    def meet(self, at: Partition, offset: int, now: float) -> None:
        """Note that nothing lies between the last record that was read of a partition and this offset."""
        since, _ = self._met.get(at, (now, 0))
        self._met[at] = since, offset

    def due(self, now: float, waits: Callable[[Partition], bool]) -> Mapping[Partition, int]:
        """The ends to tell now, each once; `waits` says of which partition records lie here still."""
        if not self._met:
            return {}
        told = {
            at: offset
            for at, (since, offset) in self._met.items()
            if now - since >= TOLD_AFTER and not waits(at)
        }
        self.forget(told)
        return told

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Forget the ends of partitions that are not ours any more, or are read from elsewhere."""
        for at in tuple(partitions):
            self._met.pop(at, None)
