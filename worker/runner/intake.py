"""Takes up records of the assigned partitions, and asks the source for more.

The rules: a partition never has more unfinished records than its room; a partition that is full, or whose
head is not due, rests while the others flow; a record that is finished already is not sent again; records of
partitions that are not ours are ignored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter

from schemas import WorkerHeaders
from worker.core import offset_map
from worker.core.assigned_partition import AssignedPartition, PendingRecord
from worker.core.binding import Binding
from worker.core.demand import Demand
from worker.core.endings import partition_of
from worker.core.fence import Tenure
from worker.core.group_ownership import WAYS_OUT, is_of_another_source
from worker.core.held_bytes import HeldBytes
from worker.core.journal_rest import WARMING
from worker.core.offsets import Offsets
from worker.core.record import Partition, Record, make
from worker.core.schedule import Schedule
from worker.core.start_offset import Start
from worker.ports import PartitionAssignment, Source
from worker.runner.byte_relief import ByteRelief
from worker.runner.claim_checks import UNSURE
from worker.runner.former_partitions import FormerPartitions
from worker.runner.intake_rules import IntakeRules
from worker.runner.parts import Surroundings
from worker.runner.top_up import TopUp

_SIZE = attrgetter("size")


class Intake:
    """The partitions of this member of the group."""

    def __init__(
        self,
        source: Source,
        schedule: Schedule,
        around: Surroundings,
        rules: IntakeRules,
        held_bytes: HeldBytes,
    ) -> None:
        self._source = source
        self.schedule = self._schedule = schedule
        self._observer = around.observer
        self._clock = around.clock
        self._identity, self._tier_of, self._room, ahead, self._probing, *who = rules
        self._adopt, self._unsure, self._warms = who
        self._held_bytes = held_bytes
        self.demand = Demand(ahead)
        self._top_up = TopUp(self._room, self.rest)
        self.former = FormerPartitions()
        self.partitions: dict[Partition, AssignedPartition] = {}
        self.relief = ByteRelief(source, schedule, held_bytes, around.clock, self.partitions, self.rest)
        self._seeking = False
        self.on_stray: Callable[[AssignedPartition, int], None] = lambda _partition, _number: None
        """Hears of the first record in a tier's partition that comes from that source partition."""
        self.is_sure = False
        """Whether a look has shown that the group is ours alone."""
        self.passed = 0
        """How many records were passed over for other destinations."""

    def assign(self, assigned: PartitionAssignment) -> AssignedPartition:
        """Take up a partition, with what an earlier member or we had finished above its offset."""
        binding = Binding(assigned.log, self._identity)
        if assigned.start is not None:
            self._observer.started(assigned.at, assigned.start)
        checked = self._checked(assigned, binding)
        offsets = Offsets(assigned.begins, self.former.known(assigned, checked))
        partition = AssignedPartition(assigned.at, self._tier_of(assigned.at.topic), offsets, binding)
        self.partitions[assigned.at] = partition
        partition.warm(WARMING if self._warms else None)
        if checked is not None and checked.verdict is offset_map.MetadataVerdict.OTHER_IDENTITY:
            partition.foreign = True
            self._bar(partition, "what is committed of it was written by another deployment")
        else:
            self._claim(partition, assigned, checked)
        self._grant(partition)
        return partition

    def skip(self, at: Partition, start: Start) -> None:
        """Go on with a partition whose next records are gone."""
        self._observer.started(at, start)
        if at in self.partitions:
            self.partitions[at].offsets.skip_to(start.offset)

    def _checked(self, assigned: PartitionAssignment, binding: Binding) -> offset_map.CheckedMetadata | None:
        """The map of the last commit, judged; a map that is not believed is reported."""
        if assigned.committed is None:
            return None
        believed = Binding(binding.log) if self._adopt else binding
        checked = offset_map.decode(assigned.committed, assigned.metadata, believed)
        quiet = {offset_map.MetadataVerdict.BELIEVED, offset_map.MetadataVerdict.OTHER_IDENTITY}
        if assigned.start is None and checked.verdict not in quiet:
            self._observer.map_refused(assigned.at, checked.why)
        return checked

    def _claim(
        self,
        partition: AssignedPartition,
        assigned: PartitionAssignment,
        checked: offset_map.CheckedMetadata | None,
    ) -> None:
        """Claim a partition by a commit; bar it while it is in doubt that it is ours.

        An offset of ours proves nothing: it may be a claim that one of our workers made in vain.
        """
        without_offset = assigned.start is not None and assigned.start.how.without_offset
        in_doubt = self._unsure and (without_offset or not self.is_sure)
        signed = checked is not None and checked.verdict is offset_map.MetadataVerdict.BELIEVED
        has_offset = assigned.committed is not None and assigned.committed == assigned.begins
        if self._adopt or not has_offset or (in_doubt and not signed):
            partition.claim()
        if in_doubt:
            partition.bar(UNSURE)

    def _bar(self, partition: AssignedPartition, why: str) -> None:
        """Take nothing more of a partition, and say why."""
        partition.bar(f"{why}: {WAYS_OUT}")
        self._observer.trouble(f"{partition.at} rests: {partition.barred}")

    def of(self, ids: Iterable[Partition]) -> list[AssignedPartition]:
        """Those of these partitions that are ours."""
        return [self.partitions[at] for at in ids if at in self.partitions]

    def under_way(self) -> list[AssignedPartition]:
        """Partitions that may have records under way which we must end, including those of deleted logs."""
        return [
            *self.partitions.values(),
            *(partition for partition in self.relief.leaving if partition.tenure is Tenure.DELETED),
        ]

    def renew(self, assigned: Sequence[PartitionAssignment]) -> None:
        """Take up partitions whose topic was made anew, and forget the old log.

        What is under way goes on to its ending, because nobody else has it; the rest is discarded.
        """
        discarded: Counter[str] = Counter()
        under_way: Counter[str] = Counter()
        old: list[AssignedPartition] = []
        for one in assigned:
            partition = self.partitions.pop(one.at, None)
            if partition is not None:
                partition.delete()
                old.append(partition)
                under_way[one.at.topic] += len(partition.busy)
                discarded[one.at.topic] += self._schedule.drop(partition)
            self.assign(one)
        for topic in dict.fromkeys(one.at.topic for one in assigned):
            self._observer.made_anew(topic, discarded[topic], under_way[topic])
        self.relief.leave(*old)
        self.refill()

    def discard(self, ids: Iterable[Partition]) -> None:
        """Drop partitions that are no longer ours; their records make room for others."""
        former = [self.partitions.pop(at) for at in ids if at in self.partitions]
        for partition in former:
            partition.leave()
            self._schedule.drop(partition)
        self.former.keep(former)
        self.relief.leave(*former)
        self.refill()

    def seek(self, seeking: bool) -> None:
        """Read tiers on beyond what is due, because an order may apply to it; or stop that."""
        self._seeking, now = seeking, self._clock.now()
        if seeking:
            self.relief.wake()
        for partition in self.partitions.values():
            if partition.tier is not None:
                self.rest(partition, now)

    def close(self) -> None:
        """Ask for nothing more."""
        self.demand.close()
        self.relief.close()

    def accept(self, records: Sequence[Record]) -> None:
        """Take up a batch from the source."""
        now = self._clock.now()
        self.demand.came(len(records))
        touched: dict[AssignedPartition, int] = {}
        partition = None
        for record in records:
            if partition is None or partition.at != record.at:
                partition = self._taking(record)
                if partition is None:
                    continue
            touched[partition] = touched.get(partition, 0) + 1
            self._take_up(record, partition, now)
        if max(map(_SIZE, records), default=0) > self._held_bytes.unit:
            self.relief.weigh(records, touched)
        for partition, count in touched.items():
            partition.spend(count)
            self._observer.consumed(partition.at.topic, count)
            self.rest(partition, now)
            self._top_up.note(partition)

    def pass_over(self, counts: Mapping[str, int]) -> None:
        """Count records that were read for other destinations."""
        for topic, count in counts.items():
            self._observer.consumed(topic, count)
            self._observer.passed(topic, count)
            self.passed += count

    def rewound(self, at: Partition) -> None:
        """Take records of a partition again, because the rewind has taken effect."""
        partition = self.partitions.get(at)
        if partition is not None:
            self.relief.rewound(partition)

    def _taking(self, record: Record) -> AssignedPartition | None:
        """The record's partition; None if it is not ours, or the record will come again after a rewind."""
        partition = self.partitions.get(record.at)
        if partition is None or not partition.rewinding:
            return partition
        partition.spend(self._held_bytes.room_of(record.size))
        return None

    def refill(self) -> None:
        """Ask the source for as many records as there is room for ahead of the lanes, if that is due."""
        ready = self._schedule.ready
        if ready <= self.demand.low:
            self.demand.grow(ready)
            self._source.ask(self.demand.open)
            self._top_up.give(self._clock.now())

    def read_on(self) -> None:
        """Ask for more than the lanes need, up to the room of each partition, for probes to reach."""
        now = self._clock.now()
        for partition in self.partitions.values():
            if partition.paused:
                self.rest(partition, now)
        if self.demand.grow_for_probes():
            self._source.ask(self.demand.open)

    def idle(self) -> None:
        """Read on for free lanes though records of slow partitions wait."""
        now = self._clock.now()
        self.relief.idle()
        slow = self._schedule.look(now)
        for partition in slow:
            self.rest(partition, now)
        if slow:
            self.refill()

    def rest(self, partition: AssignedPartition, now: float) -> None:
        """Pause a partition, or resume it within its room, depending on its state."""
        probing = self._probing()
        wants = partition.wants_rest(now, probing=probing, seeking=self._seeking)
        if wants != partition.paused:
            partition.paused = wants
            (self._source.pause if wants else self._source.resume)(partition.at)
        self._grant(partition, probing=probing)

    def _grant(self, partition: AssignedPartition, *, probing: bool = False) -> None:
        room, beyond = self._room, 0
        if partition.heavy and partition.has_room(room, probing=probing):
            room, beyond = self.relief.room_of_heavy(partition, room)
        if count := partition.grant(room, beyond, probing=probing):
            self._source.allow(partition.at, count)
        partition.resting = partition.paused or partition.granted <= 0

    def _take_up(self, record: Record, partition: AssignedPartition, now: float) -> None:
        if not self._track(record, partition):
            self._observer.skipped(record)
            return
        if partition.tier is None:
            self._schedule.add(make(PendingRecord, (record, partition, 0.0, True)), now)
            return
        headers = WorkerHeaders.read(record.headers)
        if not self._adopt and is_of_another_source(self._identity, record, headers) and not partition.barred:
            self._bar(partition, f"its record at {record.offset} is of {headers.origin}, not of our source")
        if partition.barred:  # the record stays unfinished, so that nothing is committed past it
            return
        if headers.origin is not None and (number := partition_of(headers.origin)) not in partition.origins:
            self.on_stray(partition, number)
        due = partition.due_of(record.offset, headers.due_at, now)
        self._schedule.add(PendingRecord(record, partition, due, due <= now), now)

    def _track(self, record: Record, partition: AssignedPartition) -> bool:
        try:
            return partition.offsets.track(record.offset)
        except ValueError:
            if partition.offsets.unfinished:
                raise
        # The topic was made anew, or its offsets were reset: what we know is about another log.
        here, before = f"{partition.at} starts again at offset {record.offset}", partition.offsets.position
        self._observer.trouble(f"{here}, below {before}")
        partition.start_anew(record.offset)
        return partition.offsets.track(record.offset)
