"""Endings of records whose partition may be another worker's by now: told once, by whoever tells first.

While it is in doubt whether a partition is ours, and after it has left, another worker may have it and may
have ended the same record. The rules: our ending waits until it is certain that the partition is ours, or, if
it has left, until its journal is read once more. If another ending of the record is there, that one counts.
If not, ours is told, so that the partition's owner does not send the record again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from worker.core.assigned_partition import AssignedPartition, PendingRecord
from worker.core.fence import Tenure
from worker.core.journal import Ended
from worker.core.trial import Trial
from worker.runner.copies import Copies
from worker.runner.journaling import Journaling, PendingStep


class _Late(NamedTuple):
    pending: PendingRecord
    ending: Ended
    trial: Trial | None
    now: float


class LateEndings:
    """The late endings of one destination; `tell` journals one, `drop` finishes a record with another ending.

    Without `copies` nobody knows what others tell, and nothing is held. Steps that were noted just before a
    standstill are taken back from `journaling`, even from its client, as far as they are not on their way.
    """

    def __init__(
        self,
        copies: Copies | None,
        journaling: Journaling | None,
        tell: Callable[[PendingRecord, Ended, Trial | None, float], None],
        drop: Callable[[PendingRecord], None],
    ) -> None:
        self._copies = copies
        self._journaling = journaling
        self._tell = tell
        self._drop = drop
        self._held: dict[AssignedPartition, list[_Late]] = {}
        self._noted: dict[AssignedPartition, list[PendingStep]] = {}
        self._unread: dict[AssignedPartition, set[int]] = {}
        """The journals that are being read once more, for partitions that have left."""
        if copies is not None and journaling is not None:
            copies.on_read_again = partial(self._read, copies)
            journaling.on_taken_back = partial(self._took_back, copies)
            journaling.is_late = partial(_is_late, copies)

    def hold(self, pending: PendingRecord, ending: Ended, trial: Trial | None, now: float) -> None:
        """Hold an ending until it is known what became of its partition."""
        partition = pending.partition
        self._held.setdefault(partition, []).append(_Late(pending, ending, trial, now))
        if partition.tenure is Tenure.LEFT and self._copies is not None:
            self._read_again(self._copies, partition)

    def doubt(self, partitions: Iterable[AssignedPartition]) -> None:
        """Note that these may be another's by now, and hold back their steps."""
        for partition in partitions:
            partition.unsure = True
        if self._copies is None or self._journaling is None:
            return
        for noted in self._journaling.take_back():
            self._noted.setdefault(noted.pending.partition, []).append(noted)
        self._journaling.recall()

    def settle(self, partitions: Iterable[AssignedPartition]) -> None:
        """Note that these are certainly ours; have the journals of those that left meanwhile read.

        Of those whose log was deleted meanwhile all is told: nobody else has their records.
        """
        for partition in partitions:
            self._settle(partition)
        for partition in {**self._held, **self._noted}:
            if partition.tenure is Tenure.DELETED:
                self._settle(partition)
            elif partition.tenure is Tenure.LEFT and self._copies is not None:
                self._read_again(self._copies, partition)

    def _settle(self, partition: AssignedPartition) -> None:
        partition.unsure = False
        for late in self._held.pop(partition, ()):
            self._tell(*late)
        if partition in self._noted:
            self._write(self._noted.pop(partition))

    def _took_back(self, copies: Copies, steps: Sequence[PendingStep]) -> None:
        """Hold steps that the client gave back, like those that it never had; drop what is told already."""
        back = [noted for noted in steps if not self._is_told(copies, noted)]
        for noted in back:
            self._noted.setdefault(noted.pending.partition, []).append(noted)
        for partition in {noted.pending.partition for noted in back}:
            if partition.tenure is Tenure.LEFT:
                self._read_again(copies, partition)
            elif not partition.unsure:
                self._write(self._noted.pop(partition))

    def _read_again(self, copies: Copies, partition: AssignedPartition) -> None:
        self._unread[partition] = set(partition.origins)
        copies.read_again(partition.origins)

    def _read(self, copies: Copies, number: int) -> None:
        for partition, unread in list(self._unread.items()):
            unread.discard(number)
            if not unread:
                del self._unread[partition]
                self._decide(copies, partition)

    def _decide(self, copies: Copies, partition: AssignedPartition) -> None:
        """Tell the endings of a partition that has left, unless another worker has told them."""
        for late in self._held.pop(partition, ()):
            if copies.has_ended(late.pending, late.ending, late.now):
                self._drop(late.pending)
            else:
                self._tell(*late)
        noted = self._noted.pop(partition, ())
        self._write([one for one in noted if not self._is_told(copies, one)])

    def _is_told(self, copies: Copies, noted: PendingStep) -> bool:
        """Return whether another worker has told of a record's ending, which is finished then."""
        if not copies.was_told(noted.pending):
            return False
        self._drop(noted.pending)
        return True

    def _write(self, noted: Sequence[PendingStep]) -> None:
        if self._journaling is not None and noted:
            self._journaling.put_back(noted)


def _is_late(copies: Copies, steps: Sequence[PendingStep]) -> bool:
    """Return whether some of these, which were refused, may be another worker's to tell, or are told."""
    return any(one.pending.partition.tenure is Tenure.LEFT or copies.was_told(one.pending) for one in steps)
