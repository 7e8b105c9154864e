"""Committing what is finished, on a short tick and sooner when much has been finished.

The rules: one commit in flight; what is committed is read from the ledgers at that moment, so it never goes
backwards; what counts as committed is what the broker acknowledged, not what was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from worker.core.holding import Holding, Position
from worker.core.record import Partition
from worker.ports import CommitFailed, Observer, Source

# Seconds between commits: a crash re-sends at most what was finished in this time.
TICK = 0.2
# So many finished records do not wait for the tick.
_SOON = 500


class Committer:
    """Commits the dirty holdings for as long as it runs."""

    def __init__(
        self,
        source: Source,
        holdings: Mapping[Partition, Holding],
        observer: Observer,
        on_committed: Callable[[Holding], None],
    ) -> None:
        self._source = source
        self._holdings = holdings
        self._observer = observer
        self._on_committed = on_committed
        self._finished = 0
        self._much = asyncio.Event()

    def note_finished(self) -> None:
        """Note one more finished record."""
        self._finished += 1
        if self._finished == _SOON:
            self._much.set()

    async def run(self) -> None:
        """Commit for ever; a failure is said and the next tick tries again."""
        while True:
            try:
                async with asyncio.timeout(TICK):
                    await self._much.wait()
            except TimeoutError:
                pass
            await self.commit()

    async def commit(self) -> None:
        """Commit whatever is new."""
        self._much.clear()
        self._finished = 0
        dirty = [holding for holding in self._holdings.values() if holding.dirty]
        positions, revisions = read_positions(dirty)
        if not positions:
            return
        try:
            await self._source.commit(positions)
        except CommitFailed as error:
            self._observer.committed(str(error))
            return
        self._observer.committed(None)
        for holding, revision in zip(dirty, revisions, strict=True):
            holding.revision = revision
            if holding.at in positions:
                holding.committed = positions[holding.at].offset
            self._on_committed(holding)


def read_positions(holdings: Iterable[Holding]) -> tuple[dict[Partition, Position], list[int]]:
    """Read what to commit for each, and the revision of each ledger at this moment."""
    positions, revisions = {}, []
    for holding in holdings:
        revisions.append(holding.ledger.revision)
        position = holding.position()
        if position is not None:
            positions[holding.at] = position
    return positions, revisions
