"""Carries events from the poll thread to the listener on the event loop.

The rule: events reach the listener in order. No call waits for the loop except `drained`, which waits within
bounds. What a listener raises comes back to it as `on_failed`, like the end of the source.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar, TypeVarTuple

from worker.core.place import Place
from worker.core.record import Partition, Record
from worker.core.start_offset import Start
from worker.core.unreadable import StoppedPartition
from worker.ports import CommitFailed, PartitionAssignment, Positions, SourceListener

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")


class Epoch(NamedTuple):
    """One assignment of one partition: orders for an earlier one do not count for it."""

    at: Partition
    number: int


class LoopGone(Exception):
    """The event loop is closed: nobody listens any more."""


class LoopBridge:
    """Tells a listener; the poll thread calls everything but `epochs`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, listener: SourceListener, drain_limit: float) -> None:
        self._loop = loop
        self._listener = listener
        self._drain_limit = drain_limit
        self.epochs: dict[Partition, Epoch] = {}
        """The assignments that the listener knows of; for the loop alone."""
        self.draining = 0
        """How many revocations the listener is draining; for the loop alone."""
        self.joined = False
        """Whether we are a member that has an assignment, even an empty one; for the loop alone."""
        self.came = 0
        """How many records the listener has had; for the loop alone."""

    def assigned(self, assigned: Sequence[PartitionAssignment], epochs: Sequence[Epoch]) -> None:
        """Tell of partitions that are ours from now on."""
        self.post(self._on_assigned, assigned, epochs)

    def made_anew(self, assigned: Sequence[PartitionAssignment], epochs: Sequence[Epoch]) -> None:
        """Tell of partitions that belong to another log from now on."""
        self.post(self._on_made_anew, assigned, epochs)

    def expired(self, at: Partition, start: Start) -> None:
        """Tell of a partition whose next records were removed before they were read."""
        self.post(self._listener.on_expired, at, start)

    def drained(self, partitions: Sequence[Partition]) -> Positions:
        """Have partitions drained, and return what to commit last; nothing if it takes too long."""
        if self._loop.is_closed():
            raise LoopGone
        draining = asyncio.run_coroutine_threadsafe(self._on_revoked(partitions), self._loop)
        try:
            return draining.result(self._drain_limit)
        except TimeoutError:
            if draining.done():
                raise
            draining.cancel()
            self.trouble(f"{names(partitions)}: not drained in {self._drain_limit:g} s; given up uncommitted")
            return {}

    def idle(self) -> None:
        """Tell that we are a member that has nothing, if the listener has not heard of it."""
        self.post(self._on_idle)

    def left(self) -> None:
        """Tell that we are no member of the group any more, or not yet."""
        self.post(self._on_left)

    def lost(self, partitions: Sequence[Partition]) -> None:
        """Tell of partitions that were lost."""
        self.post(self._on_lost, partitions)

    def records(self, records: Sequence[Record]) -> None:
        """Hand over records, if there are any."""
        if records:
            self.post(self._on_records, records)

    def passed(self, counts: Mapping[str, int]) -> None:
        """Tell how many records of each topic were for another destination."""
        self.post(self._listener.on_passed, counts)

    def gap(self, partition: Partition, behind: int, offset: int) -> None:
        """Tell that there is no record from `behind` up to `offset`."""
        self.post(self._listener.on_gap, partition, behind, offset)

    def cut(self, partition: Partition, offset: int) -> None:
        """Tell that from an offset on other records replaced some that may be finished."""
        self.post(self._listener.on_cut, partition, offset)

    def stopped(self, stopped: StoppedPartition) -> None:
        """Tell of a partition stopped at an unreadable record."""
        self.post(self._listener.on_stopped, stopped)

    def passed_over(self, place: Place, beyond: int) -> None:
        """Tell of offsets that were skipped, from a place up to `beyond`."""
        self.post(self._listener.on_passed_over, place, beyond)

    def rewound(self, partition: Partition) -> None:
        """Tell that what follows was read again."""
        self.post(self._listener.on_rewound, partition)

    def trouble(self, message: str) -> None:
        """Tell of something that may pass."""
        self.post(self._listener.on_trouble, message)

    def committed_last(self, committed: Positions) -> None:
        """Tell what was committed after the last drain."""
        self.post(self._listener.on_committed_last, committed)

    def answered(self, commit: asyncio.Future[Positions], outcome: Positions | CommitFailed) -> None:
        """Answer a commit."""
        self.post(settle, commit, outcome)

    def post(self, call: Callable[[*_Arguments], object], *arguments: *_Arguments) -> None:
        """Have the loop make a call; raise LoopGone if it is closed. What the call raises is a failure."""
        try:
            self._loop.call_soon_threadsafe(self._call, call, *arguments)
        except RuntimeError as error:
            raise LoopGone from error

    def _call(self, call: Callable[[*_Arguments], object], *arguments: *_Arguments) -> None:
        """Make a call; the loop itself would only log an exception, and the listener would miss an event."""
        try:
            call(*arguments)
        except Exception as error:
            self._listener.on_failed(error)

    def _on_assigned(self, assigned: Sequence[PartitionAssignment], epochs: Sequence[Epoch]) -> None:
        self.joined = True
        self.epochs.update((epoch.at, epoch) for epoch in epochs)
        self._listener.on_assigned(assigned)

    def _on_idle(self) -> None:
        if not self.joined:
            self._on_assigned((), ())

    def _on_left(self) -> None:
        self.joined = False

    def _on_made_anew(self, assigned: Sequence[PartitionAssignment], epochs: Sequence[Epoch]) -> None:
        self.epochs.update((epoch.at, epoch) for epoch in epochs)
        self._listener.on_made_anew(assigned)

    def _on_records(self, records: Sequence[Record]) -> None:
        self.came += len(records)
        self._listener.on_records(records)

    async def _on_revoked(self, partitions: Sequence[Partition]) -> Positions:
        self.draining += 1
        try:
            return await self._listener.on_revoked(partitions)
        finally:
            self.draining -= 1
            self._forget(partitions)

    def _on_lost(self, partitions: Sequence[Partition]) -> None:
        self._forget(partitions)
        self._listener.on_lost(partitions)

    def _forget(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            self.epochs.pop(partition, None)


def settle(future: asyncio.Future[_Result], outcome: _Result | Exception) -> None:
    """Resolve a future, unless it was cancelled meanwhile."""
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def names(partitions: Sequence[Partition]) -> str:
    """Partitions in one line."""
    return ", ".join(str(partition) for partition in partitions)
