"""Taking records out of the schedule that do not wait for their turn any more, wherever they stand in it.

The rule: what is left of the partition stays in its order, and is sent as if nothing had been there.
"""

from __future__ import annotations

from collections.abc import Collection

from worker.core.assigned_partition import AssignedPartition, PendingRecord
from worker.core.schedule import Schedule


def withdraw(
    schedule: Schedule, partition: AssignedPartition, offsets: Collection[int], now: float
) -> list[PendingRecord]:
    """Take the records at these offsets out of what waits of a partition, and return them."""
    held = list(partition.waiting)
    schedule.drop(partition)
    schedule.forget(partition, 0)  # where it stood for its first record's due time, it no longer does
    for pending in held:
        if pending.record.offset not in offsets:
            schedule.add(pending, now)
    return [pending for pending in held if pending.record.offset in offsets]
