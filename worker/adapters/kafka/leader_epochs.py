"""The leader epochs of what was read: committed with the offset, and checked where a log may have been cut.

With an offset's epoch a client can ask the broker where that leader's part of the log ended, and so learns of
a truncated log instead of reading on in another one (KIP-320). The rules:
- The epoch of the record that was read last is committed. That leader's part ends after every committed
offset; an earlier epoch would make a sound log look cut.
- A log may be cut above the committed offset, but below offsets that are known to be finished. No client
checks for that. The records show it: those that replaced others have a later epoch than what was read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException

from worker.adapters.kafka.records import leader_epoch_of, to_partition, to_topic_partitions
from worker.core.record import Partition


class LastRead(NamedTuple):
    """What was read of a partition while it was ours: offsets below `upto`, of leaders up to `epoch`."""

    epoch: int
    upto: int


class _Proof(NamedTuple):
    """Offsets below `upto` are finished, of leaders up to `epoch`; from `cut` on others replaced them."""

    epoch: int
    upto: int
    cut: int | None = None


class LeaderEpochs:
    """Looks at each commit; at each record only while something must be proven."""

    def __init__(self) -> None:
        self._latest: dict[Partition, int] = {}
        self._left: dict[Partition, LastRead] = {}
        self._proofs: dict[Partition, _Proof] = {}

    def begin(self, at: Partition, epoch: int | None) -> None:
        """Note that a partition begins, and the epoch that was committed with its offset."""
        self._proofs.pop(at, None)
        self._latest.pop(at, None)
        if epoch is not None:
            self._latest[at] = epoch

    def prove(self, at: Partition, epoch: int | None, upto: int | None) -> None:
        """Check the records below `upto`: whether they are of leaders up to `epoch`."""
        if epoch is not None and upto is not None:
            self._proofs[at] = _Proof(epoch, upto)

    @property
    def has_proofs(self) -> bool:
        """Whether the epochs of records matter."""
        return bool(self._proofs)

    def is_cut(self, at: Partition, offset: int, epoch: int | None) -> bool:
        """Note a record; return whether it is the first that replaced another."""
        proof = self._proofs.get(at)
        if proof is None or proof.cut is not None:
            return False
        if offset >= proof.upto:
            del self._proofs[at]
            return False
        if epoch is None or epoch <= proof.epoch:
            return False
        self._proofs[at] = proof._replace(cut=offset)
        return True

    def look(self, consumer: Consumer, partitions: Collection[Partition]) -> None:
        """Note the epochs of the last records read."""
        try:
            read_to = consumer.position(to_topic_partitions(set(partitions)))
        except KafkaException:
            return
        for of in read_to:
            epoch = leader_epoch_of(of)
            if of.offset > 0 and epoch is not None:
                self.note(to_partition(of), epoch)

    def note(self, at: Partition, epoch: int) -> None:
        """Note that a record of this epoch was read."""
        self._latest[at] = max(epoch, self._latest.get(at, epoch))

    def to_commit(self, at: Partition, offset: int) -> int | None:
        """The epoch to commit with an offset; None if unknown.

        While something must be proven, it is the proof's epoch, so that it is proven again after a crash.
        Past a cut, nothing that was finished below it is committed any more.
        """
        proof = self._proofs.get(at)
        if proof is not None and proof.cut is not None and offset >= proof.cut:
            del self._proofs[at]
            proof = None
        return proof.epoch if proof is not None else self._latest.get(at)

    def last_read(self, at: Partition) -> LastRead | None:
        """What was read of a partition when it was last ours; returned once."""
        return self._left.pop(at, None)

    def leave(self, handed: Iterable[tuple[Partition, int | None]]) -> None:
        """Forget partitions that are no longer ours, except how far each was handed over."""
        for at, upto in handed:
            proof = self._proofs.pop(at, None)
            epoch = self._latest.pop(at, None)
            epoch = proof.epoch if proof is not None else epoch
            if epoch is not None and upto is not None:
                self._left[at] = LastRead(epoch, max(upto, proof.upto) if proof is not None else upto)
