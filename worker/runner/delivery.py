"""From the outcome of a request to the record's ending, and to the commit that follows.

The rules: a record that left the schedule ends once: it is delivered, published, or given back. A publish
ends it once acknowledged; an ended record is finished once its step is journaled. The fence says what may go
on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partialmethod

from worker.core.admission.held import HeldReason, held
from worker.core.assigned_partition import AssignedPartition, PendingRecord
from worker.core.endings import Dead, Delivered, Duplicate, Finished, RetryLater, WaitsForCopy
from worker.core.fence import Bar, Fence, FenceState
from worker.core.journal import Ended
from worker.core.record import make
from worker.core.trial import Trial
from worker.pipeline import CompiledSettings
from worker.ports import Sender
from worker.runner.commits import Committer
from worker.runner.copies import Copies, CopiesCallbacks, Step
from worker.runner.copies_cache import cache_of
from worker.runner.drain import Drain
from worker.runner.former_senders import FormerLane
from worker.runner.hand_over import HandOver
from worker.runner.intake import Intake
from worker.runner.journaling import journaling_of
from worker.runner.lanes import Lanes
from worker.runner.lanes_listener import Tried
from worker.runner.late_endings import LateEndings
from worker.runner.parts import Clients, DestinationParts, Surroundings
from worker.runner.tracing import traced_listener, traced_publisher


class Delivery:
    """The lanes of one destination, its publishes and commits; it listens to the lanes and the journal."""

    def __init__(
        self,
        destination: DestinationParts,
        clients: Clients,
        around: Surroundings,
        intake: Intake,
        drain: Drain,
        on_failed: Callable[[BaseException], None],
    ) -> None:
        self._observer, self._clock = around.observer, around.clock
        self._intake, self._drain = intake, drain
        self._schedule, self._demand = intake.schedule, intake.demand
        self.on_failed = on_failed
        """Hears that a lane, a task or the journal can't go on."""
        self.gate = destination.gate
        tracing, compiled = destination.tracing, destination.compiled
        publisher = traced_publisher(clients.publisher, tracing, around.clock)
        self.hand_over = HandOver(
            publisher, around.observer, around.jitter, self._settled, on_failed, self._given_up
        )
        self.fence = Fence()
        self.journaling = journaling_of(destination, clients.publisher, around, self)
        source, self.partitions = clients.source, intake.partitions
        self.committer = Committer(source, self.partitions, around.observer, self.fence, self._on_fence)
        calls = CopiesCallbacks(
            self._on_warm, self._schedule.hold, self._on_freed, self.on_flush, around.observer
        )
        ids, follower = destination.group.remembers, clients.follower
        self.copies: Copies | None = None
        if ids is not None and follower is not None:
            self.copies = Copies(ids, follower, self.partitions, calls, on_failed)
        self.cache = cache_of(self.copies, self.journaling, clients, around)
        self.late_endings = LateEndings(self.copies, self.journaling, self._tell, self._ended_elsewhere)
        self.on_warm: Callable[[], None] = lambda: None
        """Hears that another partition may be sent, before any of it is."""
        self.on_held_again: Callable[[PendingRecord], bool] = lambda _pending: False
        """Hears of a record that would go back in line; returns whether it has ended instead."""
        listener = traced_listener(self, tracing, around)
        self.lanes = Lanes(clients.sender, self.gate, self._schedule, compiled, listener, around)

    def held(self) -> frozenset[HeldReason]:
        """The reasons why nothing is sent; empty while records may go."""
        fence, now = self.fence, self._clock.monotonic()
        paused, blocked = Bar.PAUSED in fence.bars, self.lanes.blocked is not None
        fenced = fence.state is not FenceState.OPEN or Bar.UNJOURNALED in fence.bars
        warming = any(one.warming is not None for one in self.partitions.values())
        return held(self.gate, now, paused=paused, fenced=fenced, blocked=blocked, warming=warming)

    def pause(self, paused: bool) -> None:
        """Start no request while paused; what is in flight goes on."""
        if self.fence.bar(Bar.PAUSED, stands=paused):
            self._on_fence()

    def renew(self, before: CompiledSettings, compiled: CompiledSettings, sender: Sender) -> list[FormerLane]:
        """Use these settings and sender from the next request on; return the lanes of a former sender."""
        if self.journaling is not None:
            # requests in flight still have the former secrets
            self.journaling.mask([*before.secrets, *compiled.secrets])
        return self.lanes.renew(compiled, sender)

    # --- told by the lanes ---------------------------------------------------------------------

    def on_taken(self, pending: PendingRecord) -> None:
        """Count a record as under way."""
        pending.partition.busy[pending.record.offset] = pending.record
        if self._schedule.ready <= self._demand.low:
            self._intake.refill()

    def on_idle(self) -> None:
        """Read on, because what waits may not go."""
        self._intake.idle()

    def on_probe(self) -> None:
        """Read on, so that probes reach beyond what is in memory."""
        self.gate.probing.crowded = self._intake.relief.is_crowded
        self._intake.read_on()

    def on_still(self, why: str) -> None:
        """Send no more until a commit counts, because a member that stood still is not told what it lost."""
        self._observer.trouble(why)
        self.fence.stood_still()
        self._on_fence()
        self.committer.hurry()

    def on_ended(
        self, pending: PendingRecord, ending: Ended | Finished, now: float, tried: Tried | None
    ) -> None:
        """Finish a delivered record; publish any other first."""
        trial = None
        if self.journaling is not None and tried is not None:
            (_, _, event, _, request), seconds, answer = tried
            trial = make(Trial, (event, request, seconds, answer))
        if isinstance(ending, Delivered):
            self._observer.delivered(ending, now)
            if pending.partition.failures:
                self._schedule.ended(pending.partition, failed=False)
            self._release(pending)
            self._end(pending, ending, trial, now)
        elif isinstance(ending, Duplicate):
            self._observer.duplicate(pending.record)
            self._release(pending)
            self._end(pending, ending, None, now)
        elif isinstance(ending, Finished):
            self._observer.skipped(pending.record)
            self._release(pending)
            self._finish(pending)
        else:
            if self._schedule.ended(pending.partition, failed=True):
                self._intake.rest(pending.partition, now)
                self._intake.refill()
            self.hand_over.settle(pending, ending, trial)

    def cancel(self, pending: PendingRecord, ending: Dead, now: float) -> None:
        """End a record that left the schedule unsent, which says nothing about its partition."""
        self._schedule.took(pending.partition)
        pending.partition.busy[pending.record.offset] = pending.record
        step = ending if self.copies is None else self.copies.judge(pending, ending, now)
        if isinstance(step, Finished):
            self.on_ended(pending, step, now, None)
        elif isinstance(step, WaitsForCopy):
            self.on_waits(pending)
        else:
            self.hand_over.settle(pending, ending, None)

    def on_waits(self, pending: PendingRecord) -> None:
        """Keep a record until another one of its event is no longer under way."""
        pending.partition.unjournaled[pending.record.offset] = pending.record
        self._release(pending)

    def on_given_back(self, pending: PendingRecord) -> None:
        """Put an untried record back in line, if its partition is still ours and not draining."""
        self._let_go(pending)
        self._put_back(pending)

    # --- told by publishes and commits ---------------------------------------------------------

    def _settled(self, pending: PendingRecord, ending: RetryLater | Dead, trial: Trial | None) -> None:
        if isinstance(ending, RetryLater):
            self._observer.retried(ending)
        else:
            self._observer.dead(ending)
        self._release(pending)
        self._end(pending, ending, trial, self._clock.now())
        self.lanes.pump()  # a failing partition may have waited for this

    def _given_up(self, pending: PendingRecord) -> None:
        """Let go of a record that is not published because its partition is gone."""
        self._let_go(pending)
        self.lanes.pump()  # another record may have waited for its lane

    def _on_freed(self, pending: PendingRecord, step: Step) -> None:
        """Have a record judged again after it waited for another one of its event."""
        del pending.partition.unjournaled[pending.record.offset]
        if isinstance(step, Dead):
            self.cancel(pending, step, self._clock.now())
        else:
            self._put_back(pending)
            self.lanes.wake()
        self._drain.quiet.set()

    def _on_warm(self, partition: AssignedPartition) -> None:
        now = self._clock.now()
        self.on_warm()
        self._schedule.let_go(partition, now)
        self._intake.rest(partition, now)
        self._intake.refill()
        self.lanes.pump()

    def _on_fence(self) -> None:
        """Start, publish and journal what the fence lets through now."""
        partitions = self.partitions.values()
        if self.fence.may_publish:
            self.hand_over.sure.set()
            self.late_endings.settle(partitions)
        else:
            self.hand_over.sure.clear()
            self.late_endings.doubt(partitions)
        if self.fence.may_send:
            self.lanes.pump()

    def on_written(self, ended: Sequence[PendingRecord]) -> None:
        """Finish records whose steps are journaled."""
        finished = 0
        resting: set[AssignedPartition] = set()
        for record, partition, _, _ in ended:
            offset = record.offset
            del partition.unjournaled[offset]
            partition.offsets.resolve(offset)
            if partition.tenure.is_ours:
                finished += 1
                if partition.resting:
                    resting.add(partition)
        if self.copies is not None:
            self.copies.written(ended)
        self.committer.note_finished(finished)
        for partition in resting:
            self._intake.rest(partition, self._clock.now())
        self._drain.quiet.set()

    def on_flush(self) -> None:
        """Notice a standstill before steps are handed to the client."""
        self.lanes.check_in()

    def on_stuck(self, stuck: bool) -> None:
        """Start nothing while steps can't be written."""
        if self.fence.bar(Bar.UNJOURNALED, stands=stuck):
            self._on_fence()

    # --- inside --------------------------------------------------------------------------------

    def _end(
        self, pending: PendingRecord, ending: Ended, trial: Trial | None, now: float, sure: bool = False
    ) -> None:
        """Have an ending journaled, unless another worker told it; if that is not `sure`, find out first."""
        if pending.partition.unsure and not sure and self.copies is not None:
            pending.partition.unjournaled[pending.record.offset] = pending.record
            self.late_endings.hold(pending, ending, trial, now)
        elif self.copies is not None and self.copies.ended(pending, ending, now):
            self._ended_elsewhere(pending)
        elif self.journaling is None:
            self._finish(pending)
        else:
            pending.partition.unjournaled[pending.record.offset] = pending.record
            self.journaling.note(pending, ending, trial, now)

    _tell = partialmethod(_end, sure=True)

    def _ended_elsewhere(self, pending: PendingRecord) -> None:
        """Finish a record whose ending another worker has told."""
        if self.copies is not None:
            self.copies.given_back(pending)
        pending.partition.unjournaled.pop(pending.record.offset, None)
        self._finish(pending)
        self._drain.quiet.set()

    def _finish(self, pending: PendingRecord) -> None:
        partition = pending.partition
        partition.offsets.resolve(pending.record.offset)  # even if it is gone, because it may come back
        if partition.tenure.is_ours:
            self.committer.note_finished()
            if partition.resting:
                self._intake.rest(partition, self._clock.now())

    def _put_back(self, pending: PendingRecord) -> None:
        if pending.partition.tenure.takes and not self.on_held_again(pending):
            self._schedule.give_back(pending, self._clock.now())

    def _let_go(self, pending: PendingRecord) -> None:
        """Note that a record is no longer under way, without an ending."""
        self._release(pending)
        if self.copies is not None:
            self.copies.given_back(pending)

    def _release(self, pending: PendingRecord) -> None:
        partition: AssignedPartition = pending.partition
        del partition.busy[pending.record.offset]
        self._schedule.released(partition)
        if not partition.busy:
            self._drain.quiet.set()
