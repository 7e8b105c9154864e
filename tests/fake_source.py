"""A source in memory, which passes the suite of the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.fake_kafka import FakeKafka
from tests.fake_reading import Passed, Reading
from worker.core.assigned_partition import Position
from worker.core.binding import LogId
from worker.core.held_bytes import NO_BOUND, HeldBytes
from worker.core.place import Place
from worker.core.record import Partition, Record
from worker.core.routing import Router
from worker.core.start_offset import Start, StartReason
from worker.core.unreadable import StoppedPartition
from worker.ports import CommitFailed, PartitionAssignment, Positions, SourceEnded, SourceListener, Watermarks


@dataclass(eq=False)
class FakeSource:
    """A member of the group of a FakeKafka; the test says what is assigned, revoked and lost.

    While `refusing` is set, commits fail with it; those of partitions in `refused` always do. While `gate` is
    cleared, they wait. While a revocation is drained nothing else is served, as there the thread waits too.
    """

    kafka: FakeKafka
    group: str = "worker"
    refusing: str | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    held_bytes: HeldBytes = field(default_factory=lambda: HeldBytes(NO_BOUND))
    demand: int = 0
    commits: list[Mapping[Partition, Position]] = field(default_factory=list)
    refused: set[Partition] = field(default_factory=set)
    committing: bool = False
    """Whether a commit waits to be taken."""
    stopped: bool = False
    standing: list[StoppedPartition] = field(default_factory=list)
    unbegun: dict[Partition, str] = field(default_factory=dict)
    router: Router | None = None
    """Passes over what is another destination's."""
    ends: dict[Partition, int] = field(default_factory=dict)
    """High watermarks, where more lies in a log than may be read."""

    def __post_init__(self) -> None:
        self.gate.set()
        self.joined = False
        self._read = self.held_bytes.reader()
        self.newer: set[Partition] = set()
        """Partitions that another member has read on, from a later leader."""
        self._ours: dict[Partition, Reading] = {}
        self._listener: SourceListener | None = None
        self._pumping = False
        self._polled = 0.0
        self._draining = 0
        self._idle = asyncio.Event()  # cleared while a revocation is drained
        self._idle.set()

    @property
    def assigned(self) -> list[Partition]:
        """What is ours."""
        return list(self._ours)

    @property
    def paused(self) -> set[Partition]:
        """What is held."""
        return {at for at, reading in self._ours.items() if reading.paused}

    # --- what Kafka does, when the test says so ------------------------------------------------

    def assign(self, *partitions: Partition) -> None:
        """Give partitions to this member."""
        assigned = []
        for at in partitions:
            committed = self.kafka.committed.get(at)
            self._ours[at] = Reading(committed.offset if committed else 0)
            log = self.kafka.ids.get(at.topic, LogId())
            if committed is None:
                first_day = Start(StartReason.FIRST_DAY, 0, len(self.kafka.logs[at]))
                assigned.append(PartitionAssignment(at, None, "", log, first_day))
            else:
                assigned.append(PartitionAssignment(at, *committed, log, is_newer=at in self.newer))
        self.joined = True
        self._tell.on_assigned(assigned)
        self._wake()

    def made_anew(self, topic: str) -> None:
        """Hear that a topic was made anew, as the watcher of ids would."""
        anew = [at for at in self._ours if at.topic == topic]
        for at in anew:
            self._ours[at] = Reading(0)
        self._tell.on_made_anew([PartitionAssignment(at, None, "", self.kafka.ids[topic]) for at in anew])
        self._wake()

    def expire(self, at: Partition, low: int) -> None:
        """Have the records below an offset removed, before they are read where they were not."""
        reading = self._ours[at]
        if reading.next < low:
            gone = low - reading.next
            reading.next = low
            self._tell.on_expired(at, Start(StartReason.EXPIRED, low, gone))
        self._wake()

    def gap(self, at: Partition, behind: int, offset: int) -> None:
        """Find that offsets hold no record, and none will come there."""
        self._tell.on_gap(at, behind, offset)

    def cut(self, at: Partition, offset: int) -> None:
        """Find that other records lie from an offset on than before."""
        self._tell.on_cut(at, offset)

    async def truncate(self, at: Partition, end: int) -> None:
        """Have a log cut at its end, which this member hears of, and drains what it holds."""
        del self.kafka.logs[at][end:]
        before = self._ours[at].committed
        self._idle.clear()
        try:
            position = (await self._tell.on_revoked([at])).get(at)
        finally:
            self._idle.set()
        start = Start(StartReason.TRUNCATED, end, self._ours[at].next - end)
        committed = position.offset if position else before
        assigned = PartitionAssignment(at, committed, "", self.kafka.ids.get(at.topic, LogId()), start)
        self._ours[at] = Reading(assigned.begins or 0)
        self._tell.on_assigned([assigned])
        self._wake()

    async def revoke(self, *partitions: Partition) -> None:
        """Take partitions away, with their drain and their last commit."""
        ours = [at for at in partitions if at in self._ours]
        self._draining += 1
        self._idle.clear()
        try:
            positions = await self._tell.on_revoked(ours)
            self._tell.on_committed_last(self._commit({at: to for at, to in positions.items() if at in ours}))
        finally:
            for at in ours:
                self._ours.pop(at, None)
            self._draining -= 1
            if not self._draining:
                self._idle.set()
        self._wake()

    def lose(self, *partitions: Partition) -> None:
        """Take partitions away without asking."""
        for at in partitions:
            self._ours.pop(at, None)
        self.joined = bool(self._ours)
        self._tell.on_lost(partitions)

    def stop_at(self, stopped: StoppedPartition) -> None:
        """Find a record that can't be read."""
        self.standing.append(stopped)
        self._tell.on_stopped(stopped)

    def pass_over(self, place: Place, beyond: int) -> None:
        """Skip what can't be read."""
        self.standing = [one for one in self.standing if one.place != place]
        self._ours[place.at].next = beyond
        self._tell.on_passed_over(place, beyond)
        self._wake()

    def trouble(self, message: str) -> None:
        """Have something go wrong that may pass."""
        self._tell.on_trouble(message)

    def fail(self, error: BaseException) -> None:
        """End, as when the thread dies."""
        self._end()
        self._tell.on_failed(error)

    # --- the port ------------------------------------------------------------------------------

    async def start(self, listener: SourceListener) -> None:
        self._listener = listener
        self.kafka.wake.append(self._wake)

    def ask(self, count: int) -> None:
        self.demand = max(self.demand, count)
        self._wake()

    def allow(self, partition: Partition, count: int) -> None:
        if partition in self._ours:
            self._ours[partition].room += count
            self._wake()

    def pause(self, partition: Partition) -> None:
        if partition in self._ours:
            self._ours[partition].paused = True

    def resume(self, partition: Partition) -> None:
        if partition in self._ours:
            self._ours[partition].paused = False
            self._wake()

    def rewind(self, partition: Partition, offset: int) -> None:
        if partition in self._ours:
            self._ours[partition].next = offset
            asyncio.get_running_loop().call_soon(self._tell.on_rewound, partition)

    async def commit(self, positions: Positions) -> Positions:
        self.committing = True
        await asyncio.sleep(0)
        await self._idle.wait()
        await self.gate.wait()
        self.committing = False
        if self.stopped or self.refusing is not None:
            raise SourceEnded("the source has ended") if self.stopped else CommitFailed(self.refusing or "")
        self.commits.append(positions)
        committed = self._commit({at: to for at, to in positions.items() if at not in self.refused})
        refused = self.refused & positions.keys()
        if refused:
            raise CommitFailed("; ".join(f"{at}: refused" for at in sorted(refused)), committed)
        return committed

    def not_joined(self) -> Sequence[str]:
        return [] if self.joined else [self.group]

    def not_begun(self) -> Mapping[Partition, str]:
        return self.unbegun

    def stops(self) -> Sequence[StoppedPartition]:
        return list(self.standing)

    def watermarks(self) -> Mapping[Partition, Watermarks]:
        return {
            at: Watermarks(0, self.ends.get(at, len(self.kafka.logs[at])), len(self.kafka.logs[at]))
            for at in self._ours
        }

    def last_poll(self) -> float:
        return self._polled

    async def stop(self) -> None:
        if self._listener is None or self.stopped:
            return
        await self._idle.wait()
        if self._ours:
            await self.revoke(*self._ours)
        self._end()

    # --- inside --------------------------------------------------------------------------------

    @property
    def _tell(self) -> SourceListener:
        assert self._listener is not None, "not started"
        return self._listener

    def _commit(self, positions: Positions) -> Positions:
        committed = {}
        for at, position in positions.items():
            reading = self._ours.get(at)
            if reading is not None and position.offset >= reading.committed:
                reading.committed = position.offset
                self.kafka.committed[at] = committed[at] = position
        return committed

    def _end(self) -> None:
        self.stopped = True
        self.gate.set()
        if self._wake in self.kafka.wake:
            self.kafka.wake.remove(self._wake)

    def _wake(self) -> None:
        """Hand over at the next turn of the loop, as a thread would."""
        if not self._pumping and not self.stopped and self._idle.is_set():
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        self._polled = asyncio.get_running_loop().time()
        if not self._idle.is_set() or self.stopped:
            return
        records: list[Record] = []
        passes: dict[Partition, Passed] = {}
        for at, reading in self._ours.items():
            if not reading.paused:
                bound = (self.held_bytes, self._read)
                there, passes[at] = reading.fitting(self.kafka.logs[at], self.demand, bound, self.router)
                self.demand -= len(there)
                records.extend(there)
        if not self.held_bytes.left:
            asyncio.get_running_loop().call_later(0.002, self._wake)  # a thread would look again and again
        if records:
            self._tell.on_records(records)
        for at, passed in passes.items():
            if passed.count:
                self._tell.on_passed({at.topic: passed.count})
                self._tell.on_gap(at, passed.behind, self._ours[at].next)
