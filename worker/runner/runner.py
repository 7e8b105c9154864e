"""The life of a destination's run: join, work, drain, leave.

The rules: a task or thread that dies ends the run with a failure, after a best-effort drain; everything is
ended in order, and nothing waits without a deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from enum import Enum

from worker.core.assigned_partition import AssignedPartition
from worker.core.held_bytes import NO_BOUND, HeldBytes
from worker.core.schedule import Schedule
from worker.pipeline import CompiledSettings
from worker.ports import Sender, Snapshot
from worker.runner.abandoned_reports import AbandonedReports
from worker.runner.claim_checks import ClaimChecks
from worker.runner.delivery import Delivery
from worker.runner.drain import Drain, Phase
from worker.runner.former_senders import FormerSenders
from worker.runner.intake import Intake
from worker.runner.intake_rules import rules_of
from worker.runner.parts import Clients, DestinationParts, Surroundings
from worker.runner.rebalances import Keepers, Rebalances
from worker.runner.remembered_offsets import GroupMemory
from worker.runner.report import RunReport, Watches
from worker.runner.scaling import Scaling
from worker.runner.self_report import Readiness, SelfReport
from worker.runner.silence import SilenceWatch
from worker.runner.standing_orders import StandingOrders

RENEWED = ("postback", "rules", "currencies", "secrets")
"""The parts of the compiled settings that may change during a run."""


class Outcome(Enum):
    """How a run ended."""

    DRAINED = "drained"
    CUT = "cut"
    """Something had not ended at the drain's deadline; it stays uncommitted."""


class Runner:
    """One destination at work: a member of its group, its lanes, its commits."""

    def __init__(self, destination: DestinationParts, clients: Clients, around: Surroundings) -> None:
        observer, clock, _ = around
        source, self._publisher, self._sender, control, *_ = clients
        self._compiled = destination.compiled
        self._former_senders = FormerSenders(self.fail)
        self._source, self._clock = source, clock
        group, limits = destination.group, destination.limits
        schedule = Schedule()
        held_bytes = limits.held_bytes or HeldBytes(NO_BOUND)
        self._intake = Intake(source, schedule, around, rules_of(destination, around), held_bytes)
        self._drain = Drain(schedule, observer, limits.drain)
        self._delivery = Delivery(destination, clients, around, self._intake, self._drain, self.fail)
        stranger, commit_now = group.stranger, self._delivery.committer.hurry
        self._claims = (
            ClaimChecks(stranger, observer, self._on_sure, commit_now, self.fail) if stranger else None
        )
        partitions = self._intake.partitions
        self._memory = GroupMemory(group.control_topic, self._publisher, partitions, observer, clock)
        self._abandoned = AbandonedReports(group.control_topic, self._publisher, clock)
        self._orders = StandingOrders(
            control, destination, self._intake, self._delivery, around, self._abandoned.hear
        )
        copies, settle = self._delivery.copies, self._delivery.late_endings.settle
        keepers = Keepers(self._claims, self._memory, self._orders, copies, settle)
        self._rebalances = Rebalances(self._intake, self._drain, keepers, self._delivery.lanes, observer)
        self._silence = SilenceWatch(source, partitions, self._intake.demand.asked_lately, observer, clock)
        self._scaling = Scaling(source, self._intake, self._delivery, clock)
        watches = Watches(self._silence, self._scaling, self._orders)
        self._report = RunReport(source, self._intake, self._delivery, self._drain, watches, clock)
        report = self._report
        readiness = Readiness(report.reasons_not_ready, report.reasons_of_a_start, report.silent_partitions)
        self._self_report = SelfReport(
            group.control_topic, group.members, self._publisher, self._delivery, readiness, clock
        )
        self._failed = asyncio.Event()
        self._failure: BaseException | None = None

    @property
    def phase(self) -> Phase:
        """The run's phase."""
        return self._drain.phase

    @property
    def unfinished(self) -> int:
        """Records that had not ended when their partitions were given up at the end of the run."""
        return self._drain.unfinished

    def snapshot(self) -> Snapshot:
        """Describe the run at this moment."""
        return self._report.snapshot()

    def reasons_not_ready(self) -> Iterable[str]:
        """Why this worker is not ready, one line each; empty if it is."""
        return self._report.reasons_not_ready()

    def renew(self, compiled: CompiledSettings, renew_sender: Callable[[Sender], Sender]) -> None:
        """Send by these settings from the next request on, through the sender that `renew_sender` returns.

        Topics and retries stay, because a run is built around them. Requests in flight stay on their sender.
        A run that is ending changes nothing any more.
        """
        if self.phase is not Phase.WORKING:
            return
        before = self._compiled
        self._compiled = before._replace(**{name: getattr(compiled, name) for name in RENEWED})
        former, self._sender = self._sender, renew_sender(self._sender)
        lanes = self._delivery.renew(before, self._compiled, self._sender)
        if former is not self._sender:
            self._former_senders.end(former, lanes)

    async def run(self, stop: asyncio.Event) -> Outcome:
        """Work until `stop` is set, then drain; raise what broke the run, after a best-effort drain."""
        tasks = self._start()
        try:
            self._orders.follow()
            await self._source.start(self._rebalances)
            self._intake.refill()
            await self._until(stop)
        finally:
            outcome = await self._end(tasks)
        if self._failure is not None:
            raise self._failure
        return outcome

    def fail(self, error: BaseException) -> None:
        """End the run with a failure, even before it begins; the first failure counts."""
        self._failure = self._failure or error
        self._failed.set()

    def _start(self) -> list[asyncio.Task[None]]:
        self._delivery.lanes.start()
        if self._delivery.copies is not None:
            self._delivery.copies.start()
        tasks = [
            asyncio.create_task(self._delivery.committer.run(), name="commits"),
            asyncio.create_task(self._memory.run(), name="memory"),
            asyncio.create_task(self._silence.run(), name="silence"),
            asyncio.create_task(self._scaling.run(), name="scaling"),
            asyncio.create_task(self._orders.run(), name="orders"),
            asyncio.create_task(self._self_report.run(), name="report"),
            asyncio.create_task(self._abandoned.run(), name="abandoned reports"),
        ]
        if self._delivery.cache is not None:
            tasks.append(asyncio.create_task(self._delivery.cache.run(), name="cache"))
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
        await self._delivery.hand_over.close()
        if self._claims is not None:
            await self._claims.close()
        for task in tasks:
            task.cancel()
        await self._delivery.lanes.stop()
        if self._delivery.journaling is not None:
            await self._delivery.journaling.close()
        self._drain.end(self._intake.under_way())
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._delivery.committer.finish()
        await self._memory.finish()
        await self._self_report.finish()
        await self._leave()
        await self._former_senders.close()
        await self._sender.close()
        return Outcome.CUT if self.unfinished else Outcome.DRAINED

    async def _leave(self) -> None:
        """Leave the group; the journal is followed until the cache is written."""
        copies, cache = self._delivery.copies, self._delivery.cache
        if copies is not None and cache is not None:
            copies.end()
        await self._source.stop()
        if cache is not None:
            await cache.finish()
        if copies is not None:
            await copies.stop()

    def _on_sure(self, partition: AssignedPartition) -> None:
        """Read a partition that is certainly ours; from now on others with an offset are, too."""
        self._intake.is_sure = True
        self._intake.rest(partition, self._clock.now())
