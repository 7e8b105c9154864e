"""Looks at how busy the worker is, for the number of workers wanted.

The rule: every few seconds it reads what others know; nothing is counted for it on the hot path.
"""

from __future__ import annotations

import asyncio

from worker.core.admission.held import HeldReason
from worker.core.lane_shares import usable_lanes
from worker.core.record import Partition
from worker.core.workers_wanted import Load, Work, WorkersWanted, work_of
from worker.ports import Clock, Source
from worker.runner.delivery import Delivery
from worker.runner.intake import Intake

# With a rate or pace the throughput is known, so these do not hold scaling back entirely.
_BOUNDED = frozenset({HeldReason.RATE})
LOOK_EVERY_SECONDS = 2.0
"""Seconds between two looks."""


class Scaling:
    """The scaling of one destination; `wanted` holds the result."""

    def __init__(
        self,
        source: Source,
        intake: Intake,
        delivery: Delivery,
        clock: Clock,
    ) -> None:
        self.wanted = WorkersWanted()
        self._source = source
        self._intake = intake
        self._delivery, self._gate = delivery, delivery.gate
        self._clock = clock
        self._looked_at = clock.monotonic()
        self._used = clock.processor()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            self.look()

    def look(self) -> None:
        """Look once."""
        now = self._clock.monotonic()
        self.wanted.look(self._load(now), now)

    def _load(self, now: float) -> Load:
        return Load(
            sources=sum(partition.tier is None for partition in self._intake.partitions.values()),
            work=self._work(),
            passed=self._intake.passed,
            busy=max(self._lanes_in_use(), self._processor(now)),
            most_per_second=self._gate.most_per_second,
            held=self._gate.is_lowered() or bool(self._delivery.held() - _BOUNDED),
        )

    def _work(self) -> dict[Partition, Work]:
        marks, now = self._source.watermarks(), self._clock.now()
        standing = {stopped.place.at for stopped in self._source.stops()}
        works = {
            at: work_of(partition, marks[at].high if at in marks else None, now)
            for at, partition in self._intake.partitions.items()
            if at not in standing
        }
        return {at: work for at, work in works.items() if work is not None}

    def _lanes_in_use(self) -> float:
        """The share of the lanes in use; quick partitions may use more than the others."""
        return min(1.0, self._gate.occupied / usable_lanes(self._gate.limit.most)[0])

    def _processor(self, now: float) -> float:
        """The share of a CPU that the loop's thread has used since the last look."""
        used, before = self._clock.processor(), self._used
        elapsed, self._used, self._looked_at = now - self._looked_at, used, now
        return min(1.0, (used - before) / elapsed) if elapsed > 0 else 0.0
