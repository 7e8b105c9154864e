"""What is assigned to a member: which partitions are ours, where each began, and how they come and go.

The rules: only the poll thread is here. The listener hears of a partition before any record of it, and its
last commit is made while it is ours. What begins anew is another assignment: orders for the earlier one do
not count for it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from worker.adapters.kafka.assigned_logs import AssignedLogs
from worker.adapters.kafka.client_pauses import ClientPauses
from worker.adapters.kafka.config import Config, is_incremental
from worker.adapters.kafka.loop_bridge import Epoch, LoopBridge, names
from worker.adapters.kafka.offset_commits import OffsetCommits
from worker.adapters.kafka.offset_gaps import OffsetGaps
from worker.adapters.kafka.offset_lookup import Begun
from worker.adapters.kafka.prefetch import Prefetch
from worker.adapters.kafka.reassign import assign, does_seek, have_validated, reassign
from worker.adapters.kafka.records import (
    ReceivedMessage,
    leader_epoch_of,
    to_offset,
    to_partition,
    to_topic_partitions,
)
from worker.adapters.kafka.unreadable_records import StoppedPartitions
from worker.adapters.kafka.watermarks import WatermarkCache
from worker.core.assigned_partition import Position
from worker.core.record import Partition
from worker.core.start_offset import Start, StartReason
from worker.ports import CommitFailed, PartitionAssignment

_NOWHERE = 0  # not the end: were it asked for, the client could go there once the partition flows


class Assignment:
    """Made once for a member; `config` is its client's."""

    def __init__(
        self,
        bridge: LoopBridge,
        prefetch: Prefetch,
        watermarks: WatermarkCache,
        stops: StoppedPartitions,
        logs: AssignedLogs,
        config: Config,
    ) -> None:
        self._bridge, self._prefetch, self._watermarks = bridge, prefetch, watermarks
        self._incremental = is_incremental(config)
        self._number = 0
        self._begun: dict[Partition, PartitionAssignment] = {}
        self._reads_from: dict[Partition, int] = {}  # where the client was last told to read
        self.stops = stops
        self.logs = logs
        self.ours: dict[Partition, Epoch] = {}
        self.names: dict[tuple[str, int], Partition] = {}
        """Our partitions, by topic and number as a message names them."""
        self.gaps = OffsetGaps()
        self.commits = OffsetCommits(self.ours, bridge)
        self._paused = prefetch.paused
        self._pauses = ClientPauses(prefetch.paused, config)

    def has(self, epoch: Epoch) -> bool:
        """Whether this assignment of a partition still stands."""
        return self.ours.get(epoch.at) == epoch

    def waits(self, at: Partition) -> bool:
        """Whether some of what was read of a partition is not handed over yet."""
        return self._prefetch.has(at)

    # --- changes that the group makes ----------------------------------------------------------

    def begin(
        self, consumer: Consumer, begun: Begun, resting: Collection[Partition] = (), *, rested: bool = False
    ) -> None:
        """Take up partitions that are new or `rested`, from exactly these offsets; have new ones rest.

        If the client looked for the committed offset itself, it could find a late commit of the last owner.
        """
        left = {one.assigned.at: self.commits.leader_epochs.last_read(one.assigned.at) for one in begun}
        self._tell_assigned([one.known_beside(left[one.assigned.at]) for one in begun])
        places = [self._place(at.at, at.begins, leader_epoch) for at, leader_epoch, _ in begun]
        if rested:
            self._reassign(consumer, places)
        else:
            rest = [TopicPartition(at.topic, at.number, _NOWHERE) for at in resting]
            assign(consumer, [*places, *rest], incremental=self._incremental)
            consumer.pause(rest)  # so that nothing is read of them
        for one in begun:
            self.commits.leader_epochs.prove(one.assigned.at, *one.to_prove_beside(left[one.assigned.at]))
        self._reads_from.update((to_partition(of), of.offset) for of in places)
        have_validated(consumer, places)
        self.gaps.doubt(consumer, [one.assigned.at for one in begun])
        self._paused.search(to_partition(of) for of in places if of.offset < 0)

    def revoke(self, consumer: Consumer, partitions: Sequence[Partition]) -> None:
        """Have partitions drained, and commit their last positions, while they are ours."""
        self._prefetch.drop(partitions)
        try:
            positions = self._bridge.drained(partitions)
            self._bridge.committed_last(self.commits.commit_last(consumer, positions))
        except CommitFailed as error:
            self._bridge.committed_last(error.committed)
            self._bridge.trouble(f"{names(partitions)}: the last commit failed: {error}")
        finally:
            self._forget(partitions)

    def lose(self, consumer: Consumer, partitions: Sequence[Partition]) -> None:
        """Give up partitions that may be another member's already."""
        if not partitions:
            return
        self.commits.leader_epochs.look(consumer, partitions)
        self._prefetch.drop(partitions)
        self._forget(partitions)
        self._bridge.lost(partitions)

    # --- changes that the log makes ------------------------------------------------------------

    def renew(self, consumer: Consumer) -> None:
        """Begin anew with topics that were made anew: their partitions are ours by name, of another log."""
        anew = self.logs.made_anew()
        if not anew:
            return
        partitions = list(anew)
        self._prefetch.drop(partitions)
        self._forget(partitions)
        self._watermarks.forget(partitions)
        assigned = [PartitionAssignment(at, None, "", log) for at, log in anew.items()]
        self._begun.update((one.at, one) for one in assigned)
        self._bridge.made_anew(assigned, self._take_up(partitions))
        self.read_from(consumer, [TopicPartition(*at, OFFSET_BEGINNING) for at in partitions])

    def move(self, consumer: Consumer, at: Partition, start: Start) -> None:
        """Go on with a partition at another offset, because its own could not be used."""
        if start.how is StartReason.TRUNCATED:
            place = self._place(at, self._cut(at, start).begins)
        else:
            if start.how is StartReason.EXPIRED:
                self._bridge.expired(at, start)
            self._prefetch.handed.pop(at, None)  # gaps count from the new offset on
            place = self._place(at, start.offset)
        self.read_from(consumer, [place])

    def read_from(self, consumer: Consumer, starts: Sequence[TopicPartition]) -> None:
        """Read our partitions from these offsets on."""
        self._reassign(consumer, starts)
        partitions = [to_partition(of) for of in starts]
        self.names.update((at, at) for at in partitions)
        self._paused.search(to_partition(of) for of in starts if of.offset < 0)
        self._reads_from.update((to_partition(of), of.offset) for of in starts)
        self.gaps.doubt(consumer, partitions)

    def _reassign(self, consumer: Consumer, starts: Sequence[TopicPartition]) -> None:
        self.commits.leader_epochs.look(consumer, self._reads_from)  # the client forgets what it has read
        again = reassign(consumer, starts, incremental=self._incremental)
        consumer.pause(to_topic_partitions([at for at in again if at not in self.ours]))  # they still rest
        self._pauses.forget(again)

    def have_validated(self, consumer: Consumer, at: Partition, offset: int, readable: int) -> bool:
        """Have the client validate the leader epoch of an offset before it reads there.

        It starts from an offset that is readable, because one beyond the end fails before it is validated.
        False if no epoch is known or the client does not ask: then it reads from the offset, as before.
        """
        self.commits.leader_epochs.look(consumer, [at])
        place = to_offset(at, Position(offset, ""), self.commits.leader_epochs.to_commit(at, offset))
        if leader_epoch_of(place) is None:
            return False
        self.read_from(consumer, [TopicPartition(at.topic, at.number, readable)])
        if have_validated(consumer, [place]):
            self.read_from(consumer, [place])
            return False
        self._reads_from[at] = offset
        return True

    def read_again(self, consumer: Consumer, at: Partition, offset: int) -> None:
        """Read a partition from an earlier offset on, if possible without touching the others."""
        start = TopicPartition(at.topic, at.number, offset)
        self.commits.leader_epochs.look(consumer, [at])
        if at not in self._paused.unreadable and does_seek(consumer, start):
            self._reads_from[at] = offset
            self.gaps.doubt(consumer, [at])
            return
        self.stops.passed([at])
        self.read_from(consumer, [start])

    def relieve(self, consumer: Consumer) -> None:
        """Have records that the prefetch had to drop for want of bytes read again later."""
        for at, offset in self._prefetch.relieve().items():
            self.read_again(consumer, at, offset)

    def found(self, came: Collection[Partition]) -> None:
        """Note that records came of these partitions, so the client's position in them is certain."""
        self.gaps.trust(came)
        self._paused.found(came)

    @property
    def unsettled(self) -> bool:
        """Whether it matters which partitions records come from."""
        return bool(self._paused.searched or self.gaps.doubted)

    def tell_gaps(self, consumer: Consumer, now: float) -> None:
        """Report offsets that hold no record, once all that was read before them is handed over."""
        if not self.gaps.is_due(now):
            return
        certain = [at for at in self.names.values() if not self.waits(at) and at not in self._paused.searched]
        for at, offset in self.gaps.look(consumer, certain, now).items():
            self._tell_gap(at, offset)

    def tell_passed(self, passed: Mapping[Partition, int]) -> None:
        """Report up to where all was passed over, once all that was read before it is handed over."""
        for at, offset in passed.items():
            if not self.waits(at):
                self._tell_gap(at, offset)

    def _tell_gap(self, at: Partition, offset: int) -> None:
        behind = self._prefetch.handed.get(at, self._reads_from[at])
        if offset > behind:
            self._prefetch.handed[at] = offset
            self._bridge.gap(at, behind, offset)

    def set_pauses(self, consumer: Consumer) -> None:
        """Bring the client's pauses up to date, if anything changed."""
        self._prefetch.decide_pauses(time.monotonic())
        self._pauses.set(consumer, self.ours)

    def read_to(self, consumer: Consumer, at: Partition) -> int:
        """The next offset to be read of a partition."""
        (position,) = consumer.position(to_topic_partitions([at]))
        known = (offset for offset in (position.offset, self._reads_from.get(at, -1)) if offset >= 0)
        return next(known, self._begun[at].begins or 0)

    def _cut(self, at: Partition, start: Start) -> PartitionAssignment:
        """Give up what is held beyond the offset where a log was cut, and take the partition up again.

        What is under way ends first, as in a rebalance. Below the cut, reading goes on from the committed
        offset; records beyond it are gone, whatever became of them.
        """
        before = self._begun[at]
        last = self.commits.last(at)
        committed = before.committed if last is None else last
        self._prefetch.drop([at])
        position = self._bridge.drained([at]).get(at)
        self._forget([at])
        offset = committed if position is None else position.offset
        assigned = PartitionAssignment(at, offset, before.metadata, self.logs.bind([at])[at], start)
        self._tell_assigned([assigned])
        return assigned

    # --- inside --------------------------------------------------------------------------------

    def _tell_assigned(self, assigned: Sequence[PartitionAssignment]) -> None:
        self._begun.update((one.at, one) for one in assigned)
        self._bridge.assigned(assigned, self._take_up([one.at for one in assigned]))

    def _take_up(self, partitions: Sequence[Partition]) -> list[Epoch]:
        """Make partitions ours, in a new assignment."""
        self._number += 1
        epochs = [Epoch(at, self._number) for at in partitions]
        self.ours.update((epoch.at, epoch) for epoch in epochs)
        self.names.update((epoch.at, epoch.at) for epoch in epochs)
        self._paused.stale = True
        self._watermarks.expect(time.monotonic())
        return epochs

    def _place(self, at: Partition, offset: int | None, leader_epoch: int | None = None) -> TopicPartition:
        """Where a partition begins, as the client takes it."""
        if offset is None:
            return TopicPartition(at.topic, at.number, OFFSET_BEGINNING)
        self.commits.leader_epochs.begin(at, leader_epoch)
        return to_offset(at, Position(offset, ""), leader_epoch)

    def prove(self, messages: Iterable[ReceivedMessage]) -> None:
        """Check the epochs of records while something must be proven by them."""
        epochs = self.commits.leader_epochs
        for message in messages:
            at = self.names.get((message.topic(), message.partition()))
            if at is None or message.error() is not None:
                continue
            if epochs.is_cut(at, message.offset(), message.leader_epoch()):
                self._bridge.cut(at, message.offset())

    def _forget(self, partitions: Sequence[Partition]) -> None:
        self.commits.leader_epochs.leave((at, self._prefetch.handed.pop(at, None)) for at in partitions)
        for partition in partitions:
            self.ours.pop(partition, None)
            self.names.pop(partition, None)
            self._begun.pop(partition, None)
            self._reads_from.pop(partition, None)
            self.gaps.trust([partition])
        self._paused.found(partitions)
        self.logs.forget(partitions)
        self.stops.passed(partitions)
        self._pauses.forget(partitions)
        self.commits.forget(partitions)
