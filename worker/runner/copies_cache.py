"""Keeps the remembered conversions on this machine, so that a restart reads only the journal's tail.

The rules: nothing depends on it. The cache says up to where the journal was read, and holds everything before
that, and nothing that was not read back from the journal. The loop never waits for the disk, and writing
takes a bounded share of the time. A failure is reported once, and stops nothing.
"""

from __future__ import annotations

import asyncio

from worker.core.ids_cache import JournalPositions, packed
from worker.core.remembered_ids import RememberedIds
from worker.ports import Cache, Clock, Follower, Observer
from worker.runner.copies import Copies
from worker.runner.journaling import Journaling
from worker.runner.parts import Clients, Surroundings

WRITE_EVERY_SECONDS = 60.0
"""Seconds between two writes: steps of this time are read again after a crash."""

MOST_SHARE = 0.02
"""The share of the time that writing may take: a slow disk is written to less often."""

READ_BACK_SECONDS = 10.0
"""Seconds for steps to be acknowledged and read back before the draft is dropped."""

LAST_WRITE_SECONDS = 3.0
"""Seconds for the last write, at the end of the run."""


def pause_after(seconds: float) -> float:
    """Seconds to wait after a write that took `seconds`."""
    return max(WRITE_EVERY_SECONDS, seconds / MOST_SHARE)


class CopiesCache:
    """Writes the contents of `ids`, as far as the follower has read them."""

    def __init__(
        self,
        cache: Cache,
        ids: RememberedIds,
        follower: Follower,
        journaling: Journaling,
        observer: Observer,
        clock: Clock,
    ) -> None:
        self._cache = cache
        self._ids = ids
        self._follower = follower
        self._journaling = journaling
        self._observer = observer
        self._clock = clock
        self._kept: JournalPositions | None = None
        self._took = 0.0  # seconds of the last write
        self._told = False

    async def run(self) -> None:
        """Write for ever."""
        while True:
            await asyncio.sleep(pause_after(self._took))
            await self.write()

    async def finish(self) -> None:
        """Write a last time, within LAST_WRITE_SECONDS, and leave the cache to another process."""
        try:
            async with asyncio.timeout(LAST_WRITE_SECONDS):
                await self.write()
        except TimeoutError:
            pass  # the former cache is still good
        self._cache.close()

    async def write(self) -> None:
        """Keep the present memory, if anything was read since the last write."""
        try:
            async with asyncio.timeout(READ_BACK_SECONDS):
                positions = await self._follower.positions()
            if positions.of and positions != self._kept:
                await self._write(positions)
        except TimeoutError:
            pass  # the journal can't be read, which its reader reports
        except OSError as error:
            self._tell(error)
        else:
            self._told = False

    async def _write(self, positions: JournalPositions) -> None:
        began = self._clock.monotonic()
        draft = await self._cache.draft()
        try:
            for piece in packed(self._ids, self._cache.owner, positions):
                await draft.write(piece)
            self._took = self._clock.monotonic() - began
            if await self._is_read_back(positions):
                await draft.keep()
                self._kept = positions
        finally:
            draft.drop()

    async def _is_read_back(self, positions: JournalPositions) -> bool:
        """Whether everything remembered by now is in the journal and was read back."""
        async with asyncio.timeout(READ_BACK_SECONDS):
            return (
                await self._journaling.settled() and (await self._follower.positions()).log == positions.log
            )

    def _tell(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            why = error.strerror or str(error)
            self._observer.trouble(
                f"what the journal tells can't be cached in {self._cache.name}: {why}; "
                "a restart reads it anew from Kafka"
            )


def cache_of(
    copies: Copies | None, journaling: Journaling | None, clients: Clients, around: Surroundings
) -> CopiesCache | None:
    """A destination's cache; None without one."""
    follower, cache = clients.follower, clients.cache
    if copies is None or journaling is None or follower is None or cache is None:
        return None
    return CopiesCache(cache, copies.ids, follower, journaling, around.observer, around.clock)
