"""Where the partitions of an assignment begin: at the committed offset, or where the group and the log say.

The rule: nothing is guessed. If the committed offset, or else the log's ends and the group's memory, can't be
read, it is unknown where a partition begins. Blocking; called by the poll thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.moment import parse_time
from worker.adapters.kafka.answers import all_told
from worker.adapters.kafka.errors import KafkaUnavailable, is_refusal, one_line
from worker.adapters.kafka.leader_epochs import LastRead
from worker.adapters.kafka.records import leader_epoch_of, to_partition, to_topic_partitions
from worker.adapters.kafka.topic_ids import TopicIds
from worker.adapters.kafka.watermarks import ends_told
from worker.core.binding import Binding, LogId
from worker.core.offset_map import MetadataVerdict, decode
from worker.core.record import Partition
from worker.core.start_offset import (
    GroupJournal,
    OffsetEvidence,
    RememberedOffset,
    Start,
    WatermarkOffsets,
    begin,
    begin_anew,
    is_another,
)
from worker.ports import PartitionAssignment

TIMEOUT_SECONDS = 8.0
"""Seconds for each answer of the broker."""

_EARLIEST, _LATEST = "earliest", "latest"

_Answer = TypeVar("_Answer")

Recall = Callable[[], Mapping[Partition, RememberedOffset]]
"""Reads what the group remembers; raises KafkaUnavailable."""


AskJournal = Callable[[Collection[Partition]], GroupJournal]
"""Reads what the group's journal says; raises KafkaUnavailable."""


class StartPolicy(NamedTuple):
    """Where a group without committed offsets begins: `recall` and `journal` know what it had finished.

    If they know nothing, `start` counts, which is POSTBACK_KAFKA__START. None means there is no such topic.
    """

    start: str = _EARLIEST
    recall: Recall | None = None
    journal: AskJournal | None = None


class IncomingPartition(NamedTuple):
    """A partition that is about to be ours, and the leader epoch committed with its offset.

    According to its commit, offsets below `upto` may be finished; None if the commit says nothing.
    """

    assigned: PartitionAssignment
    leader_epoch: int | None
    upto: int | None = None

    def known_beside(self, left: LastRead | None) -> PartitionAssignment:
        """The assignment; what we `left` ourselves does not count if another member has read on since."""
        return self.assigned._replace(is_newer=left is not None and self._is_newer(left))

    def to_prove_beside(self, left: LastRead | None) -> tuple[int | None, int | None]:
        """The latest epoch of what is known to be finished, and up to which offset."""
        if left is None or self._is_newer(left):
            return self.leader_epoch, self.upto
        return left.epoch, max(left.upto, self.upto or 0)

    def _is_newer(self, left: LastRead) -> bool:
        """Whether the committed offset is of a later leader than what we read ourselves."""
        return self.leader_epoch is not None and self.leader_epoch > left.epoch


Begun = Sequence[IncomingPartition]
"""Partitions to be taken up."""


class Beginnings(NamedTuple):
    """Where partitions begin of which that is known; `why` says why not the others, if there are any."""

    known: Begun
    why: KafkaUnavailable | None = None

    def others(self, partitions: Collection[Partition]) -> list[Partition]:
        """Those of the partitions that were asked about of which it is not known."""
        known = {of.assigned.at for of in self.known}
        return [at for at in partitions if at not in known]


