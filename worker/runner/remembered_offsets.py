"""Writing down how far the group is, for the day when the broker has forgotten its offsets.

The rule: only what is committed is remembered, now and then and at the end of a drain. That it can't be
written stops nothing; it is said once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from worker.core.assigned_partition import AssignedPartition
from worker.core.record import Partition
from worker.core.remembered_offsets import remember
from worker.ports import Clock, Observer, Publisher, PublishRefused

# Seconds between two times: what was finished since the last is sent again, should the offsets be gone. Not
# at once after a start, so that members that begin together all find the same.
WRITE_EVERY_SECONDS = 30.0
# Seconds for the last time.
LAST_WRITE_SECONDS = 5.0


class GroupMemory:
    """Writes to the group's control topic; without one there is nothing to do."""

    def __init__(
        self,
        topic: str | None,
        publisher: Publisher,
        partitions: Mapping[Partition, AssignedPartition],
        observer: Observer,
        clock: Clock,
    ) -> None:
        self._topic = topic
        self._publisher = publisher
        self._partitions = partitions
        self._observer = observer
        self._clock = clock
        self._written: dict[Partition, int] = {}
        self._told = False

    async def run(self) -> None:
        """Write for ever."""
        while True:
            await asyncio.sleep(WRITE_EVERY_SECONDS)
            await self.write()

    async def finish(self) -> None:
        """Write a last time, within LAST seconds."""
        try:
            async with asyncio.timeout(LAST_WRITE_SECONDS):
                await self.write()
        except TimeoutError:
            self._tell("it was not acknowledged in time")

    async def write(self) -> None:
        """Write what changed since the last time."""
        if self._topic is None:
            return
        self._written = {at: offset for at, offset in self._written.items() if at in self._partitions}
        changed = [one for at, one in self._partitions.items() if self._written.get(at) != one.committed]
        for outcome in await asyncio.gather(*(self._write(self._topic, one) for one in changed)):
            if outcome is not None:
                self._tell(outcome)

    async def _write(self, topic: str, partition: AssignedPartition) -> str | None:
        """Write of one partition; return why that was refused."""
        at, offset = partition.at, partition.committed
        if offset is None:
            return None
        try:
            await self._publisher.publish(
                remember(topic, at, offset, partition.binding.log, self._clock.now())
            )
        except PublishRefused as error:
            return str(error)
        self._written[at] = offset
        return None

    def _tell(self, why: str) -> None:
        if not self._told:
            self._told = True
            self._observer.trouble(
                f"what the group must not forget can't be written to {self._topic}: {why}; "
                "should the broker lose its offsets, POSTBACK_KAFKA__START decides what is sent again"
            )
