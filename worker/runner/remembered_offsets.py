"""Writes down how far the group is, in case the broker forgets its offsets.

The rule: committed offsets are written now and then and at the end of the run. For a partition that is given
up, its last offset is written before another worker can write about it, because maybe nobody takes it up. A
failure stops nothing and is reported once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from worker.core.assigned_partition import AssignedPartition
from worker.core.record import Partition
from worker.core.remembered_offsets import remember
from worker.ports import Clock, Observer, Publisher, PublishRefused

# Seconds between two writes: if the offsets are lost, what was finished since is sent again. The first is not
# at once after a start, so that members that begin together all find the same.
WRITE_EVERY_SECONDS = 30.0
# Seconds for the last write.
LAST_WRITE_SECONDS = 5.0
# Seconds for a partition that is given up, because the group waits for it.
LEAVE_SECONDS = 1.0


class GroupMemory:
    """Writes to the group's control topic, if it has one."""

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
        """Write a last time, within LAST_WRITE_SECONDS."""
        await self._within(LAST_WRITE_SECONDS, {at: one.committed for at, one in self._partitions.items()})

    async def leave(self, partitions: Iterable[AssignedPartition]) -> None:
        """Write about drained partitions that will be another's, within LEAVE_SECONDS."""
        ours = {one.at: one.offsets.position for one in partitions if one.barred is None}
        await self._within(LEAVE_SECONDS, ours)

    async def write(self) -> None:
        """Write what has changed since the last write."""
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
        """Write about one partition; return why that was refused, or None."""
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
