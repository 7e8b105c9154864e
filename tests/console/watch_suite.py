"""What any Watch does: the real one, and the one that the pages are tested with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from worker.console.watch import DestinationSnapshot, RowsQuery, Watch
from worker.core.undelivered import UndeliveredState
from worker.ops.errors import CannotDo
from worker.ops.filters import Filters

WITHIN = 60.0
"""Seconds for whatever is waited for."""


class Viewed(Protocol):
    """A watch of one destination; it has been started."""

    @property
    def name(self) -> str:
        """The destination's."""
        ...

    @property
    def watch(self) -> Watch:
        """The watch."""
        ...


class World(Viewed, Protocol):
    """A watch of one destination, and what happens to that."""

    def die(self, event_id: str, status: int, **fields: Any) -> None:
        """A conversion dies of an answer; the next one a little later."""
        ...

    def replay(self, event_id: str) -> None:
        """All dead letters of an event are replayed."""
        ...


async def until(world: Viewed, true: Callable[[DestinationSnapshot], bool]) -> DestinationSnapshot:
    """Wait until what is seen is so, as a viewer does."""
    deadline = asyncio.get_running_loop().time() + WITHIN
    while not true(snapshot := world.watch.snapshot(world.name)):
        assert asyncio.get_running_loop().time() < deadline, snapshot
        await world.watch.changed(snapshot.version, WITHIN)
    return snapshot


class WatchSuite:
    """Mix in with a `world` fixture."""

    async def test_what_died_is_seen(self, world: World) -> None:
        """Dead letters are seen in groups, with rows, each of which can be opened; newest first."""
        for number in range(3):
            world.die(f"e-{number}", 404, offer_id=f"o-{number}")
        world.die("e-3", 410)
        snapshot = await until(world, lambda snapshot: sum(group.size for group in snapshot.undelivered) == 4)
        assert [(group.kind, group.status, group.size) for group in snapshot.undelivered] == [
            (UndeliveredState.DEAD, 404, 3),
            (UndeliveredState.DEAD, 410, 1),
        ]
        asked = RowsQuery(UndeliveredState.DEAD, snapshot.undelivered[0].key, limit=2)
        found = await asyncio.to_thread(world.watch.rows, world.name, asked)
        assert [row.letter.event_id for row in found.rows] == ["e-2", "e-1"]
        assert found.matched == 3
        row = await asyncio.to_thread(world.watch.row, world.name, found.rows[0].place)
        assert row == found.rows[0]

    async def test_rows_are_filtered(self, world: World) -> None:
        """Rows are found by what a dead letter says of itself, and by the fields of its event."""
        for number in range(3):
            world.die(f"e-{number}", 404, offer_id=f"o-{number}")
        await until(world, lambda snapshot: sum(group.size for group in snapshot.undelivered) == 3)

        async def found(**named: str) -> list[str | None]:
            asked = RowsQuery(UndeliveredState.DEAD, filters=Filters(**named))  # type: ignore[arg-type]
            rows = await asyncio.to_thread(world.watch.rows, world.name, asked)
            assert rows.matched == len(rows.rows)
            return [row.letter.event_id for row in rows.rows]

        assert await found(offer_id="o-1") == ["e-1"]
        assert await found(click_id="click-e-2") == ["e-2"]
        assert await found(event_id="e-0") == ["e-0"]
        assert await found(error="http 404") == ["e-2", "e-1", "e-0"]
        assert await found(event_id="e-0", offer_id="o-1") == []
        assert await found(error="timeout") == []

    async def test_what_was_replayed_says_so(self, world: World) -> None:
        """A letter that was replayed is in no group and no list, and says so where it is opened."""
        world.die("e-1", 404)
        await until(world, lambda snapshot: len(snapshot.undelivered) == 1)
        rows = await asyncio.to_thread(world.watch.rows, world.name, RowsQuery(UndeliveredState.DEAD))
        world.replay("e-1")
        await until(world, lambda snapshot: not snapshot.undelivered)
        row = await asyncio.to_thread(world.watch.row, world.name, rows.rows[0].place)
        assert row == rows.rows[0]._replace(ended="replayed")
        assert (
            await asyncio.to_thread(world.watch.rows, world.name, RowsQuery(UndeliveredState.DEAD))
        ).rows == []

    async def test_each_viewer_hears_of_a_change(self, world: World) -> None:
        """All who wait hear of a change; who waits for what is there already does not wait."""
        before = world.watch.version
        viewers = [asyncio.create_task(world.watch.changed(before, WITHIN)) for _ in range(10)]
        world.die("e-1", 404)
        assert all(version > before for version in await asyncio.gather(*viewers))
        assert await world.watch.changed(before, WITHIN) > before

    async def test_who_waits_in_vain_is_let_go(self, world: World) -> None:
        """Nobody waits for longer than was asked."""
        far = world.watch.version + 1_000_000
        assert await world.watch.changed(far, 0.01) <= far

    async def test_what_there_is_not(self, world: World) -> None:
        """A destination that there is not is a KeyError, and a place where nothing is can't be opened."""
        with pytest.raises(KeyError):
            world.watch.snapshot("nobody")
        with pytest.raises(CannotDo):
            await asyncio.to_thread(world.watch.row, world.name, "nowhere/0/1")
