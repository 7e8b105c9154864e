"""What any source does whose topic was deleted and made again."""

from __future__ import annotations

import pytest

from tests.adapters.kafka.ear import Ear, until
from tests.adapters.kafka.suites import MAP, numbered
from tests.adapters.kafka.worlds import World
from worker.core.assigned_partition import Position
from worker.core.record import Partition
from worker.ports import Source


class MadeAnewSuite:
    """Of a source whose topic has one partition and is deleted and made again; as SourceSuite."""

    @pytest.mark.parametrize("count", [4, 25], ids=["shorter", "longer"])
    async def test_made_anew(self, world: World, ear: Ear, count: int) -> None:
        """All of the new log comes, from its start, and what is committed of it counts, below the old too."""
        at, source = await self._read(world, ear, 10)
        await source.commit({at: Position(10, MAP)})
        world.make_anew(at)
        world.write(at, [b"new-%d" % number for number in range(count)])
        await until("all of the new log", lambda: self._new(ear) >= {b"new-%d" % n for n in range(count)})
        await until("news of it", lambda: "made anew" in ear.events)
        assert ear.offsets(at)[-count:] == list(range(count))
        assert ear.ours[at].committed is None
        await source.commit({at: Position(3, MAP)})
        await source.stop()
        successor = Ear()
        source = world.source(at.topic)
        await source.start(successor)
        await world.joined(source, successor, [at])
        assert successor.ours[at][:3] == (at, 3, MAP)
        await source.stop()

    async def test_hold_of_the_old_log(self, world: World, ear: Ear) -> None:
        """A hold ends with the log that it was for."""
        at, source = await self._read(world, ear, 10)
        source.pause(at)
        world.make_anew(at)
        world.write(at, [b"new-0"])
        await until("the new log", lambda: b"new-0" in self._new(ear))
        await source.stop()

    async def _read(self, world: World, ear: Ear, count: int) -> tuple[Partition, Source]:
        """A source that has read so many records, and was asked for more."""
        (at,) = world.create(1)
        world.write(at, numbered(count))
        source = world.source(at.topic)
        await source.start(ear)
        await world.joined(source, ear, [at])
        source.ask(1000)
        await ear.has(count)
        return at, source

    def _new(self, ear: Ear) -> set[bytes | None]:
        return {record.value for record in ear.records}
