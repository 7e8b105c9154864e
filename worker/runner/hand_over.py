"""Publishing what is to be tried again or given up, until the broker has acknowledged it.

The rule: a record is finished when its publish is acknowledged, never before. A refusal is tried again
with backoff for as long as the partition is ours, and said: the worker is not ready meanwhile. While it is
in doubt whether it is ours nothing is published.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from worker.core.assigned_partition import PendingRecord
from worker.core.backoff import Backoff
from worker.core.endings import Dead, Retry
from worker.core.trial import Trial
from worker.ports import Observer, Publisher, PublishRefused


class HandOver:
    """The publishes under way, one task each: they are rare beside the deliveries."""

    def __init__(
        self,
        publisher: Publisher,
        observer: Observer,
        jitter: Callable[[], float],
        on_settled: Callable[[PendingRecord, Retry | Dead, Trial | None], None],
        on_failed: Callable[[BaseException], None],
        on_given_up: Callable[[PendingRecord], None],
    ) -> None:
        self._publisher = publisher
        self._observer = observer
        self._jitter = jitter
        self._on_settled = on_settled
        self._on_failed = on_failed
        self._on_given_up = on_given_up
        self.sure = asyncio.Event()
        """Cleared while it is in doubt what is ours."""
        self.sure.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusals: dict[asyncio.Task[None] | None, tuple[str, str]] = {}

    @property
    def refused(self) -> Mapping[str, str]:
        """Topics that have refused a record which waits for them, and why."""
        return dict(self._refusals.values())

    def settle(self, pending: PendingRecord, ending: Retry | Dead, trial: Trial | None) -> None:
        """Publish, and tell `on_settled` when it is acknowledged, or `on_given_up` once it is not ours."""
        task = asyncio.create_task(self._publish(pending, ending, trial))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def close(self) -> None:
        """Stop trying. What is not acknowledged stays unfinished."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _publish(self, pending: PendingRecord, ending: Retry | Dead, trial: Trial | None) -> None:
        topic = ending.message.topic
        backoff = Backoff()
        while await self._is_ours(pending):
            try:
                await self._publisher.publish(ending.message)
            except PublishRefused as error:
                self._refusals[asyncio.current_task()] = (topic, str(error))
                self._observer.refused(topic, str(error))
                await asyncio.sleep(backoff.pause(self._jitter()))
            else:
                self._on_settled(pending, ending, trial)
                return
        self._on_given_up(pending)

    async def _is_ours(self, pending: PendingRecord) -> bool:
        """Tell whether the record is ours to end still, once that is not in doubt."""
        await self.sure.wait()
        return pending.partition.tenure.ends

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._refusals.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failed(error)
