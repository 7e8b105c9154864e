"""Endings of records that may be another's by now: told once, by whoever tells first.

The rules: while it is in doubt whether a partition is ours, and once it has left, another may have it, and
have ended the same record. So its ending waits: until it is sure that the partition is ours, or, where it has
left, until its journal is read once more. An ending of this very record that stands there is the one that it
has. Where none does ours is told: who has the partition hears of it, and does not send the record again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from worker.core.assigned_partition import AssignedPartition, PendingRecord
from worker.core.fence import Tenure
from worker.core.journal import Ended
from worker.core.trial import Trial
from worker.runner.copies import Copies


class _Late(NamedTuple):
    pending: PendingRecord
    ending: Ended
    trial: Trial | None
    now: float


class LateEndings:
    """Those of one destination; `tell` writes one down, `drop` finishes a record that has had another.

    Without `copies` nobody knows what others tell, and none is held.
    """

    def __init__(
        self,
        copies: Copies | None,
        tell: Callable[[PendingRecord, Ended, Trial | None, float], None],
        drop: Callable[[PendingRecord], None],
    ) -> None:
        self._copies = copies
        self._tell = tell
        self._drop = drop
        self._held: dict[AssignedPartition, list[_Late]] = {}
        if copies is not None:
            copies.on_read_again = partial(self._read, copies)

    def hold(self, pending: PendingRecord, ending: Ended, trial: Trial | None, now: float) -> None:
        """Keep an ending, until it is known what became of its partition."""
        partition = pending.partition
        self._held.setdefault(partition, []).append(_Late(pending, ending, trial, now))
        if partition.tenure is Tenure.LEFT and self._copies is not None:
            self._copies.read_again(partition.at.number)

    def doubt(self, partitions: Iterable[AssignedPartition]) -> None:
        """Note that these may be another's by now."""
        for partition in partitions:
            partition.unsure = True

    def settle(self, partitions: Iterable[AssignedPartition]) -> None:
        """Note that these are ours for sure, and have the journal read for what has left meanwhile."""
        for partition in partitions:
            partition.unsure = False
            for late in self._held.pop(partition, ()):
                self._tell(*late)
        for partition in self._held:
            if partition.tenure is Tenure.LEFT and self._copies is not None:
                self._copies.read_again(partition.at.number)

    def _read(self, copies: Copies, number: int) -> None:
        left = [one for one in self._held if one.at.number == number and one.tenure is Tenure.LEFT]
        for partition in left:
            for late in self._held.pop(partition):
                if copies.has_ended(late.pending, late.ending, late.now):
                    copies.given_back(late.pending)
                    self._drop(late.pending)
                else:
                    self._tell(*late)
