"""Which leader wrote the last record before an offset: what is committed beside it.

With it a client that begins there asks the broker where that leader's part of the log ended, and hears of a
log that was truncated, rather than read on in another one (KIP-320). The rule: what is not known is not said;
a wrong epoch would make a sound log look truncated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException

from worker.adapters.kafka.records import leader_epoch_of, to_partition, to_topic_partitions
from worker.core.record import Partition

_MOST = 8  # runs kept of a partition: what is committed lags behind what is read by a leader or two


class _Run(NamedTuple):
    """The records from `first` to before `end` are of one leader."""

    epoch: int
    first: int
    end: int


class LeaderEpochs:
    """Looks at each commit, not at each record: epochs only rise, so what lies between two looks is known."""

    def __init__(self) -> None:
        self._runs: dict[Partition, deque[_Run]] = {}

    def begin(self, at: Partition, offset: int, epoch: int | None) -> None:
        """Note where a partition begins, and the epoch that was committed with that offset."""
        self._runs.pop(at, None)
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
        runs = self._runs.setdefault(at, deque(maxlen=_MOST))
        if runs and runs[-1].epoch == epoch:
            runs[-1] = runs[-1]._replace(end=max(runs[-1].end, end))
        elif not runs or runs[-1].end < end:
            runs.append(_Run(epoch, end - 1, end))

    def before(self, at: Partition, offset: int) -> int | None:
        """The epoch of the last record before an offset, where it is known."""
        runs = self._runs.get(at, ())
        return next((run.epoch for run in runs if run.first < offset <= run.end), None)

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions that are not ours any more."""
        for at in partitions:
            self._runs.pop(at, None)
