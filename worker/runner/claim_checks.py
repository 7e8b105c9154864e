"""Partitions that another deployment may claim too are read only once it is certain that nobody else does.

Until a first look has shown nobody else, that is all partitions; later, those without a committed offset.
The rule: of two deployments that start with one group at the same time, at least one sees the other's claims,
because each looks after its own have been committed. That one sends nothing until a look shows nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from worker.core.assigned_partition import AssignedPartition
from worker.core.group_ownership import WAYS_OUT
from worker.ports import Observer
from worker.runner.state import barred_lines

UNSURE = "it is not known yet whether another deployment claims the group too"

Stranger = Callable[[], Awaitable[str | None]]
"""Names another deployment that has committed in our groups, or None; waits until that is known."""

# Seconds between two checks of our own claim, and between two looks for others'.
TICK_SECONDS, AGAIN_SECONDS = 0.05, 5.0


class ClaimChecks:
    """The claims that are not certain yet, with a task for each assignment; `on_sure` hears when one is.

    `commit_now` has what is claimed committed.
    """

    def __init__(
        self,
        stranger: Stranger,
        observer: Observer,
        on_sure: Callable[[AssignedPartition], None],
        commit_now: Callable[[], None],
        on_failed: Callable[[BaseException], None],
    ) -> None:
        self._stranger = stranger
        self._observer = observer
        self._on_sure = on_sure
        self._commit_now = commit_now
        self._on_failed = on_failed
        self._tasks: set[asyncio.Task[None]] = set()

    def make_sure(self, partitions: Sequence[AssignedPartition]) -> None:
        """Watch those that are barred as UNSURE until they are certainly ours, or no longer ours."""
        claimed = [partition for partition in partitions if partition.barred == UNSURE]
        if claimed:
            self._commit_now()
            task = asyncio.create_task(self._make_sure(claimed), name="claims")
            self._tasks.add(task)
            task.add_done_callback(self._done)

    async def close(self) -> None:
        """Look no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _make_sure(self, claimed: Sequence[AssignedPartition]) -> None:
        while any(partition.tenure.is_ours and partition.dirty for partition in claimed):  # noqa: ASYNC110 - told by no event
            await asyncio.sleep(TICK_SECONDS)
        while (
            any(partition.tenure.is_ours for partition in claimed)
            and (other := await self._stranger()) is not None
        ):
            self._bar(claimed, f"the group belongs to {other}: {WAYS_OUT}")
            await asyncio.sleep(AGAIN_SECONDS)
        for partition in claimed:
            if partition.tenure.is_ours:
                partition.bar(None)
                self._on_sure(partition)

    def _bar(self, claimed: Sequence[AssignedPartition], why: str) -> None:
        ours = [one for one in claimed if one.tenure.is_ours and one.barred != why]
        for partition in ours:
            partition.bar(why)
        for line in barred_lines(ours):
            self._observer.trouble(line)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failed(error)
