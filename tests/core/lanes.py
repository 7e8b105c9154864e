"""Lanes for tests of the schedule: they take all they may, and what is under way ends when a test says so."""

from __future__ import annotations

from itertools import count

from tests.core.examples import make_partition, pending_record
from worker.core.assigned_partition import AssignedPartition, PendingRecord
from worker.core.schedule import Schedule


class Lanes:
    """So many lanes that take all they may; a record under way ends when a test says so."""

    def __init__(self, limit: int) -> None:
        self.schedule = Schedule()
        self.limit = limit
        self.taken: list[PendingRecord] = []
        self.ids = count()
        self.now = 10.0

    def come(self, partition: AssignedPartition, count: int) -> None:
        """Let so many fresh records come."""
        for offset in range(count):
            self.schedule.add(pending_record(partition, offset), self.now)

    def take(self) -> int:
        """Take all that may go; return how many did."""
        before = len(self.taken)
        while len(self.taken) < self.limit and self.start():
            pass
        return len(self.taken) - before

    def start(self) -> AssignedPartition | None:
        """Take the next record; return its partition, None if there is none that may go."""
        pending = self.schedule.take(self.now, self.limit, len(self.taken))
        if pending is None:
            return None
        self.taken.append(pending)
        pending.partition.busy[next(self.ids)] = pending.record
        return pending.partition

    def end(self, partition: AssignedPartition, count: int = 1) -> None:
        """Let so many of a partition's records that are under way end, the oldest first."""
        for _ in range(count):
            self.taken.remove(next(pending for pending in self.taken if pending.partition is partition))
            del partition.busy[next(iter(partition.busy))]
            partition.offsets.revision += 1
            self.schedule.released(partition)

    def keep_company(self) -> None:
        """Let a record of a partition that is well go and end: those that fail are not by themselves."""
        well = make_partition(9)
        self.come(well, 1)
        self.take()
        self.end(well)

    def fail(self, partition: AssignedPartition, count: int) -> None:
        """Note so many failures of a partition, without what was under way for them."""
        for _ in range(count):
            self.schedule.ended(partition, failed=True)

    def deliver(self, partition: AssignedPartition, count: int) -> None:
        """Note so many deliveries."""
        for _ in range(count):
            self.schedule.ended(partition, failed=False)
