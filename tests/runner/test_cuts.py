"""A log that is cut above what is committed, and goes on: what took the place of finished records is sent."""

from __future__ import annotations

from tests.runner.harness import IDENTITY, Harness
from worker.core.assigned_partition import Position
from worker.core.binding import Binding, LogId
from worker.core.offset_map import OffsetMap, encode

FINISHED = Position(0, encode(0, OffsetMap(4, (0,)), Binding(LogId(), IDENTITY)))


async def test_what_took_their_place_is_sent() -> None:
    """What a commit tells of offsets from a cut on does not count, and that is said; below it counts."""
    async with Harness() as harness:
        harness.kafka.committed[harness.first] = FINISHED
        harness.source.assign(harness.first)
        harness.source.cut(harness.first, 2)
        harness.write(0, 1, 2, 3)
        await harness.committed(4)
        assert harness.clicks == ["c-0", "c-2", "c-3"]
        assert harness.heard.skips == [1]
        assert harness.heard.map_refusals == ["the log was cut, and other records lie there from offset 2 on"]


async def test_a_cut_beyond_all_that_is_finished() -> None:
    """Nothing is said of a cut beyond what is known to be finished."""
    async with Harness() as harness:
        harness.kafka.committed[harness.first] = FINISHED
        harness.source.assign(harness.first)
        harness.source.cut(harness.first, 4)
        harness.write(0, 1, 2, 3, 4)
        await harness.committed(5)
        assert harness.clicks == ["c-0", "c-4"]
        assert harness.heard.map_refusals == []


async def test_another_one_has_read_on() -> None:
    """What we finished before does not count where another member has read on from a later leader."""
    async with Harness() as harness:
        harness.kafka.committed[harness.first] = Position(0, "")
        harness.source.assign(harness.first)
        harness.source.refusing = "between two generations"
        harness.write(0, 1)
        await harness.ended(2)
        harness.source.lose(harness.first)
        harness.source.refusing = None
        harness.source.newer.add(harness.first)
        harness.source.assign(harness.first)
        await harness.committed(2)
        assert harness.clicks == ["c-0", "c-1", "c-0", "c-1"]
