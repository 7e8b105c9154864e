"""Senders that were replaced: they close once what is in flight on them has ended.

The rule: a lane closes once its request has ended, which the attempt's timeout bounds; a sender once all of
its lanes are closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple

from worker.ports import Lane, Sender

TICK_SECONDS = 0.05
"""Seconds between two looks for idle lanes."""


class FormerLane(NamedTuple):
    """A lane of a replaced sender, which begins nothing more."""

    lane: Lane
    is_busy: Callable[[], bool]
    """Whether its last request is still in flight."""


class FormerSenders:
    """All that have not closed yet; `on_failed` hears of unexpected errors."""

    def __init__(self, on_failed: Callable[[BaseException], None]) -> None:
        self._on_failed = on_failed
        self._ending: set[asyncio.Task[None]] = set()

    def end(self, sender: Sender, lanes: Iterable[FormerLane]) -> None:
        """Close each lane as soon as it has nothing in flight, and then the sender."""
        task = asyncio.create_task(_end(sender, list(lanes)))
        self._ending.add(task)
        task.add_done_callback(self._ended)

    async def close(self) -> None:
        """Close them all, whatever they are doing."""
        for task in self._ending:
            task.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failed(error)


async def _end(sender: Sender, lanes: list[FormerLane]) -> None:
    try:
        while lanes:
            busy = [one for one in lanes if one.is_busy()]
            await asyncio.gather(*(one.lane.close() for one in lanes if one not in busy))
            lanes = busy
            if lanes:
                await asyncio.sleep(TICK_SECONDS)
    finally:
        await asyncio.gather(*(one.lane.close() for one in lanes))
        await sender.close()
