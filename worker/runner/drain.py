"""Draining: what is given away is waited for first, whether a rebalance or the end of the run takes it.

The rules, by the phase of the run:

| phase | records are taken | what is revoked |
| --- | --- | --- |
| WORKING | yes | is drained, for as long as a drain may take |
| DRAINING | no | is drained too, until the deadline of the end, which is one for all |
| LEAVING | no | is handed over as it is: nothing is under way any more |

What is given away at the end with records under way is counted: those are unfinished.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from enum import Enum

from worker.core.assigned_partition import AssignedPartition
from worker.core.schedule import Schedule
from worker.ports import Observer


class Phase(Enum):
    """How far a run is."""

    WORKING = "working"
    DRAINING = "draining"
    LEAVING = "leaving"


class Drain:
    """The phase of a run, and its drains; `seconds` is how long each may take."""

    def __init__(self, schedule: Schedule, observer: Observer, seconds: float) -> None:
        self._schedule = schedule
        self._observer = observer
        self._seconds = seconds
        self._ends_at = float("inf")
        self.quiet = asyncio.Event()
        """Set whenever nothing more is under way of some partition."""
        self.phase = Phase.WORKING
        self.unfinished = 0
        """Records that had not ended when they were given away at the end of the run."""

    def begin(self) -> None:
        """Begin the end of the run: its deadline bounds every drain from now on."""
        self.phase = Phase.DRAINING
        self._ends_at = asyncio.get_running_loop().time() + self._seconds

    def end(self, partitions: Collection[AssignedPartition]) -> None:
        """Nothing is under way any more; what has not ended of `partitions` never will here."""
        self.given_away(partitions)
        self.phase = Phase.LEAVING

    async def wait(self, partitions: Collection[AssignedPartition]) -> None:
        """Take nothing more of these, and wait until what is under way has ended, up to the deadline."""
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
        """Note that these are no longer ours; nobody need wait for them."""
        if self.phase is Phase.DRAINING:
            self.unfinished += sum(partition.under_way for partition in partitions)
        self.quiet.set()
