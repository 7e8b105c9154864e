"""Writing down how far the group is, for the day when the broker has forgotten its offsets.

The rule: what is committed is remembered now and then and at the end of the run; of what is given away, what
is about to be committed, before the next one can write of it: it may be that nobody takes it up. That it
can't be written stops nothing; it is said once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from worker.core.assigned_partition import AssignedPartition
from worker.core.record import Partition
from worker.core.remembered_offsets import remember
from worker.ports import Clock, Observer, Publisher, PublishRefused

# Seconds between two times: what was finished since the last is sent again, should the offsets be gone. Not
# at once after a start, so that members that begin together all find the same.
WRITE_EVERY_SECONDS = 30.0
# Seconds for the last time.
LAST_WRITE_SECONDS = 5.0
# Seconds for what is given away, which the group waits for.
LEAVE_SECONDS = 1.0


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
        await self._within(LAST_WRITE_SECONDS, {at: one.committed for at, one in self._partitions.items()})

    async def leave(self, partitions: Iterable[AssignedPartition]) -> None:
        """Write of partitions that are drained and will be another's, within LEAVE seconds."""
        ours = {one.at: one.offsets.position for one in partitions if one.barred is None}
        await self._within(LEAVE_SECONDS, ours)

    async def write(self) -> None:
        """Write what changed since the last time."""
        await self._write_changed({at: one.committed for at, one in self._partitions.items()})

    async def _within(self, seconds: float, offsets: Mapping[Partition, int | None]) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._write_changed(offsets)
        except TimeoutError:
            self._tell("it was not acknowledged in time")

    async def _write_changed(self, offsets: Mapping[Partition, int | None]) -> None:
        if self._topic is None:
            return
        self._written = {at: offset for at, offset in self._written.items() if at in self._partitions}
        writes = [
            self._write(self._topic, self._partitions[at], offset)
            for at, offset in offsets.items()
            if offset is not None and offset != self._written.get(at)
        ]
        for outcome in await asyncio.gather(*writes):
            if outcome is not None:
                self._tell(outcome)

    async def _write(self, topic: str, partition: AssignedPartition, offset: int) -> str | None:
        """Write of one partition; return why that was refused."""
        log, now = partition.binding.log, self._clock.now()
        try:
            await self._publisher.publish(remember(topic, partition.at, offset, log, now))
        except PublishRefused as error:
            return str(error)
        self._written[partition.at] = offset
        return None

    def _tell(self, why: str) -> None:
        if not self._told:
            self._told = True
            self._observer.trouble(
                f"what the group must not forget can't be written to {self._topic}: {why}; "
                "should the broker lose its offsets, POSTBACK_KAFKA__START decides what is sent again"
            )