class OffsetLookup:
    """The start offsets of one group member's partitions."""

    def __init__(self, beginning: StartPolicy, ids: TopicIds | None = None) -> None:
        self._beginning = beginning
        self._ids = ids
        self._sizes: dict[str, int] = {}  # how many partitions each topic had when it was met
        self._before: dict[Partition, LogId] = {}  # the logs of partitions that were ours before

    def of(self, consumer: Consumer, logs: Mapping[Partition, LogId]) -> Beginnings:
        """Where these partitions begin. Raises KafkaUnavailable, which says what can't be read and why."""
        self._meet({at.topic for at in logs})
        committed = self._committed(consumer, list(logs)) if logs else []
        begun = {to_partition(of): _begun(of, logs[to_partition(of)]) for of in committed}
        unknown = {at: logs[at] for at, of in begun.items() if of.assigned.committed is None}
        deleted = [at for at, of in begun.items() if _is_of_deleted(of.assigned)]
        deleted += [at for at, log in unknown.items() if is_another(self._before.get(at, log), log)]
        starts, why = self._starts(consumer, unknown, deleted)
        late = {*unknown, *deleted} - starts.keys()
        known = {at: logs[at] for at in begun if at not in late}
        self._before.update(known)
        return Beginnings([_with_start(begun[at], starts.get(at)) for at in known], why)

    def _starts(
        self, consumer: Consumer, unknown: Mapping[Partition, LogId], deleted: Collection[Partition]
    ) -> tuple[Mapping[Partition, Start], KafkaUnavailable | None]:
        """Where those begin for which no committed offset counts; and why that is not known of some.

        Where the group is to begin elsewhere than at the logs' starts, all wait for the last of them: to one
        that comes later, the group would look as if it had begun before, without it.
        """
        try:
            marks, why = self._marks(consumer, sorted({*unknown, *deleted}))
            if why is not None and self._beginning.start != _EARLIEST:
                return {}, why
            of = {at: log for at, log in unknown.items() if at in marks}
            starts = self._first(consumer, of, marks) if of else {}
        except KafkaUnavailable as error:
            return {}, error
        return starts | {at: begin_anew(marks[at]) for at in deleted if at in marks}, why

    def _first(
        self, consumer: Consumer, logs: Mapping[Partition, LogId], marks: Mapping[Partition, WatermarkOffsets]
    ) -> dict[Partition, Start]:
        """Where partitions without a committed offset begin."""
        memory, journal = self._memory(), self._journal(list(logs))
        topics = {at.topic for at in (logs if journal.is_old else memory)}
        firsts = _read("the offsets at a time", lambda: self._firsts(consumer, marks))
        known = {
            at: OffsetEvidence(
                memory.get(at), at.topic in topics or self._is_added(at), firsts[at], journal.of.get(at)
            )
            for at in logs
        }
        return {at: begin(log, known[at], marks[at]) for at, log in logs.items()}

    def _meet(self, topics: Collection[str]) -> None:
        """Note how large topics are of which this member is assigned partitions for the first time."""
        ids = self._ids
        found = {topic: ids.partitions(topic) for topic in topics} if ids is not None else {}
        self._sizes = {topic: count for topic, count in found.items() if count} | self._sizes

    def _is_added(self, at: Partition) -> bool:
        """Whether a partition was added to its topic since this member met it."""
        return at.number >= self._sizes.get(at.topic, at.number + 1)

    def _firsts(
        self, consumer: Consumer, marks: Mapping[Partition, WatermarkOffsets]
    ) -> dict[Partition, int]:
        """The offset of each according to POSTBACK_KAFKA__START."""
        start = self._beginning.start
        moment = parse_time(start)
        if moment is None:
            return {at: of.high if start == _LATEST else of.low for at, of in marks.items()}
        asked = [TopicPartition(at.topic, at.number, max(0, int(moment * 1000))) for at in marks]
        answers = all_told(consumer.offsets_for_times(asked, timeout=TIMEOUT_SECONDS))
        found = {to_partition(of): of.offset for of in answers}
        # If no record is new enough, the client answers with its "end" mark, which is below zero.
        return {at: found[at] if found[at] >= 0 else of.high for at, of in marks.items()}

    def _memory(self) -> Mapping[Partition, RememberedOffset]:
        recall = self._beginning.recall
        return {} if recall is None else _read("what the group remembers", recall)

    def _journal(self, partitions: Collection[Partition]) -> GroupJournal:
        ask = self._beginning.journal
        return GroupJournal() if ask is None else _read("what the journal tells", lambda: ask(partitions))

    def _marks(
        self, consumer: Consumer, partitions: Collection[Partition]
    ) -> tuple[dict[Partition, WatermarkOffsets], KafkaUnavailable | None]:
        if not partitions:
            return {}, None
        what = "where the logs begin and end"
        ends, why = _read(what, partial(ends_told, consumer, partitions, TIMEOUT_SECONDS))
        marks = {at: WatermarkOffsets(of.low, of.high) for at, of in ends.items()}
        return marks, None if why is None else _unread(what, why)

    def _committed(self, consumer: Consumer, partitions: Sequence[Partition]) -> Sequence[TopicPartition]:
        asked = to_topic_partitions(partitions)
        return _read("what is committed", lambda: all_told(consumer.committed(asked, TIMEOUT_SECONDS)))


def _read(what: str, ask: Callable[[], _Answer]) -> _Answer:
    """Ask once; raise KafkaUnavailable, naming what can't be read."""
    try:
        return ask()
    except (KafkaException, KafkaUnavailable) as error:
        raise _unread(what, error) from error


def _unread(what: str, error: KafkaException | KafkaUnavailable) -> KafkaUnavailable:
    return KafkaUnavailable(f"can't read {what}: {one_line(error)}", refused=is_refusal(error))


def _begun(of: TopicPartition, log: LogId) -> IncomingPartition:
    if of.offset < 0:
        return IncomingPartition(PartitionAssignment(to_partition(of), None, "", log), None)
    assigned = PartitionAssignment(to_partition(of), of.offset, of.metadata or "", log)
    finished = decode(of.offset, assigned.metadata, Binding(log)).finished
    return IncomingPartition(assigned, leader_epoch_of(of), finished.upto if finished else None)


def _is_of_deleted(assigned: PartitionAssignment) -> bool:
    """Whether the committed offset is of a log of the same name that was deleted."""
    if assigned.committed is None:
        return False
    checked = decode(assigned.committed, assigned.metadata, Binding(assigned.log))
    return checked.verdict is MetadataVerdict.MADE_ANEW


def _with_start(begun: IncomingPartition, start: Start | None) -> IncomingPartition:
    return begun if start is None else IncomingPartition(begun.assigned._replace(start=start), None)
