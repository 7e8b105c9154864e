"""Recognises records that are copies of delivered, pending or dead ones, so that they are not sent again.

The rules: a partition's journal is read before its first record is sent, and again after it was unreadable
for a while; until then that partition alone rests. A record is judged right before it would be sent. Only
endings are remembered. While a record is under way, until its step is acknowledged, other records of its
event wait, and are judged by its outcome. A tier's records are judged by the journal of their origin's
partition. They are in the tier's partition of the same number, but for strays: those that were written while
the tier had fewer partitions than the source. The journal of a stray's origin is followed, too, as long as
its partition is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from schemas import WorkerHeaders
from schemas.headers import replays_of
from worker.core.assigned_partition import AssignedPartition, PendingRecord
from worker.core.copies import (
    DEAD,
    DELIVERED,
    ORIGINS,
    WAITING,
    CopyDecision,
    DueRecord,
    RememberedConversion,
    digest,
    digest_of_record,
    follows,
    is_of,
    packed_delivery,
)
from worker.core.endings import Dead, Delivered, Duplicate, Finished, RetryLater, WaitsForCopy, read_history
from worker.core.fence import Tenure
from worker.core.journal import Ended, letter_of
from worker.core.journal_rest import WARMING, JournalRest
from worker.core.record import Partition, Record
from worker.core.remembered_ids import PackedIds, RememberedIds, StepMark
from worker.pipeline import Attempt
from worker.ports import Follower, Observer

Step = Attempt | Dead
Prepared = Step | Duplicate | Finished | WaitsForCopy

_STATES = {Delivered: DELIVERED, RetryLater: WAITING, Dead: DEAD}


class CopiesCallbacks(NamedTuple):
    """Callbacks: partitions that may or may no longer be sent, and reports for operators.

    `on_freed` hears of a record that waited for another and must be judged again; `before_marks` is called
    before other workers' steps are taken into account.
    """

    on_warm: Callable[[AssignedPartition], None]
    on_cold: Callable[[AssignedPartition], None]
    on_freed: Callable[[PendingRecord, Step], None]
    before_marks: Callable[[], None]
    observer: Observer


class Copies:
    """What is remembered of one destination's conversions; the follower's listener."""

    def __init__(
        self,
        ids: RememberedIds,
        follower: Follower,
        partitions: Mapping[Partition, AssignedPartition],
        callbacks: CopiesCallbacks,
        on_failed: Callable[[BaseException], None],
    ) -> None:
        self.ids = ids
        self._follower = follower
        self._partitions = partitions
        self._on_warm, self._on_cold, self._on_freed, self._before_marks, self._observer = callbacks
        self.on_failed = on_failed
        """Hears that the follower is dead; without it no partition would become warm."""
        self._under_way: dict[bytes, int] = {}
        """Digests of what is being sent or journaled, with the origin offset of each."""
        self._elsewhere: set[bytes] = set()
        """Those of them that ended at another worker, which had the partition before or has it now."""
        self._waiting: dict[bytes, list[tuple[PendingRecord, Step]]] = {}
        self._turn = 0
        self._asked: dict[int, int] = {}
        self._unread: set[int] = set()
        """The partitions whose journals are not read yet to where they ended when that was asked for."""
        self._cached = 0
        self._is_known = self._is_ending = False
        self._again: set[int] = set()
        self.on_read_again: Callable[[int], None] = lambda _number: None
        """Hears when the journal of a partition was read again, as `read_again` asked."""

    # --- a record ------------------------------------------------------------------------------

    def judge(self, pending: PendingRecord, step: Step, now: float) -> Prepared:
        """Decide what to do with a record; one to be sent counts as under way from now on."""
        record, partition, _, _ = pending
        is_first = partition.tier is None and (not record.headers or replays_of(record.headers) is None)
        if is_first and type(step) is Attempt:
            key = digest(record.at.number, step.event.__dict__["event_id"].encode())
            if key not in self._under_way and self.ids.known(key, now) is None:
                self._under_way[key] = record.offset
                partition.digests[record.offset] = key
                return step
        return self._judge(pending, step, now)

    def given_back(self, pending: PendingRecord) -> None:
        """Note that a record is no longer under way, without an ending."""
        self.written((pending,))

    def written(self, ended: Collection[PendingRecord]) -> None:
        """Release what waits for these, whose steps are in the journal now."""
        under_way, is_asked_for = self._under_way, bool(self._elsewhere or self._waiting)
        for record, partition, _, _ in ended:
            key = partition.digests.pop(record.offset, None)
            if key is not None:
                del under_way[key]
                if is_asked_for:
                    self._free(key)

    def ended(self, pending: PendingRecord, ending: Ended, now: float) -> bool:
        """Remember how a record ended; return True if it ended elsewhere, so that this ending is not told."""
        record, partition, _, _ = pending
        if self._elsewhere and self.was_told(pending):
            return True
        is_first = partition.tier is None and (not record.headers or replays_of(record.headers) is None)
        if is_first and type(ending) is Delivered:
            self.ids.add(partition.digests[record.offset], packed_delivery(record.offset), now)
        else:
            self._mark(record, partition, ending, now)
        return False

    def has_ended(self, pending: PendingRecord, ending: Ended, now: float) -> bool:
        """Return whether another ending of a record is known, so that this one is not told."""
        key, _, due, at = self._identity(pending.record, pending.partition, _event_id(ending), now)
        known = (self.ids.known(one, at) for one in (key, digest_of_record(key, due.origin)))
        return any(one is not None and is_of(due, one) and one.state is not WAITING for one in known)

    def _judge(self, pending: PendingRecord, step: Step, now: float) -> Prepared:
        record, partition, *_ = pending
        event_id = step.event.event_id if isinstance(step, Attempt) else _event_id(step)
        key, _, due, at = self._identity(record, partition, event_id, now)
        its = digest_of_record(key, due.origin)
        for one in (key, its):
            if one in self._under_way:
                self._waiting.setdefault(one, []).append((pending, step))
                return WaitsForCopy(record)
        what = follows(due, self.ids.known(key, at), self.ids.known(its, at))
        if what is CopyDecision.FINISHED:
            return Finished(record)
        # What would not be sent anyway stays a dead letter, where a person looks for it.
        is_copy = what is CopyDecision.DUPLICATE and isinstance(step, Attempt)
        partition.digests[record.offset] = by = its if is_copy else key
        self._under_way[by] = due.origin
        return Duplicate(record, event_id) if is_copy else step

    def _free(self, key: bytes) -> None:
        """Have records that waited for this one judged again."""
        self._elsewhere.discard(key)
        for pending, step in self._waiting.pop(key, ()):
            self._on_freed(pending, step)

    def was_told(self, pending: PendingRecord) -> bool:
        """Return whether another worker has told of a record's ending while it is under way here."""
        return pending.partition.digests.get(pending.record.offset) in self._elsewhere

    def _mark(self, record: Record, partition: AssignedPartition, ending: Ended, now: float) -> None:
        event_id, state = _event_id(ending), _STATES.get(type(ending), DEAD)
        if event_id is None and partition.tenure is Tenure.DELETED:
            return  # the present log may have its origin, too
        its, number, due, _ = self._identity(record, partition, event_id, now)
        known = RememberedConversion(state, due.origin, ending.attempts, due.replays)
        if isinstance(ending, Duplicate):  # its conversion is remembered for another record
            its = digest_of_record(its, due.origin)
        self.ids.mark(StepMark(its, number, known, now))

    def _identity(
        self, record: Record, partition: AssignedPartition, event_id: str | None, now: float
    ) -> tuple[bytes, int, DueRecord, float]:
        """The digest of its step's key, its partition's number, what to judge it by, and the time to ask for.

        Without an event id the key is the origin, which a log made anew has again, but for a record that is
        younger than the step: of it is known only what was marked since it was written.
        """
        number, due, origin = _due_record(record, partition)
        since = now if event_id is not None else int(record.timestamp or now) + self.ids.window
        return digest(number, (event_id or origin).encode()), number, due, max(now, since)

    # --- the partitions ------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to read."""
        self._follower.start(self)

    async def stop(self) -> None:
        """Read no more."""
        await self._follower.stop()

    def end(self) -> None:
        """Follow the same partitions from now on, even given-up ones, because their positions are kept."""
        self._is_ending = True

    def follow(self, new: Collection[Partition] = ()) -> None:
        """Follow our present partitions; the `new` ones rest until their journal is read."""
        self._follow({at.number for at in new})

    def follow_origin(self, partition: AssignedPartition, number: int) -> None:
        """Follow the journal of a stray's origin for its partition, which rests until that is read."""
        partition.origins.add(number)
        if partition.warming is None:
            partition.warm(WARMING)
            self._on_cold(partition)
        self._follow({number})

    def read_again(self, numbers: Collection[int]) -> None:
        """Have the journals of partitions read once more to their ends, whether those are ours or not."""
        self._again.update(numbers)
        self._follow(numbers)

    def _follow(self, new: Collection[int]) -> None:
        if self._is_ending:
            return
        self._turn += 1
        self._asked.update(dict.fromkeys(new, self._turn))
        self._unread.update(new)
        numbers = {number for partition in self._partitions.values() for number in partition.origins}
        self._follower.follow(numbers | self._again, new, self._turn)

    def on_marks(self, marks: Sequence[StepMark]) -> None:
        """Remember steps that were read."""
        self._before_marks()
        for mark in marks:
            origin = self._under_way.get(mark.digest)
            if origin == mark.known.origin and mark.known.state is not WAITING:
                self._elsewhere.add(mark.digest)
            self.ids.mark(mark)

    def on_cached(self, kept: PackedIds) -> None:
        """Take up the memory of this worker's last run."""
        self.ids.take_up(kept)
        self._cached = self.ids.count

    def on_not_cached(self, why: str) -> None:
        """Report why everything is read anew."""
        self._observer.trouble(f"what is cached of the journal is not believed, and read anew: {why}")

    def on_read(self, number: int, turn: int) -> None:
        """Release partitions whose journals are read to where they ended when that was asked for."""
        if self._asked.get(number, 0) <= turn:
            self._unread.discard(number)
            if number in self._again:
                self._again.discard(number)
                self.on_read_again(number)
                self._follow(())
            for partition in self._of(number):
                if partition.warming is not None and self._unread.isdisjoint(partition.origins):
                    partition.warm(None)
                    self._on_warm(partition)
        if not self._is_known and all(one.warming is None for one in self._partitions.values()):
            self._is_known = True
            self._observer.warmed(self.ids.count, self._cached, self._follower.steps_read)

    def on_unread(self, numbers: Collection[int], why: str) -> None:
        """Have partitions rest whose journal can't be read."""
        self._unread.update(numbers)
        for number in numbers:
            for partition in self._of(number):
                is_warm = partition.warming is None
                partition.warm(JournalRest(why))
                if is_warm:
                    self._on_cold(partition)
                    self._observer.trouble(f"{partition.at} rests: {why}")

    def on_skipped(self, count: int) -> None:
        """Count steps that exist but are not remembered."""
        self.ids.forgotten += count

    def _of(self, number: int) -> list[AssignedPartition]:
        return [partition for partition in self._partitions.values() if number in partition.origins]


def _event_id(ending: Ended) -> str | None:
    """The event id that is its step's key; None if it is unreadable."""
    return letter_of(ending.record).event_id if ending.event_id is None else ending.event_id


def _due_record(record: Record, partition: AssignedPartition) -> tuple[int, DueRecord, str]:
    """The number of the source partition that a record came from, what to judge it by, and its origin."""
    on_tier = partition.tier is not None
    history = read_history(record, on_tier)
    _, number, offset = history.origin.rsplit("/", 2)
    attempts = WorkerHeaders.read(record.headers).attempts if on_tier else 0
    due = DueRecord(int(offset) & ORIGINS, on_tier, attempts, history.replays or 0)
    return int(number), due, history.origin
