"""What we had finished of partitions in earlier assignments, for when they come back.

The rule: it counts only for the same log. If the group has no offset, or a lower one, the topic was made anew
or the offsets were reset, and it does not count.
"""

from __future__ import annotations

from collections.abc import Iterable

from worker.core import offset_map
from worker.core.assigned_partition import AssignedPartition
from worker.core.record import Partition
from worker.core.start_offset import StartReason
from worker.ports import PartitionAssignment, Positions


class FormerPartitions:
    """The last assignment of each partition that is no longer ours."""

    def __init__(self) -> None:
        self.former: dict[Partition, AssignedPartition] = {}

    def keep(self, partitions: Iterable[AssignedPartition]) -> None:
        """Remember these, because their last commit may have failed or never been made."""
        self.former.update((partition.at, partition) for partition in partitions)

    def note_committed(self, committed: Positions) -> None:
        """Note the last commit."""
        for at, position in committed.items():
            if at in self.former:
                self.former[at].committed = position.offset

    def known(
        self, assigned: PartitionAssignment, checked: offset_map.CheckedMetadata | None
    ) -> offset_map.OffsetMap | None:
        """What is known to be finished above a partition's first offset; forgets its last assignment.

        `checked` is the map of its commit, if that is believed.
        """
        remembered = self._remembered(assigned)
        if assigned.start is None:
            return offset_map.union(checked.finished if checked else None, remembered)
        if assigned.start.how is StartReason.JOURNALED:
            return assigned.start.finished
        if assigned.start.how is StartReason.TRUNCATED and assigned.begins == assigned.committed:
            return remembered.below(assigned.start.offset) if remembered else None
        return None

    def _remembered(self, assigned: PartitionAssignment) -> offset_map.OffsetMap | None:
        former = self.former.pop(assigned.at, None)
        if former is None or former.committed is None or assigned.committed is None:
            return None
        if former.binding.log != assigned.log or assigned.is_newer:
            return None
        return former.offsets.known() if assigned.committed >= former.committed else None
