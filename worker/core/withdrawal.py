"""Takes records out of the schedule, wherever they stand in it.

The rule: the partition's other records stay in order, and are sent as if nothing had been there.
"""

from __future__ import annotations

from collections.abc import Collection

from worker.core.assigned_partition import AssignedPartition, PendingRecord
from worker.core.schedule import Schedule


def withdraw(
    schedule: Schedule, partition: AssignedPartition, offsets: Collection[int], now: float
) -> list[PendingRecord]:
    """Take the records at these offsets out of a partition's waiting ones, and return them."""
    held = list(partition.waiting)
    schedule.drop(partition)
    schedule.forget(partition, 0)  # it no longer stands in line for its first record's due time
    for pending in held:
        if pending.record.offset not in offsets:
            schedule.add(pending, now)
    return [pending for pending in held if pending.record.offset in offsets]
