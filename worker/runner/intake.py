"""What is held of each assigned partition, and what the source is asked for.

The rules: never more unfinished records of a partition than its room; a partition that is full or whose
head is not due rests while the others flow; where records are large its room is smaller, so that bytes are
left for others; a record that is finished already is not sent again; and what comes for a partition that is
not ours is ignored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from operator import attrgetter

from schemas import WorkerHeaders
from worker.core import offset_map
from worker.core.binding import Binding, Identity
from worker.core.held_bytes import HeldBytes
from worker.core.holding import Held, Holding
from worker.core.offsets import Offsets
from worker.core.ownership import WAYS_OUT, is_of_another_source
from worker.core.record import Partition, Record, make
from worker.core.retry import Tier
from worker.core.schedule import Schedule, due_at
from worker.core.start_offset import How, Start, below
from worker.ports import Assigned, Clock, Observer, Positions, Source
from worker.runner.byte_relief import ByteRelief
from worker.runner.claims import UNSURE

_SIZE = attrgetter("size")


class Intake:
    """The holdings of this member of the group; `room` is for each partition, `ahead` for all together.

    With `adopt` what another deployment left is taken for ours; with `unsure` a partition without an offset
    is barred as UNSURE. `probing` tells whether only probes are sent.
    """

    def __init__(
        self,
        source: Source,
        schedule: Schedule,
        tier_of: Callable[[str], Tier | None],
        observer: Observer,
        clock: Clock,
        identity: Identity,
        held_bytes: HeldBytes,
        *,
        adopt: bool = False,
        unsure: bool = False,
        room: int,
        ahead: int,
        probing: Callable[[], bool],
    ) -> None:
        self._source = source
        self._schedule = schedule
        self._tier_of = tier_of
        self._observer = observer
        self._clock = clock
        self._identity = identity
        self._adopt = adopt
        self._unsure = unsure
        self._held_bytes = held_bytes
        self._room = room
        self._ahead = ahead
        self._probing = probing
        self._asked = 0
        self._asked_lately = False
        self._former: dict[Partition, Holding] = {}
        self.holdings: dict[Partition, Holding] = {}
        self._relief = ByteRelief(source, schedule, held_bytes, clock, self.holdings, self.rest)
        self.closed = False
        """Once set, nothing more is asked for."""

    def assign(self, assigned: Assigned) -> Holding:
        """Take up a partition with what an earlier member, or we, left finished above its offset.

        One without an offset is claimed.
        """
        binding = Binding(assigned.log, self._identity)
        if assigned.start is not None:
            self._observer.started(assigned.at, assigned.start)
        told = self._told(assigned, binding)
        offsets = Offsets(assigned.begins, self._known(assigned, told))
        holding = Holding(assigned.at, self._tier_of(assigned.at.topic), offsets, binding)
        self.holdings[assigned.at] = holding
        if told is not None and told.verdict is offset_map.Verdict.OTHER_IDENTITY:
            holding.foreign = True
            self._bar(holding, "what is committed of it was written by another deployment")
        elif self._adopt or assigned.committed is None or assigned.committed != assigned.begins:
            holding.claim()
        if self._unsure and assigned.start is not None and assigned.start.how.without_offset:
            holding.barred = UNSURE
        self._grant(holding)
        return holding

    def skip(self, at: Partition, start: Start) -> None:
        """Go on with a partition of which what was to be read next is gone."""
        self._observer.started(at, start)
        if at in self.holdings:
            self.holdings[at].offsets.skip_to(start.offset)

    def asked_lately(self) -> bool:
        """Tell whether more was asked for since this was last called."""
        asked, self._asked_lately = self._asked_lately or self._asked > 0, False
        return asked

    def _known(self, assigned: Assigned, told: offset_map.Told | None) -> offset_map.OffsetMap | None:
        """What is known to be finished above the offset where a partition begins."""
        remembered = self._remembered(assigned)
        if assigned.start is None:
            return offset_map.union(told.finished if told else None, remembered)
        if assigned.start.how is How.TRUNCATED and assigned.begins == assigned.committed:
            return below(remembered, assigned.start.offset)
        return None

    def _told(self, assigned: Assigned, binding: Binding) -> offset_map.Told | None:
        """What an earlier member left finished, as far as it is believed; what is not is said."""
        if assigned.committed is None:
            return None
        believed = Binding(binding.log) if self._adopt else binding
        told = offset_map.decode(assigned.committed, assigned.metadata, believed)
        quiet = {offset_map.Verdict.BELIEVED, offset_map.Verdict.OTHER_IDENTITY}
        if assigned.start is None and told.verdict not in quiet:
            self._observer.map_refused(assigned.at, told.why)
        return told

    def _bar(self, holding: Holding, why: str) -> None:
        """Take nothing more of a partition, and say why."""
        holding.barred = f"{why}: {WAYS_OUT}"
        self._observer.trouble(f"{holding.at} rests: {holding.barred}")

    def of(self, partitions: Iterable[Partition]) -> list[Holding]:
        """What is held of these partitions, where they are ours."""
        return [self.holdings[at] for at in partitions if at in self.holdings]

    def under_way(self) -> list[Holding]:
        """All of which something may be under way that we have to end: of logs that are gone, too."""
        return [*self.holdings.values(), *(holding for holding in self._relief.leaving if holding.gone)]

    def renew(self, assigned: Sequence[Assigned]) -> None:
        """Take partitions up of which the log was made anew, and forget what is known of the old one.

        What is under way goes on to its ending, for nobody else has it; the rest is discarded.
        """
        discarded: Counter[str] = Counter()
        under_way: Counter[str] = Counter()
        old: list[Holding] = []
        for one in assigned:
            holding = self.holdings.pop(one.at, None)
            if holding is not None:
                holding.live, holding.gone = False, True
                old.append(holding)
                under_way[one.at.topic] += len(holding.busy)
                discarded[one.at.topic] += self._schedule.drop(holding)
            self.assign(one)
        for topic in dict.fromkeys(one.at.topic for one in assigned):
            self._observer.made_anew(topic, discarded[topic], under_way[topic])
        self._relief.leave(*old)
        self.refill()

    def discard(self, partitions: Iterable[Partition]) -> None:
        """Give up partitions that are not ours any more; their records make room for others.

        What we finished of them is remembered: its last commit may have failed, or never been made.
        """
        former = [self.holdings.pop(at) for at in partitions if at in self.holdings]
        for holding in former:
            holding.live = False
            self._schedule.drop(holding)
            self._former[holding.at] = holding
        self._relief.leave(*former)
        self.refill()

    def close(self) -> None:
        """Ask for nothing any more."""
        self.closed = True
        self._relief.close()

    def note_committed(self, committed: Positions) -> None:
        """Note what was committed last of partitions that are not ours any more."""
        for at, position in committed.items():
            if at in self._former:
                self._former[at].committed = position.offset

    def _remembered(self, assigned: Assigned) -> offset_map.OffsetMap | None:
        """What we finished of a partition while it was ours before, if it is still the same log.

        Where the group has no offset, or a lower one, the topic was made anew or the offsets were reset.
        """
        former = self._former.pop(assigned.at, None)
        if former is None or former.committed is None or assigned.committed is None:
            return None
        if former.binding.log != assigned.log:
            return None
        return former.offsets.known() if assigned.committed >= former.committed else None

    def accept(self, records: Sequence[Record]) -> None:
        """Take up a batch from the source."""
        now = self._clock.now()
        self._asked = max(0, self._asked - len(records))
        touched: dict[Holding, int] = {}
        holding = None
        for record in records:
            if holding is None or holding.at != record.at:
                holding = self._taking(record)
                if holding is None:
                    continue
            touched[holding] = touched.get(holding, 0) + 1
            self._take_up(record, holding, now)
        if max(map(_SIZE, records), default=0) > self._held_bytes.unit:
            self._weigh(records, touched)
        for holding, count in touched.items():
            holding.granted -= count
            self._observer.consumed(holding.at.topic, count)
            self.rest(holding, now)
        self._relief.took_up(sum(map(_SIZE, records)), now)

    def rewound(self, partition: Partition) -> None:
        """Take records of a partition again: those that come now were read again."""
        holding = self.holdings.get(partition)
        if holding is not None:
            holding.rewinding = False

    def _taking(self, record: Record) -> Holding | None:
        """What is held of a record's partition; None where it is not ours, or the record will come again."""
        holding = self.holdings.get(record.at)
        if holding is not None and not holding.rewinding:
            return holding
        if holding is not None:
            holding.granted -= self._held_bytes.room_of(record.size)
        return None

    def _weigh(self, records: Sequence[Record], touched: Collection[Holding]) -> None:
        """Note the room beyond one that large records take up."""
        for record in records:
            holding = self.holdings.get(record.at)
            if holding is not None and holding in touched and record.size > self._held_bytes.unit:
                holding.heavy = True
                holding.granted -= self._held_bytes.room_of(record.size) - 1

    def refill(self) -> None:
        """Ask the source for as many records as there is room ahead of the lanes, once a half is free.

        Often would be dear: the thread that reads waits for the interpreter's lock each time, and each call
        of the loop that lets go of the lock meanwhile wakes it in vain.
        """
        if self.closed:
            return
        free = self._ahead - self._schedule.ready - self._asked
        if free * 2 >= self._ahead:
            self._asked += free
            self._asked_lately = True
            self._source.ask(free)

    def read_on(self) -> None:
        """Ask for more than the lanes need, up to the room of each partition: so far probes may reach."""
        now = self._clock.now()
        for holding in self.holdings.values():
            if holding.held_back:
                self.rest(holding, now)
        if not self.closed and self._asked * 2 <= self._ahead:
            self._asked += self._ahead
            self._source.ask(self._ahead)

    def idle(self) -> None:
        """Read on for the lanes that are free though records wait: of partitions that are not slow."""
        now = self._clock.now()
        self._relief.idle()
        slow = self._schedule.look(now)
        for holding in slow:
            self.rest(holding, now)
        if slow:
            self.refill()

    def rest(self, holding: Holding, now: float) -> None:
        """Hold a partition back, or let it flow again within its room, as its holding says."""
        probing = self._probing()
        wants = holding.wants_rest(now, probing=probing)
        if wants != holding.held_back:
            holding.held_back = wants
            (self._source.hold if wants else self._source.release)(holding.at)
        self._grant(holding, probing=probing)

    def _grant(self, holding: Holding, *, probing: bool = False) -> None:
        room, beyond = self._room, 0
        if holding.heavy and holding.has_room(room, probing=probing):
            room, beyond = self._room_of_heavy(holding)
        if count := holding.grant(room, beyond, probing=probing):
            self._source.allow(holding.at, count)
        holding.resting = holding.held_back or holding.full

    def _room_of_heavy(self, holding: Holding) -> tuple[int, int]:
        """The share of a partition of large records, as others have theirs, and what they take beyond one."""
        room_of = self._held_bytes.room_of
        beyond = sum(room_of(record.size) - 1 for record in holding.in_memory())
        holding.heavy = beyond > 0
        share = 2 * self._room // (self._schedule.active + 1)
        return min(self._room, max(1, share)), beyond

    def _take_up(self, record: Record, holding: Holding, now: float) -> None:
        if not self._track(record, holding):
            self._observer.skipped(record)
            return
        if holding.tier is None:
            self._schedule.add(make(Held, (record, holding, 0.0, True)), now)
            return
        headers = WorkerHeaders.read(record.headers)
        if not self._adopt and is_of_another_source(self._identity, headers.origin) and not holding.barred:
            self._bar(holding, f"its record at {record.offset} is of {headers.origin}, not of our source")
        if holding.barred:  # it stays unfinished, so that nothing is committed past it
            return
        due = due_at(headers.due_at, holding.tier.seconds, now)
        self._schedule.add(Held(record, holding, due, due <= now), now)

    def _track(self, record: Record, holding: Holding) -> bool:
        position = holding.offsets.position
        if position is not None and record.offset < position and not holding.offsets.unfinished:
            # The topic was made anew, or its offsets were reset: what we know of it is of another log.
            self._observer.trouble(f"{holding.at} starts again at offset {record.offset}, below {position}")
            holding.start_anew(record.offset)
        return holding.offsets.track(record.offset)
