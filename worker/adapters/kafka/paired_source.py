"""Two group members as one source: one reads the source topic, the other the delay tiers.

The rule: each kind of topic has a group of its own. Members of one group disturb each other: whenever one
joins, the group rebalances, with commits parked meanwhile. Besides, sticky assignors (`cooperative-sticky`,
the broker's own) balance the number of partitions over all topics of a group, so a new worker could get only
tiers, and the old one keep all fresh records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from worker.core.assigned_partition import Position
from worker.core.record import Partition
from worker.core.unreadable import StoppedPartition
from worker.ports import CommitFailed, Positions, Source, SourceEnded, SourceListener, Watermarks


class PairedSource:
    """A Source made of two; `is_first` decides which of them reads a topic.

    Records that are asked for may come from either, so each may hand over the full number. Both have the
    same listener.
    """

    def __init__(self, first: Source, second: Source, is_first: Callable[[str], bool]) -> None:
        self._sides = (first, second)
        self._is_first = is_first

    async def start(self, listener: SourceListener) -> None:
        """Join both groups; raise SourceFailed for bad settings."""
        for side in self._sides:
            await side.start(listener)

    def ask(self, count: int) -> None:
        """Ask both for `count` records."""
        for side in self._sides:
            side.ask(count)

    def allow(self, partition: Partition, count: int) -> None:
        """Give a partition room for `count` more."""
        self._of(partition).allow(partition, count)

    def pause(self, partition: Partition) -> None:
        """Pause a partition."""
        self._of(partition).pause(partition)

    def resume(self, partition: Partition) -> None:
        """Resume a partition."""
        self._of(partition).resume(partition)

    def rewind(self, partition: Partition, offset: int) -> None:
        """Read a partition again from an offset on."""
        self._of(partition).rewind(partition, offset)

    async def commit(self, positions: Positions) -> Positions:
        """Commit with both at once; raise CommitFailed if either fails."""
        shares: dict[Source, dict[Partition, Position]] = {}
        for at, position in positions.items():
            shares.setdefault(self._of(at), {})[at] = position
        commits = (side.commit(share) for side, share in shares.items())
        committed: dict[Partition, Position] = {}
        failures: list[CommitFailed] = []
        for outcome in await asyncio.gather(*commits, return_exceptions=True):
            if isinstance(outcome, CommitFailed):
                failures.append(outcome)
                committed.update(outcome.committed)
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                committed.update(outcome)
        if failures:
            ended = all(isinstance(failure, SourceEnded) for failure in failures)
            kind = SourceEnded if ended else CommitFailed
            raise kind("; ".join(map(str, failures)), committed)
        return committed

    def stops(self) -> Sequence[StoppedPartition]:
        """The stopped partitions of both."""
        return [stopped for side in self._sides for stopped in side.stops()]

    def watermarks(self) -> Mapping[Partition, Watermarks]:
        """The watermarks of what is assigned to both."""
        first, second = (side.watermarks() for side in self._sides)
        return {**first, **second}

    def not_joined(self) -> Sequence[str]:
        """The groups that have assigned nothing yet."""
        return [group for side in self._sides for group in side.not_joined()]

    def not_begun(self) -> Mapping[Partition, str]:
        """Why some partitions of both are not read yet."""
        first, second = (side.not_begun() for side in self._sides)
        return {**first, **second}

    def last_poll(self) -> float:
        """The earlier of both last polls."""
        return min(side.last_poll() for side in self._sides)

    async def stop(self) -> None:
        """Leave both groups and end; idempotent."""
        await asyncio.gather(*(side.stop() for side in self._sides))

    def _of(self, partition: Partition) -> Source:
        return self._sides[0 if self._is_first(partition.topic) else 1]
