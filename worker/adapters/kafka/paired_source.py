"""Members of two groups as one source: one reads the source topic, the other the delay tiers.

The rule: each kind of topic has a group of its own. Members of one group disturb each other: each that joins
has all of them share out anew, with commits parked meanwhile. And assignors that keep what members have
(`cooperative-sticky`, the broker's own) balance the number of partitions over all topics that a group reads,
so a worker that joined another could get tiers alone, and the other all that is fresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from worker.core.assigned_partition import Position
from worker.core.record import Partition, Record
from worker.core.start_offset import Start
from worker.core.unreadable import Place, Stopped
from worker.ports import Assigned, CommitFailed, Positions, Source, SourceEnded, SourceListener, Watermarks


class PairedSource:
    """A Source of two: what `is_first` says of a topic decides whose it is.

    What is asked for may come from either, so each may hand over as many records as were asked for.
    """

    def __init__(self, first: Source, second: Source, is_first: Callable[[str], bool]) -> None:
        self._sides = (_Side(first, self._took), _Side(second, self._took))
        self._is_first = is_first
        self._open = 0  # asked for, and handed over by neither

    async def start(self, listener: SourceListener) -> None:
        """Join both groups; raise SourceFailed where the settings are no good."""
        for side in self._sides:
            await side.start(listener)

    def ask(self, count: int) -> None:
        """Have both owe all that is open, and `count` more."""
        self._open += count
        for side in self._sides:
            side.owe(self._open)

    def allow(self, partition: Partition, count: int) -> None:
        """Give a partition room for `count` more."""
        self._of(partition).source.allow(partition, count)

    def pause(self, partition: Partition) -> None:
        """Hold a partition."""
        self._of(partition).source.pause(partition)

    def resume(self, partition: Partition) -> None:
        """Let it flow again."""
        self._of(partition).source.resume(partition)

    def rewind(self, partition: Partition, offset: int) -> None:
        """Have a partition read again from an offset on."""
        self._of(partition).source.rewind(partition, offset)

    async def commit(self, positions: Positions) -> Positions:
        """Commit with both at once; raise CommitFailed where either could not."""
        shares: dict[_Side, dict[Partition, Position]] = {}
        for at, position in positions.items():
            shares.setdefault(self._of(at), {})[at] = position
        commits = (side.source.commit(share) for side, share in shares.items())
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

    def stops(self) -> Sequence[Stopped]:
        """Where partitions of either stand."""
        return [stopped for side in self._sides for stopped in side.source.stops()]

    def watermarks(self) -> Mapping[Partition, Watermarks]:
        """The watermarks of what is assigned to either."""
        first, second = (side.source.watermarks() for side in self._sides)
        return {**first, **second}

    def not_joined(self) -> Sequence[str]:
        """The groups that have given nothing yet."""
        return [group for side in self._sides for group in side.source.not_joined()]

    def last_poll(self) -> float:
        """When the one that polled less lately did."""
        return min(side.source.last_poll() for side in self._sides)

    async def stop(self) -> None:
        """Leave both groups at once, and end; idempotent."""
        await asyncio.gather(*(side.source.stop() for side in self._sides))

    def _took(self, count: int) -> None:
        self._open = max(0, self._open - count)

    def _of(self, partition: Partition) -> _Side:
        return self._sides[0 if self._is_first(partition.topic) else 1]


class _Side:
    """One of the two; listens for the listener, and counts what is still owed."""

    def __init__(self, source: Source, took: Callable[[int], None]) -> None:
        self.source = source
        self._took = took
        self._owed = 0
        self._listener: SourceListener

    async def start(self, listener: SourceListener) -> None:
        self._listener = listener
        await self.source.start(self)

    def owe(self, count: int) -> None:
        """Have it owe at least `count`."""
        more = count - self._owed
        if more > 0:
            self._owed += more
            self.source.ask(more)

    def on_assigned(self, assigned: Sequence[Assigned]) -> None:
        self._listener.on_assigned(assigned)

    def on_made_anew(self, assigned: Sequence[Assigned]) -> None:
        self._listener.on_made_anew(assigned)

    def on_expired(self, at: Partition, start: Start) -> None:
        self._listener.on_expired(at, start)

    async def on_revoked(self, partitions: Sequence[Partition]) -> Positions:
        return await self._listener.on_revoked(partitions)

    def on_committed_last(self, committed: Positions) -> None:
        self._listener.on_committed_last(committed)

    def on_gap(self, partition: Partition, behind: int, offset: int) -> None:
        self._listener.on_gap(partition, behind, offset)

    def on_cut(self, partition: Partition, offset: int) -> None:
        self._listener.on_cut(partition, offset)

    def on_stopped(self, stopped: Stopped) -> None:
        self._listener.on_stopped(stopped)

    def on_passed_over(self, place: Place, beyond: int) -> None:
        self._listener.on_passed_over(place, beyond)

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        self._listener.on_lost(partitions)

    def on_rewound(self, partition: Partition) -> None:
        self._listener.on_rewound(partition)

    def on_records(self, records: Sequence[Record]) -> None:
        self._owed -= len(records)
        self._took(len(records))
        self._listener.on_records(records)

    def on_trouble(self, message: str) -> None:
        self._listener.on_trouble(message)

    def on_failed(self, error: BaseException) -> None:
        self._listener.on_failed(error)
