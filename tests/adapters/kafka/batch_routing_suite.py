"""What is true of every source, fake or real, that passes over what is another destination's."""

from __future__ import annotations

from tests.adapters.kafka.ear import Ear, until
from tests.adapters.kafka.worlds import World
from worker.core.routing import Router, sorted_routes

BINOM = Router("binom", sorted_routes({"binom": {"network": frozenset({"binom"})}, "other": {}}))


def of(network: str, count: int) -> list[bytes | None]:
    """So many events of a network."""
    return [b'{"network":"%s","number":%d}' % (network.encode(), number) for number in range(count)]


class BatchRoutingSuite:
    """Inherit it with a fixture `world`."""

    async def test_passed_over(self, world: World, ear: Ear) -> None:
        """What is another's is counted, not handed over, and what lies behind it comes."""
        (at,) = world.create(1)
        world.write(at, [*of("other", 700), *of("binom", 2), *of("other", 3), *of("binom", 1)])
        source = world.source(at.topic, router=BINOM)
        await source.start(ear)
        await world.joined(source, ear, [at])
        source.ask(3)
        await ear.has(3)
        await until("all were counted", lambda: ear.passed == {at.topic: 703})
        assert [record.offset for record in ear.records] == [700, 701, 705]
        await source.stop()

    async def test_up_to_where(self, world: World, ear: Ear) -> None:
        """Up to where all was passed over is told, counted from what was handed over before."""
        (at,) = world.create(1)
        world.write(at, [*of("binom", 2), *of("other", 5)])
        source = world.source(at.topic, router=BINOM)
        await source.start(ear)
        await world.joined(source, ear, [at])
        source.ask(2)
        await until("the gap", lambda: ear.gaps == [(at, 2, 7)])
        world.write(at, of("other", 1))
        await until("the next", lambda: ear.gaps[1:] == [(at, 7, 8)])
        assert len(ear.records) == 2
        await source.stop()

    async def test_up_to_where_at_the_end(self, world: World, ear: Ear) -> None:
        """Before a partition leaves it is told up to where all was passed over behind what has just come."""
        (at,) = world.create(1)
        world.write(at, [*of("binom", 2), *of("other", 5)])
        source = world.source(at.topic, router=BINOM)
        await source.start(ear)
        await world.joined(source, ear, [at])
        source.ask(1)
        await ear.has(1)
        source.ask(1)
        await ear.has(2)
        await source.stop()
        assert ear.gaps == [(at, 2, 7)]

    async def test_without_demand(self, world: World, ear: Ear) -> None:
        """What is passed over takes up neither demand nor room; what is not waits for both."""
        ear.room = 1
        (at,) = world.create(1)
        world.write(at, [*of("other", 10), *of("binom", 2), *of("other", 1)])
        source = world.source(at.topic, router=BINOM)
        await source.start(ear)
        await world.joined(source, ear, [at])
        await until("the first were counted", lambda: ear.passed[at.topic] >= 10)
        assert not ear.records
        source.ask(5)
        await ear.has(1)
        source.allow(at, 1)
        await ear.has(2)
        await until("all were counted", lambda: ear.passed == {at.topic: 11})
        await source.stop()
