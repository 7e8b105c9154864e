"""Draining: partitions are given up only after their records under way have ended.

The rules, by the phase of the run:

| phase | records are taken | what is revoked |
| --- | --- | --- |
| WORKING | yes | is drained, up to the drain timeout |
| DRAINING | no | is drained, up to the one deadline of the end |
| LEAVING | no | is given up at once: nothing is under way any more |
Records still under way when their partition is given up at the end are counted as unfinished.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from enum import Enum

from worker.core.assigned_partition import AssignedPartition
from worker.core.schedule import Schedule
from worker.ports import Observer


class Phase(Enum):
    """The phase of a run."""

    WORKING = "working"
    DRAINING = "draining"
    LEAVING = "leaving"


class Drain:
    """The phase of a run, and its drains; each may take `seconds`."""

    def __init__(self, schedule: Schedule, observer: Observer, seconds: float) -> None:
        self._schedule = schedule
        self._observer = observer
        self._seconds = seconds
        self._ends_at = float("inf")
        self.quiet = asyncio.Event()
        """Set whenever some partition has nothing under way any more."""
        self.phase = Phase.WORKING
        self.unfinished = 0
        """Records that had not ended when their partitions were given up at the end of the run."""

    def begin(self) -> None:
        """Begin the end of the run, whose deadline bounds every drain from now on."""
        self.phase = Phase.DRAINING
        self._ends_at = asyncio.get_running_loop().time() + self._seconds

    def end(self, partitions: Collection[AssignedPartition]) -> None:
        """Note that drains are over; what has not ended of `partitions` by now is unfinished."""
        self.given_away(partitions)
        self.phase = Phase.LEAVING

    async def wait(self, partitions: Collection[AssignedPartition]) -> None:
        """Take nothing more of these, and wait, up to the deadline, until nothing is under way."""
        for partition in partitions:
            partition.drain()
            self._schedule.drop(partition)
        if self.phase is Phase.LEAVING:
            return
        deadline = min(self._ends_at, asyncio.get_running_loop().time() + self._seconds)
        try:
            async with asyncio.timeout_at(deadline):
                while any(partition.under_way and partition.tenure.ends for partition in partitions):
                    self.quiet.clear()
                    await self.quiet.wait()
        except TimeoutError:
            self._observer.trouble(
                f"not all ended within {self._seconds:g} s; what has not stays uncommitted"
            )

    def given_away(self, partitions: Collection[AssignedPartition]) -> None:
        """Note that these are no longer ours, so that nobody waits for them."""
        if self.phase is Phase.DRAINING:
            self.unfinished += sum(partition.under_way for partition in partitions)
        self.quiet.set()
