"""Publishes retries and dead letters until the broker has acknowledged them.

The rule: a record is finished when its publish is acknowledged, never before. A refused publish is reported
and tried again with backoff as long as the partition is ours; meanwhile the worker is not ready. While it is
in doubt whether the partition is ours, nothing is published.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from worker.core.assigned_partition import PendingRecord
from worker.core.backoff import Backoff
from worker.core.endings import Dead, RetryLater
from worker.core.trial import Trial
from worker.ports import Observer, Publisher, PublishRefused


class HandOver:
    """The publishes under way, with a task for each, because they are rare compared with deliveries."""

    def __init__(
        self,
        publisher: Publisher,
        observer: Observer,
        jitter: Callable[[], float],
        on_settled: Callable[[PendingRecord, RetryLater | Dead, Trial | None], None],
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
        """Topics that refuse a pending record, and why."""
        return dict(self._refusals.values())

    def settle(self, pending: PendingRecord, ending: RetryLater | Dead, trial: Trial | None) -> None:
        """Publish; call `on_settled` once it is acknowledged, or `on_given_up` once it is no longer ours."""
        task = asyncio.create_task(self._publish(pending, ending, trial))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def close(self) -> None:
        """Stop trying; what is not acknowledged stays unfinished."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _publish(self, pending: PendingRecord, ending: RetryLater | Dead, trial: Trial | None) -> None:
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
        """Wait until it is certain, and return, whether the record is still ours to end."""
        await self.sure.wait()
        return pending.partition.tenure.ends

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._refusals.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failed(error)
