"""The life of a worker: join, work, drain, leave.

The rules: a task or thread that dies ends the run with a failure, after a best-effort drain; a revoked
partition is drained while it is still ours, then committed, then discarded, also while the run ends; nothing
waits without a deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from worker.core.admission.gate import Gate
from worker.core.assigned_partition import AssignedPartition, PendingRecord
from worker.core.binding import Identity
from worker.core.endings import Dead, Delivered, Retry
from worker.core.held_bytes import NO_BOUND, HeldBytes
from worker.core.record import Partition, Record
from worker.core.retry import Tier
from worker.core.schedule import Schedule
from worker.core.start_offset import Start
from worker.core.unreadable import Place, Stopped
from worker.pipeline import Ending, Pipeline, Plan
from worker.ports import Assigned, Clock, Observer, Positions, Publisher, Sender, Snapshot, Source
from worker.runner.claims import Claims, Stranger
from worker.runner.commits import Committer, read_positions
from worker.runner.drain import Drain, Phase
from worker.runner.hand_over import HandOver
from worker.runner.intake import Intake
from worker.runner.lanes import Lanes
from worker.runner.remembered_offsets import GroupMemory
from worker.runner.silence import SilenceWatch
from worker.runner.state import overdue_by_tier, partition_state


class Limits(NamedTuple):
    """What bounds a run: unfinished records for each partition, and seconds for a drain."""

    outstanding: int
    drain: float


class Outcome(Enum):
    """How a run ended."""

    DRAINED = "drained"
    CUT = "cut"
    """At the deadline of the drain something had not ended; it stays uncommitted."""


class Runner:
    """One worker: a member of the group, its lanes, its commits. It is the source's listener."""

    def __init__(
        self,
        plan: Plan,
        source: Source,
        publisher: Publisher,
        sender: Sender,
        gate: Gate,
        observer: Observer,
        clock: Clock,
        jitter: Callable[[], float],
        limits: Limits,
        identity: Identity,
        control_topic: str | None = None,
        held_bytes: HeldBytes | None = None,
        former_tier: Callable[[str], Tier | None] = lambda _topic: None,
        *,
        adopt: bool = False,
        stranger: Stranger | None = None,
    ) -> None:
        """Wire the parts; `identity` is what commits are bound to, `adopt` takes over what others left.

        `held_bytes` is what the source counts in too. `control_topic` is where the group's memory is, None
        where it has none. `former_tier` knows tiers that the plan does not publish to any more, by topic.
        """
        self._source = source
        self._publisher = publisher
        self._sender = sender
        self._gate = gate
        self._observer = observer
        self._clock = clock
        self._schedule = Schedule()
        tiers = {topic: tier for tier, topic in plan.tier_topics.items()}
        # Enough to keep every lane busy while the next batch is on its way.
        ahead = max(32, 2 * gate.limit.most)
        self._intake = Intake(
            source,
            self._schedule,
            lambda topic: tiers.get(topic) or former_tier(topic),
            observer,
            clock,
            identity,
            held_bytes or HeldBytes(NO_BOUND),
            adopt=adopt,
            unsure=stranger is not None and not adopt,
            room=limits.outstanding,
            ahead=ahead,
            probing=lambda: gate.probes(clock.monotonic()),
        )
        self._drain = Drain(self._schedule, observer, limits.drain)
        self._hand_over = HandOver(publisher, observer, jitter, self._settled, self.fail, self._given_up)
        self._committer = Committer(source, self._intake.partitions, observer, self._on_stuck)
        self._memory = GroupMemory(control_topic, publisher, self._intake.partitions, observer, clock)
        self._silence = SilenceWatch(
            source, self._intake.partitions, self._intake.asked_lately, observer, clock
        )
        self._lanes = Lanes(
            sender, gate, self._schedule, Pipeline(plan), plan.rules, self, observer, clock, jitter
        )
        self._claims = Claims(stranger, observer, self._on_sure, self.fail) if stranger else None
        self._failed = asyncio.Event()
        self._failure: BaseException | None = None

    @property
    def phase(self) -> Phase:
        """How far the run is."""
        return self._drain.phase

    @property
    def unfinished(self) -> int:
        """Records that had not ended when they were given away at the end of the run."""
        return self._drain.unfinished

    # --- life ----------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> Outcome:
        """Work until `stop` is set, then drain; raise what broke the run, after a best-effort drain."""
        tasks = self._start()
        try:
            await self._source.start(self)
            self._intake.refill()
            await self._until(stop)
        finally:
            outcome = await self._end(tasks)
        if self._failure is not None:
            raise self._failure
        return outcome

    def fail(self, error: BaseException) -> None:
        """End the run with a failure, also one that is yet to begin; the first one counts."""
        self._failure = self._failure or error
        self._failed.set()

    def _start(self) -> list[asyncio.Task[None]]:
        self._lanes.start()
        tasks = [
            asyncio.create_task(self._committer.run(), name="commits"),
            asyncio.create_task(self._memory.run(), name="memory"),
            asyncio.create_task(self._silence.run(), name="silence"),
        ]
        for task in tasks:
            task.add_done_callback(self._task_ended)
        return tasks

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self.fail(task.exception() or RuntimeError(f"task {task.get_name()} ended by itself"))

    async def _until(self, stop: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (stop, self._failed)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _end(self, tasks: Sequence[asyncio.Task[None]]) -> Outcome:
        """Stop intake, let requests and publishes end, commit, leave the group, close what was opened."""
        self._intake.close()
        self._drain.begin()
        await self._drain.wait(self._intake.under_way())
        await self._hand_over.close()
        if self._claims is not None:
            await self._claims.close()
        for task in tasks:
            task.cancel()
        await self._lanes.stop()
        self._drain.end(self._intake.under_way())
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._committer.finish()
        await self._memory.finish()
        await self._source.stop()
        await self._publisher.close()
        await self._sender.close()
        return Outcome.CUT if self.unfinished else Outcome.DRAINED

    # --- the source's listener -------------------------------------------------------------------

    def on_assigned(self, assigned: Sequence[Assigned]) -> None:
        """Take up partitions."""
        partitions = [self._intake.assign(one) for one in assigned]
        if self._claims is not None:
            self._claims.make_sure(partitions)
        self._observer.rebalanced("assign", [one.at for one in assigned])

    def on_made_anew(self, assigned: Sequence[Assigned]) -> None:
        """Begin anew with partitions of another log; what is under way of the old one ends for itself."""
        self._intake.renew(assigned)
        self._drain.quiet.set()

    def on_expired(self, at: Partition, start: Start) -> None:
        """Go on behind what is gone."""
        self._intake.skip(at, start)

    async def on_revoked(self, ids: Sequence[Partition]) -> Positions:
        """Drain partitions while they are still ours, and say what to commit last."""
        self._observer.rebalanced("revoke", ids)
        partitions = self._intake.of(ids)
        try:
            await self._drain.wait(partitions)
            positions, _ = read_positions(partition for partition in partitions if partition.dirty)
            return positions
        finally:
            self._discard(ids)

    def on_committed_last(self, committed: Positions) -> None:
        """Note what was committed of what was revoked."""
        self._intake.note_committed(committed)

    def on_lost(self, ids: Sequence[Partition]) -> None:
        """Discard partitions that another member may have already; commit nothing of them."""
        self._observer.rebalanced("lost", ids)
        self._discard(ids)

    def on_records(self, records: Sequence[Record]) -> None:
        """Take up a batch."""
        if self.phase is not Phase.WORKING:
            return
        self._intake.accept(records)
        self._lanes.pump()
        self._intake.refill()

    def on_gap(self, at: Partition, behind: int, offset: int) -> None:
        """Count offsets that hold no record as read, where all before them was taken up."""
        for partition in self._intake.of([at]):
            partition.offsets.pass_over(behind, offset)

    def on_stopped(self, stopped: Stopped) -> None:
        """Pass on where a partition stands."""
        self._observer.stopped(stopped)

    def on_passed_over(self, place: Place, beyond: int) -> None:
        """Pass on what was skipped."""
        self._observer.passed_over(place, beyond)

    def on_rewound(self, at: Partition) -> None:
        """Take records of a partition again."""
        self._intake.rewound(at)

    def on_trouble(self, message: str) -> None:
        """Pass on what an operator should know."""
        self._observer.trouble(message)

    def on_failed(self, error: BaseException) -> None:
        """End the run: without its source, or its lanes, it would stand still."""
        self.fail(error)

    # --- what the lanes tell ---------------------------------------------------------------------

    def on_taken(self, pending: PendingRecord) -> None:
        """Count a record as under way."""
        pending.partition.busy[pending.record.offset] = pending.record
        self._intake.refill()

    def on_idle(self) -> None:
        """Read on, where what waits may not go."""
        self._intake.idle()

    def on_probe(self) -> None:
        """Read on, for probes to reach beyond what is held."""
        self._intake.read_on()

    def on_still(self, seconds: float) -> None:
        """Send no more until a commit counts: nobody tells a member that stands still what it lost."""
        self._observer.trouble(f"the process stood still for {seconds:.1f} s")
        self._hand_over.sure.clear()
        self._committer.doubt()

    def on_ended(self, pending: PendingRecord, ending: Ending, now: float) -> None:
        """Finish a delivered record; publish the others first."""
        if isinstance(ending, Delivered):
            self._observer.delivered(ending, now)
            if pending.partition.failures:
                self._schedule.ended(pending.partition, failed=False)
            self._finish(pending)
        else:
            if self._schedule.ended(pending.partition, failed=True):
                self._intake.rest(pending.partition, now)
                self._intake.refill()
            self._hand_over.settle(pending, ending)

    def on_given_back(self, pending: PendingRecord) -> None:
        """Put a record that was not tried back in line, if its partition is still ours and not draining."""
        self._release(pending)
        if pending.partition.live and not pending.partition.closing:
            self._schedule.give_back(pending, self._clock.now())

    def _settled(self, pending: PendingRecord, ending: Retry | Dead) -> None:
        if isinstance(ending, Retry):
            self._observer.retried(ending)
        else:
            self._observer.dead(ending)
        self._finish(pending)
        self._lanes.pump()  # a failing partition may have waited for this

    def _given_up(self, pending: PendingRecord) -> None:
        """Let go of a record of which nothing is published, as its partition is gone."""
        self._release(pending)
        self._lanes.pump()  # what it took up may have been waited for

    def _finish(self, pending: PendingRecord) -> None:
        self._release(pending)
        partition = pending.partition
        partition.offsets.resolve(pending.record.offset)  # also of a partition that is gone: it may come back
        if not partition.live:
            return
        self._committer.note_finished()
        if partition.resting:
            self._intake.rest(partition, self._clock.now())

    def _on_sure(self, partition: AssignedPartition) -> None:
        """Read a partition that is surely ours."""
        self._intake.rest(partition, self._clock.now())

    def _on_stuck(self, stuck: bool) -> None:
        """Start no request while commits are stuck."""
        self._lanes.fenced = stuck
        if not stuck:
            self._hand_over.sure.set()
            self._lanes.pump()

    def _release(self, pending: PendingRecord) -> None:
        partition = pending.partition
        del partition.busy[pending.record.offset]
        self._schedule.released(partition)
        if not partition.busy:
            self._drain.quiet.set()

    def _discard(self, ids: Sequence[Partition]) -> None:
        self._drain.given_away(self._intake.of(ids))
        self._intake.discard(ids)

    # --- what the outside may know ---------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Describe the worker at this moment."""
        now = self._clock.now()
        marks = self._source.watermarks()
        partitions = self._intake.partitions.values()
        return Snapshot(
            in_flight=self._gate.in_flight,
            limit=self._gate.limit.value,
            circuit=self._gate.circuit.state,
            paused=sum(partition.resting for partition in partitions),
            partitions=tuple(
                partition_state(partition, marks.get(partition.at), now) for partition in partitions
            ),
            overdue=overdue_by_tier(partitions, now),
            stopped=len(self._source.stops()),
            barred=sum(partition.barred is not None for partition in partitions),
            outage=self._lanes.outage,
            silent=self._silence.told,
        )

    def reasons_not_ready(self) -> Iterable[str]:
        """Say, one line each, why this worker is not ready; nothing when it is."""
        if self.phase is not Phase.WORKING:
            yield "draining"
        for group in self._source.not_joined():
            yield f"the consumer group {group} has not been joined yet"
        yield from map(str, self._source.stops())
        for partition in self._intake.partitions.values():
            if partition.barred is not None:
                yield f"{partition.at} rests: {partition.barred}"
        for topic, error in self._hand_over.refused.items():
            yield f"publishing to {topic} is refused: {error}"
        if self._lanes.blocked:
            yield f"egress: {self._lanes.blocked}"
        shortage = self._lanes.shortage.reason(self._clock.monotonic())
        if shortage is not None:
            yield f"descriptors: {shortage}"
