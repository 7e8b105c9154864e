"""Which leader wrote the last record before an offset: what is committed beside it.

With it a client that begins there asks the broker where that leader's part of the log ended, and hears of a
log that was truncated, rather than read on in another one (KIP-320). The rule: where the leader is not known,
a later one of the same log is said. Its part ends behind the offset, too, and it is gone as well once what
lies before the offset is. An earlier one would make a sound log look truncated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException

from worker.adapters.kafka.records import leader_epoch_of, to_partition, to_topic_partitions
from worker.core.record import Partition

_MOST_LEADERS = (
    8  # leaders kept of a partition: what is committed lags behind what is read by a leader or two
)


class _Part(NamedTuple):
    """The last record before `end` is of this epoch, and no later one lies before it."""

    epoch: int
    end: int


class LeaderEpochs:
    """Looks at each commit, not at each record: epochs only rise."""

    def __init__(self) -> None:
        self._parts: dict[Partition, deque[_Part]] = {}

    def begin(self, at: Partition, offset: int, epoch: int | None) -> None:
        """Note where a partition begins, and the epoch that was committed with that offset."""
        self._parts.pop(at, None)
        if epoch is not None:
            self.note(at, offset, epoch)

    def look(self, consumer: Consumer, partitions: Collection[Partition]) -> None:
        """Note the epochs of the records that were read last."""
        try:
            read_to = consumer.position(to_topic_partitions(set(partitions)))
        except KafkaException:
            return
        for of in read_to:
            epoch = leader_epoch_of(of)
            if of.offset > 0 and epoch is not None:
                self.note(to_partition(of), of.offset, epoch)

    def note(self, at: Partition, end: int, epoch: int) -> None:
        """Note that the last record before `end` is of this epoch."""
        parts = self._parts.setdefault(at, deque(maxlen=_MOST_LEADERS))
        if parts and parts[-1].epoch == epoch:
            parts[-1] = parts[-1]._replace(end=max(parts[-1].end, end))
        elif not parts or parts[-1].end < end:
            parts.append(_Part(epoch, end))

    def before(self, at: Partition, offset: int) -> int | None:
        """The epoch of the last record before an offset, or a later one; None where none is known."""
        parts = self._parts.get(at, ())
        return next((part.epoch for part in parts if offset <= part.end), None)

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions that are not ours any more."""
        for at in partitions:
            self._parts.pop(at, None)
