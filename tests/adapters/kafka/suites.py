"""What is true of every source and of every publisher, fake or real.

The rule: a suite asks its `world` for everything, and says nothing about how it is done there.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.adapters.kafka.ear import Ear, until
from tests.adapters.kafka.worlds import World
from worker.core.assigned_partition import Position
from worker.core.record import Header, Partition
from worker.ports import Source, SourceEnded

MAP = "AgEEBw=="
TURNS = 4
"""So many a source has done before it is believed that nothing more comes."""


def numbered(count: int) -> list[bytes | None]:
    """So many values that can be told apart."""
    return [b"%d" % number for number in range(count)]


class SourceSuite:
    """Inherit it with a fixture `world`."""

    _committed = 0

    async def test_order(self, world: World, ear: Ear) -> None:
        """Records come whole, and in offset order within each partition."""
        partitions = world.create(2)
        headers: list[Header] = [("a", b"1"), ("a", None), ("b", b"")]
        for at in partitions:
            world.write(at, numbered(300), headers)
        source = world.source(partitions[0].topic)
        await source.start(ear)
        await world.joined(source, ear, partitions)
        source.ask(600)
        await ear.has(600)
        for at in partitions:
            mine = [record for record in ear.records if record.at == at]
            assert [record.value for record in mine] == numbered(300)
            assert [record.offset for record in mine] == list(range(300))
            assert all(record.key == b"key" and list(record.headers) == headers for record in mine)
        await source.stop()

    async def test_demand(self, world: World, ear: Ear) -> None:
        """No more records come than were asked for, and a later demand goes on from there."""
        (at,) = world.create(1)
        world.write(at, numbered(2000))
        source = world.source(at.topic)
        await source.start(ear)
        await world.joined(source, ear, [at])
        due = 0
        for owed in (1, 10, 100, 901, 988):
            due += owed
            source.ask(owed)
            await ear.has(due)
            await self._goes_on(source, at)  # by then a record too many would have come
            assert len(ear.records) == due
        assert ear.offsets(at) == list(range(2000))
        await source.stop()

    async def test_asked_again(self, world: World, ear: Ear) -> None:
        """What is asked for again while it is on its way comes once."""
        (at,) = world.create(1)
        world.write(at, numbered(500))
        source = world.source(at.topic)
        await source.start(ear)
        await world.joined(source, ear, [at])
        for _ in range(3):
            source.ask(100)
        await ear.has(100)
        await self._goes_on(source, at)
        assert ear.offsets(at) == list(range(100))
        await source.stop()

    async def test_room(self, world: World, ear: Ear) -> None:
        """No more comes of a partition than it has room for; the others flow."""
        small, wide, none = partitions = world.create(3)
        for at in partitions:
            world.write(at, numbered(200))
        ear.room = 0
        source = world.source(small.topic)
        await source.start(ear)
        await world.joined(source, ear, partitions)
        source.ask(10_000)
        source.allow(wide, 1000)
        for room in (1, 1, 1, 18, 29):
            source.allow(small, room)
        await ear.has(250)
        await self._goes_on(source, small)
        assert ear.offsets(small) == list(range(50))
        assert ear.offsets(wide) == list(range(200))
        assert ear.offsets(none) == []
        source.pause(small)
        source.allow(small, 100)
        source.allow(none, 200)
        source.resume(small)
        await ear.has(550)
        assert ear.offsets(small) == list(range(150))
        assert ear.offsets(none) == list(range(200))
        await source.stop()

    async def test_hold(self, world: World, ear: Ear) -> None:
        """Nothing comes of a held partition; once released, nothing was skipped and nothing comes twice."""
        paused, other = world.create(2)
        world.write(paused, numbered(1000))
        source = world.source(paused.topic)
        await source.start(ear)
        await world.joined(source, ear, [paused, other])
        source.ask(50)
        await ear.has(50)
        source.pause(paused)
        source.ask(1050)
        await self._goes_on(source, paused)  # what was asked before the hold took effect may still come
        seen = len(ear.offsets(paused))
        world.write(other, numbered(100))
        await until("the other partition", lambda: len(ear.offsets(other)) == 100)
        assert len(ear.offsets(paused)) == seen
        source.resume(paused)
        await ear.has(1100)
        assert ear.offsets(paused) == list(range(1000))
        await source.stop()

    async def test_hold_again_and_again(self, world: World, ear: Ear) -> None:
        """However often partitions are held and released, each record comes once and in order."""
        partitions = world.create(3)
        for at in partitions:
            world.write(at, numbered(400))
        source = world.source(partitions[0].topic)
        await source.start(ear)
        await world.joined(source, ear, partitions)
        turn = 0
        while len(ear.records) < 1200:
            at = partitions[turn % 3]
            left = sum(400 - len(ear.offsets(other)) for other in partitions if other != at)
            due = len(ear.records) + min(40, left)
            source.pause(at)
            source.ask(40)
            await ear.has(due)
            source.resume(at)
            turn += 1
            assert turn < 1000
        for at in partitions:
            assert ear.offsets(at) == list(range(400))
        await source.stop()

    async def test_rewind(self, world: World, ear: Ear) -> None:
        """A held partition that is rewound is read again from there; the others' records come once."""
        back, other = partitions = world.create(2)
        for at in partitions:
            world.write(at, numbered(300))
        source = world.source(back.topic)
        await source.start(ear)
        await world.joined(source, ear, partitions)
        source.ask(600)
        await ear.has(600)
        for turn in range(1, 5):
            source.pause(back)
            source.rewind(back, 100)
            source.ask(100)
            await until(f"rewound {turn} times", lambda: len(ear.rewound) >= turn)  # noqa: B023
            ear.records.clear()
            source.resume(back)
            await ear.has(100)
            assert ear.offsets(back) == list(range(100, 200))
        world.write(other, numbered(50))
        source.ask(150)
        await ear.has(250)
        assert ear.offsets(back) == list(range(100, 300))
        assert ear.offsets(other) == list(range(300, 350))
        await source.stop()

    async def test_commit(self, world: World, ear: Ear) -> None:
        """What is committed, with its metadata, is what the next member is assigned."""
        (at,) = world.create(1)
        world.write(at, numbered(10))
        source = world.source(at.topic)
        await source.start(ear)
        await world.joined(source, ear, [at])
        assert ear.ours[at].committed is None
        assert not ear.ours[at].metadata
        await source.commit({at: Position(4, MAP)})
        await source.stop()
        await self._finds(world, at, Position(4, MAP))

    async def test_commit_goes_forward_only(self, world: World, ear: Ear) -> None:
        """A commit never takes a partition back."""
        (at,) = world.create(1)
        world.write(at, numbered(10))
        source = world.source(at.topic)
        await source.start(ear)
        await world.joined(source, ear, [at])
        assert await source.commit({at: Position(7, MAP)}) == {at: Position(7, MAP)}
        assert await source.commit({at: Position(3, "")}) == {}
        await source.stop()
        await self._finds(world, at, Position(7, MAP))

    async def test_foreign_commit(self, world: World, ear: Ear) -> None:
        """A commit for a partition that is not ours changes nothing."""
        (at,) = world.create(1)
        stranger = world.create(1)[0]
        source = world.source(at.topic)
        await source.start(ear)
        await world.joined(source, ear, [at])
        committed = await source.commit({at: Position(1, ""), stranger: Position(5, "")})
        assert committed == {at: Position(1, "")}, "what was committed, and no more"
        await source.stop()
        next_ear = Ear()
        successor = world.source(stranger.topic)
        await successor.start(next_ear)
        await world.joined(successor, next_ear, [stranger])
        assert next_ear.ours[stranger].committed is None
        await successor.stop()

    async def test_revoke(self, world: World, ear: Ear) -> None:
        """Leaving revokes what is ours and commits the positions that the listener gives back."""
        (at,) = world.create(1)
        world.write(at, numbered(10))
        source = world.source(at.topic)
        await source.start(ear)
        await world.joined(source, ear, [at])
        source.ask(10)
        await ear.has(10)
        ear.last = {at: Position(10, MAP)}
        await source.stop()
        assert ear.revoked == [at]
        assert ear.committed_last == [{at: Position(10, MAP)}]
        assert not ear.lost
        await self._finds(world, at, Position(10, MAP))

    async def test_stop_twice(self, world: World, ear: Ear) -> None:
        """Stopping again, or at once, or before the start, is no error, and revokes once."""
        partitions = world.create(1)
        await world.source(partitions[0].topic).stop()
        source = world.source(partitions[0].topic)
        await source.start(ear)
        await world.joined(source, ear, partitions)
        await asyncio.gather(source.stop(), source.stop())
        await source.stop()
        assert ear.revoked == partitions
        assert not ear.failures

    async def test_commit_after_the_end(self, world: World, ear: Ear) -> None:
        """A commit of a source that has ended fails rather than waits."""
        (at,) = world.create(1)
        source = world.source(at.topic)
        await source.start(ear)
        await world.joined(source, ear, [at])
        await source.stop()
        with pytest.raises(SourceEnded):
            await source.commit({at: Position(1, "")})

    async def test_watermarks(self, world: World, ear: Ear) -> None:
        """The watermarks say where a partition begins and ends, also while it is held."""
        (at,) = world.create(1)
        world.write(at, numbered(5))
        source = world.source(at.topic)
        await source.start(ear)
        await world.joined(source, ear, [at])
        source.pause(at)
        await until("watermarks", lambda: source.watermarks().get(at) == (0, 5, 5))
        await source.stop()

    async def _goes_on(self, source: Source, at: Partition) -> None:
        """Wait until a source has done several turns: each commit is asked for in one, and answered later."""
        for _ in range(TURNS):
            self._committed += 1
            await source.commit({at: Position(self._committed, "")})

    async def _finds(self, world: World, at: Partition, position: Position) -> None:
        """A new member finds this committed, and reads on from there."""
        ear = Ear()
        source = world.source(at.topic)
        await source.start(ear)
        await world.joined(source, ear, [at])
        assert ear.ours[at][:3] == (at, *position)
        world.write(at, [b"last"])
        source.ask(100)
        await until("the last record", lambda: bool(ear.records) and ear.records[-1].value == b"last")
        assert ear.offsets(at) == list(range(position.offset, 11))
        await source.stop()
