"""Commits what is finished, on a short tick, and sooner when much is finished, or after nothing was for long.

The rules: one commit is in flight; positions are read when it is sent, so they never go backwards; only what
the broker acknowledged counts as committed, by partition. The fence hears of commits that count and of late
ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from worker.core.assigned_partition import AssignedPartition, Position
from worker.core.fence import Fence
from worker.core.record import Partition
from worker.ports import CommitFailed, Observer, Positions, Source, SourceEnded

# Seconds between commits: a crash re-sends at most what finished in this time.
TICK_SECONDS = 0.2
# The same while nothing is finished; the first record that is triggers a commit at once.
IDLE_TICK_SECONDS = 1.0
# Seconds without anything to commit after which that is so.
IDLE_AFTER_SECONDS = 2.0
# Finished records that trigger a commit before the tick.
_SOON_RECORDS = 500
# Seconds without a commit that counts after which commits are stuck.
STUCK_AFTER_SECONDS = 2.0
# Seconds for the last commits before leaving the group, which then tries once more. With the classic protocol
# they queue behind our JoinGroup on the same connection while the group waits for a dead member: the default
# session timeout, and the heartbeat by which we hear of the rebalance.
LAST_COMMIT_SECONDS = 18.0


class Committer:
    """Commits dirty partitions as long as it runs; `on_fence` hears that the fence has changed."""

    def __init__(
        self,
        source: Source,
        partitions: Mapping[Partition, AssignedPartition],
        observer: Observer,
        fence: Fence,
        on_fence: Callable[[], None],
    ) -> None:
        self._source = source
        self._partitions = partitions
        self._observer = observer
        self._fence = fence
        self._on_fence = on_fence
        self._finished = 0
        self._soon = _SOON_RECORDS
        self._idle_since: float | None = None
        self._much = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False

    def note_finished(self, count: int = 1) -> None:
        """Note `count` more finished records."""
        self._finished += count
        if self._finished >= self._soon:
            self._much.set()

    def hurry(self) -> None:
        """Commit at once: it is in doubt what is ours, and a commit shows it, or there is a new claim."""
        self._much.set()

    async def run(self) -> None:
        """Commit for ever; a failure is reported, and the next tick tries again."""
        try:
            while True:
                await self._tick()
                await self.commit()
        finally:
            self._cancel_timer()

    async def commit(self) -> None:
        """Commit what is new; or everything, if it is in doubt what is ours."""
        self._finished = 0
        self._much.clear()
        began, all_of_it = self._fence.begins(), self._fence.needs_commit
        dirty = [partition for partition in self._partitions.values() if partition.dirty or all_of_it]
        positions, revisions = read_positions(dirty)
        if not positions:
            self._counted(began)
            self._idle_since = self._idle_since or asyncio.get_running_loop().time()
            return
        self._idle_since = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(STUCK_AFTER_SECONDS, self._late)
        try:
            committed = await self._source.commit(positions)
        except CommitFailed as error:
            self._ended = isinstance(error, SourceEnded)
            self._observer.committed(str(error))
            _note(dirty, revisions, error.committed)
            return
        _note(dirty, revisions, committed)
        if committed:  # otherwise all of it was another's by then, which shows nothing about what is ours
            self._observer.committed(None)
            self._counted(began)

    async def finish(self) -> None:
        """Commit until nothing is new or no commit can count any more, for at most LAST_COMMIT_SECONDS.

        Call it while we are still members: once one of our members leaves, the group may refuse commits.
        """
        try:
            async with asyncio.timeout(LAST_COMMIT_SECONDS):
                await self._finish()
        except TimeoutError:
            self._observer.trouble(f"the last commit was not taken within {LAST_COMMIT_SECONDS:g} s")
        finally:
            self._cancel_timer()

    async def _finish(self) -> None:
        await self.commit()
        while not self._ended and any(partition.dirty for partition in self._partitions.values()):
            await asyncio.sleep(TICK_SECONDS)
            await self.commit()

    async def _tick(self) -> None:
        """Wait for the next tick, or until many records are finished; if idle, until one is."""
        since, now = self._idle_since, asyncio.get_running_loop().time()
        is_idle = since is not None and now - since >= IDLE_AFTER_SECONDS
        self._soon = 1 if is_idle else _SOON_RECORDS
        try:
            async with asyncio.timeout(IDLE_TICK_SECONDS if is_idle else TICK_SECONDS):
                await self._much.wait()
        except TimeoutError:
            pass

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _counted(self, began: int) -> None:
        """Note that the commit which began with `began` has counted."""
        self._cancel_timer()
        if self._fence.counted(began):
            self._on_fence()

    def _late(self) -> None:
        if self._fence.late():
            self._observer.trouble("commits do not get through: no more is sent until they do")
            self._on_fence()


def _note(partitions: Sequence[AssignedPartition], revisions: Sequence[int], committed: Positions) -> None:
    """Note in the partitions what was committed, with the revisions that were read."""
    for partition, revision in zip(partitions, revisions, strict=True):
        if partition.at in committed:
            partition.revision = revision
            partition.committed = committed[partition.at].offset


def read_positions(partitions: Iterable[AssignedPartition]) -> tuple[dict[Partition, Position], list[int]]:
    """Read what to commit for each partition, and its revision at this moment."""
    positions, revisions = {}, []
    for partition in partitions:
        revisions.append(partition.offsets.revision)
        position = partition.position()
        if position is not None:
            positions[partition.at] = position
    return positions, revisions
