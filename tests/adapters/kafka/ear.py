"""A listener that remembers, and waiting for what it hears."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

from worker.core.assigned_partition import Position
from worker.core.place import Place
from worker.core.record import Partition, Record
from worker.core.start_offset import Start
from worker.core.unreadable import StoppedPartition
from worker.ports import PartitionAssignment, Positions, Source

WITHIN = 30.0


async def until(what: str, true: Callable[[], bool], within: float = WITHIN) -> None:
    """Return when `true()` is; raise AssertionError naming `what` after `within` seconds."""
    try:
        async with asyncio.timeout(within):
            while not true():  # noqa: ASYNC110 # the threads of a foreign library set no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {within:g} s: {what}") from None


class Ear:
    """A listener that remembers what it heard, in order, and answers a revocation with `last`.

    It gives each partition that is assigned room for `room` records.
    """

    def __init__(self) -> None:
        self.source: Source | None = None
        self.room = 1_000_000
        self.ours: dict[Partition, PartitionAssignment] = {}
        self.last: dict[Partition, Position] = {}
        self.events: list[str] = []
        self.starts: list[Start | None] = []
        self.revoked: list[Partition] = []
        self.expired: dict[Partition, Start] = {}
        self.passed: Counter[str] = Counter()
        self.gaps: list[tuple[Partition, int, int]] = []
        self.cuts: list[tuple[Partition, int]] = []
        self.committed_last: list[Positions] = []
        self.lost: list[Partition] = []
        self.records: list[Record] = []
        self.batches: list[int] = []
        self.rewound: list[Partition] = []
        self.troubles: list[str] = []
        self.stopped: list[StoppedPartition] = []
        self.passed_over: list[tuple[Place, int]] = []
        self.failures: list[BaseException] = []
        self.draining: Callable[[], Awaitable[object]] | None = None

    def on_assigned(self, assigned: Sequence[PartitionAssignment]) -> None:
        self.events.append("assigned")
        self.starts.extend(of.start for of in assigned)
        self._take_up(assigned)

    def on_made_anew(self, assigned: Sequence[PartitionAssignment]) -> None:
        self.events.append("made anew")
        self._take_up(assigned)

    async def on_revoked(self, partitions: Sequence[Partition]) -> Positions:
        self.events.append("revoked")
        if self.draining is not None:
            await self.draining()
        self.revoked.extend(partitions)
        for at in partitions:
            del self.ours[at]
        return {at: self.last[at] for at in partitions if at in self.last}

    def on_expired(self, at: Partition, start: Start) -> None:
        self.events.append("expired")
        self.expired[at] = start

    def on_passed(self, counts: Mapping[str, int]) -> None:
        self.passed.update(counts)

    def on_gap(self, partition: Partition, behind: int, offset: int) -> None:
        self.gaps.append((partition, behind, offset))

    def on_cut(self, partition: Partition, offset: int) -> None:
        self.cuts.append((partition, offset))

    def on_committed_last(self, committed: Positions) -> None:
        self.committed_last.append(committed)

    def on_stopped(self, stopped: StoppedPartition) -> None:
        self.stopped.append(stopped)

    def on_passed_over(self, place: Place, beyond: int) -> None:
        self.passed_over.append((place, beyond))

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        self.events.append("lost")
        self.lost.extend(partitions)
        for at in partitions:
            self.ours.pop(at, None)

    def on_records(self, records: Sequence[Record]) -> None:
        self.batches.append(len(records))
        self.records.extend(records)

    def on_rewound(self, partition: Partition) -> None:
        self.events.append("rewound")
        self.rewound.append(partition)

    def on_trouble(self, message: str) -> None:
        self.troubles.append(message)

    def on_failed(self, error: BaseException) -> None:
        self.failures.append(error)

    def _take_up(self, assigned: Sequence[PartitionAssignment]) -> None:
        self.ours.update((of.at, of) for of in assigned)
        for of in assigned:
            if self.source is not None:
                self.source.allow(of.at, self.room)

    async def has(self, count: int) -> None:
        """Return when so many records have come."""
        await until(f"{count} records", lambda: len(self.records) >= count or bool(self.failures))
        assert not self.failures

    def offsets(self, at: Partition) -> list[int]:
        """The offsets that came of a partition, in the order in which they came."""
        return [record.offset for record in self.records if record.at == at]
