"""A watch in memory: it knows what a test says, and passes the suite of the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from worker.console.watch import DestinationSnapshot, RowsPage, RowsQuery, UndeliveredRow
from worker.core.undelivered import GroupKey, UndeliveredState
from worker.ops.errors import CannotDo
from worker.ops.explain import Explanation
from worker.ops.explain_reading import SoughtConversion


class FakeWatch:
    """Knows these destinations; `say` changes what is known of one."""

    def __init__(self, *destinations: str) -> None:
        self._seen = {name: DestinationSnapshot(name) for name in destinations}
        self._rows: dict[str, list[UndeliveredRow]] = {name: [] for name in destinations}
        self._found: dict[SoughtConversion, Sequence[Explanation]] = {}
        self._version = 0
        self._changed = asyncio.Event()
        self.started = self.closed = False

    @property
    def version(self) -> int:
        return self._version

    def start(self) -> None:
        self.started = True

    def close(self) -> None:
        self.closed = True

    def say(self, destination: str, rows: Iterable[UndeliveredRow] | None = None, **known: Any) -> None:
        """From now on this is known of a destination, and these are its rows, the oldest first."""
        if rows is not None:
            self._rows[destination] = list(rows)
        self._version += 1
        before = self._seen[destination]
        self._seen[destination] = before._replace(version=self._version, **known)
        self._changed.set()
        self._changed = asyncio.Event()

    def find(self, wanted: SoughtConversion, found: Sequence[Explanation]) -> None:
        """From now on a search finds this."""
        self._found[wanted] = found

    def snapshot(self, destination: str) -> DestinationSnapshot:
        return self._seen[destination]

    async def changed(self, after: int, within: float) -> int:
        try:
            async with asyncio.timeout(within):
                while self._version <= after:
                    await self._changed.wait()
        except TimeoutError:
            pass
        return self._version

    def rows(self, destination: str, asked: RowsQuery) -> RowsPage:
        found = [row for row in self._rows[destination] if row.ended is None and _is_asked(row, asked)]
        return RowsPage(found[::-1][: asked.limit or None], len(found))

    def row(self, destination: str, place: str) -> UndeliveredRow:
        for row in self._rows[destination]:
            if row.place == place:
                return row
        raise CannotDo([f"there is nothing at {place}"])

    def search(self, wanted: SoughtConversion, since: str) -> Sequence[Explanation]:
        del since
        return self._found.get(wanted, [])


def _is_asked(row: UndeliveredRow, asked: RowsQuery) -> bool:
    letter = row.letter
    key = GroupKey(row.kind, row.reason, letter.status, letter.error)
    if row.kind is not asked.kind or asked.group not in {None, key}:
        return False
    if row.kind is UndeliveredState.DEAD:
        return asked.filters.match(letter)
    return asked.wanted.matches(letter.value, letter.headers, on_tier=True)
