"""A queue of one partition's prefetched records, in order; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from worker.core.record import Record


class PartitionQueue:
    """The records of one partition, in the batches in which they were read, with the times of reading."""

    __slots__ = ("_batches", "count")

    def __init__(self) -> None:
        self._batches: deque[tuple[float, deque[Record]]] = deque()
        self.count = 0

    def put(self, records: Iterable[Record], now: float) -> None:
        """Add the next records, at least one."""
        batch = deque(records)
        self._batches.append((now, batch))
        self.count += len(batch)

    def move(self, most: int, to: list[Record]) -> int:
        """Move up to `most` records of the first batch to `to`; return how many."""
        batch = self._batches[0][1]
        count = min(len(batch), most)
        if count == len(batch):
            self._batches.popleft()
            to.extend(batch)
        else:
            to.extend(batch.popleft() for _ in range(count))
        self.count -= count
        return count

    @property
    def first(self) -> int:
        """The offset of the first record."""
        return self._batches[0][1][0].offset

    @property
    def size(self) -> int:
        """Bytes of all records here."""
        return sum(record.size for _, batch in self._batches for record in batch)

    def since(self) -> float:
        """When the first record was read."""
        return self._batches[0][0]
