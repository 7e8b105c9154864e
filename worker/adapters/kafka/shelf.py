"""What was read but not yet asked for, and which partitions should be paused for it.

The rule: each record leaves once, in the order of its partition, and only while there is demand for it
and its partition is not held. Pure: time is an argument, and pausing is somebody else's deed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence

from worker.core.record import Partition, Record

LIMIT = 500
"""Most records that wait here without a demand; more of them stay in Kafka."""

PATIENCE = 0.125
"""Seconds that a full shelf waits for a demand before all is paused: pausing discards what was fetched."""


class Shelf:
    """Holds records back until they are asked for."""

    def __init__(self) -> None:
        self.demand = 0
        self.choked = False
        self.held: set[Partition] = set()
        self._free: deque[Record] = deque()
        self._kept: dict[Partition, list[Record]] = {}
        self._full_since: float | None = None

    def ask(self, count: int) -> None:
        """Demand `count` more."""
        self.demand += count

    def room(self) -> int:
        """How many records may be read now; with a demand, exactly what is still owed."""
        if self.demand:
            return self.demand
        return max(0, LIMIT - len(self._free))

    def put(self, records: Iterable[Record]) -> None:
        """Take in what was read, in the order read."""
        for record in records:
            (self._kept[record.at] if record.at in self.held else self._free).append(record)

    def take(self) -> Sequence[Record]:
        """Hand over what is asked for and there; it counts as delivered."""
        if not self.demand or not self._free:
            return ()
        count = min(self.demand, len(self._free))
        taken = [self._free.popleft() for _ in range(count)]
        self.demand -= count
        return taken

    def pass_through(self, records: list[Record]) -> Sequence[Record]:
        """Hand over what was just read, the short way where nothing stands against it."""
        if self.demand < len(records) or self._free or self.held:
            self.put(records)
            return self.take()
        self.demand -= len(records)
        return records

    def hold(self, partition: Partition) -> None:
        """Keep back what is here of a partition, and what still comes."""
        if partition in self.held:
            return
        self.held.add(partition)
        self._kept[partition] = [record for record in self._free if record.at == partition]
        self._discard_free({partition})

    def release(self, partition: Partition) -> None:
        """Put what was kept back in line."""
        self.held.discard(partition)
        self._free.extend(self._kept.pop(partition, ()))

    def drop(self, partitions: Collection[Partition]) -> None:
        """Forget partitions that are no longer ours; their holds end with them."""
        for partition in partitions:
            self.held.discard(partition)
            self._kept.pop(partition, None)
        self._discard_free(partitions)

    def weigh(self, now: float) -> bool:
        """Decide anew whether all must pause; say whether that changed."""
        before = self.choked
        self.choked = self._is_choked(now)
        return self.choked != before

    def _is_choked(self, now: float) -> bool:
        waiting = 0 if self.demand else len(self._free)
        if waiting < LIMIT:
            self._full_since = None
            return self.choked and waiting > LIMIT // 2  # not resumed for a demand that the shelf can meet
        if self._full_since is None:
            self._full_since = now
        return self.choked or now - self._full_since >= PATIENCE

    def _discard_free(self, partitions: Collection[Partition]) -> None:
        if any(record.at in partitions for record in self._free):
            self._free = deque(record for record in self._free if record.at not in partitions)
