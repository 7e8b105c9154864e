"""This worker's report on the control topic, for readers of Kafka alone.

The rules: each second it reads what others know, and it writes what has lasted, if that changed, or daily. A
failed write stops nothing; others report it. At the end of the run the report is withdrawn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from worker.core.admission.held import HeldReason
from worker.core.flow_diagnosis import LIMIT, PACE
from worker.core.record import Outgoing
from worker.core.worker_report import OpenCircuit, WorkerReport, ended, write
from worker.ports import Clock, Publisher, PublishRefused
from worker.runner.delivery import Delivery

LOOK_SECONDS = 1.0
"""Seconds between two looks."""

LOOKS_OF_A_REPORT = 5
"""Looks per report: what half of them saw has lasted."""

WRITE_SECONDS = 3.0
"""Seconds that a write may take; the last one has a third of that."""

# Orders and the circuit are told elsewhere in the report or the topic.
_TOLD_ELSEWHERE = frozenset({HeldReason.PAUSE, HeldReason.CIRCUIT, HeldReason.RATE})


class Readiness(NamedTuple):
    """Why a worker is not ready, which of these lines each start has for a while, and what is silent."""

    not_ready: Callable[[], Iterable[str]]
    of_a_start: Callable[[], Iterable[str]]
    silent: Callable[[], Iterable[str]]


class _Look(NamedTuple):
    """What was seen at a time: what bounds the worker, and the lines of its readiness."""

    at: float
    bounds: set[str]
    not_ready: set[str]
    of_a_start: set[str]


class SelfReport:
    """The report of one destination's run; without `members` (client ids) nothing is written."""

    def __init__(
        self,
        topic: str | None,
        members: tuple[str, ...],
        publisher: Publisher,
        delivery: Delivery,
        readiness: Readiness,
        clock: Clock,
    ) -> None:
        self._topic, self._members = topic, members
        self._publisher = publisher
        self._delivery = delivery
        self._readiness = readiness
        self._clock = clock
        self._looks: deque[_Look] = deque(maxlen=LOOKS_OF_A_REPORT)
        self._starts: float | None = None
        self._written: WorkerReport | None = None

    async def run(self) -> None:
        """Look, and write, for ever; at once that it starts, so that whoever sees a new member knows that."""
        self.look()
        await self.write()
        while True:
            for _ in range(LOOKS_OF_A_REPORT):
                await asyncio.sleep(LOOK_SECONDS)
                self.look()
            await self.write()

    def look(self) -> None:
        """Look once."""
        not_ready, of_a_start = set(self._readiness.not_ready()), set(self._readiness.of_a_start())
        self._looks.append(_Look(self._clock.now(), self._bounds(), not_ready, of_a_start))

    async def write(self) -> None:
        """Write what has lasted, unless the last report says the same and is not old."""
        if self._topic is None or not self._members:
            return
        report = self._report(self._members[0])
        if report.is_due(self._written) and await self._publish(write(report, self._topic), WRITE_SECONDS):
            self._written = report

    async def finish(self) -> None:
        """Withdraw the report."""
        if self._topic is not None and self._written is not None:
            await self._publish(ended(self._written.id, self._topic), WRITE_SECONDS / 3)

    def _bounds(self) -> set[str]:
        """What keeps it from sending more now."""
        gate, held = self._delivery.gate, self._delivery.held()
        bounds: set[str] = {*(held - _TOLD_ELSEWHERE)}
        if HeldReason.RATE in held:
            bounds.add(PACE if gate.is_paced(self._clock.monotonic()) else HeldReason.RATE)
        if gate.is_lowered():
            bounds.add(LIMIT)
        return bounds

    def _report(self, report_id: str) -> WorkerReport:
        # Without a partition it can't probe: it says nothing of the partner, who may be back long since.
        outage = self._delivery.lanes.outage if self._delivery.partitions else None
        circuit = None if outage is None else OpenCircuit(outage.since, outage.label, outage.error)
        not_ready = self._lasting(look.not_ready for look in self._looks)
        return WorkerReport(
            report_id,
            self._clock.now(),
            self._members,
            circuit,
            self._lasting(look.bounds for look in self._looks),
            not_ready,
            self._since_its_start(not_ready),
            tuple(self._readiness.silent()),
        )

    def _since_its_start(self, not_ready: tuple[str, ...]) -> float | None:
        """Since when it lacks but what each start takes; None where it lacks something else, or nothing."""
        starting = [look for look in self._looks if look.of_a_start & {*not_ready}]
        if not starting or not set().union(*(look.of_a_start for look in starting)).issuperset(not_ready):
            self._starts = None
        elif self._starts is None:
            self._starts = starting[0].at
        return self._starts

    def _lasting(self, looks: Iterable[Iterable[str]]) -> tuple[str, ...]:
        """What at least half of the looks saw."""
        all_looks = [set(one) for one in looks]
        words = sorted(set().union(*all_looks))
        return tuple(word for word in words if sum(word in look for look in all_looks) * 2 >= len(all_looks))

    async def _publish(self, message: Outgoing, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                await self._publisher.publish(message)
        except (PublishRefused, TimeoutError):
            return False
        return True
