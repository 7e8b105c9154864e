"""Everything is bounded: what is asked for, what is held of a partition, what is in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.runner.harness import DLQ, Harness, some_turns, until
from worker.core.record import Record
from worker.core.schedule import LOOK_EVERY_SECONDS


async def test_in_flight() -> None:
    """No more requests are in flight than the concurrency, and no more lanes exist."""
    async with Harness(concurrency=5) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(*range(200))
        await until("full", lambda: harness.sender.in_flight == 5)
        assert harness.runner.snapshot().in_flight == harness.runner.snapshot().limit == 5
        harness.sender.gate.set()
        await harness.committed(200)
        assert harness.sender.most_in_flight == 5
        assert len(harness.sender.lanes) == 5


async def test_ahead_of_the_lanes() -> None:
    """Of a long backlog no more is taken up than keeps the lanes busy."""
    async with Harness(concurrency=8) as harness:
        harness.sender.gate.clear()
        harness.write(*range(2000))
        harness.source.assign(harness.first)
        await until("taken up", lambda: harness.source.demand == 0)
        for _ in range(5):
            harness.time.advance(LOOK_EVERY_SECONDS)
            harness.runner._delivery.on_idle()
            await some_turns()
        assert harness.source.paused == {harness.first}
        assert harness.heard.taken.total() <= 64 + 8 + 32
        harness.sender.gate.set()
        await harness.committed(2000)
        assert harness.heard.taken.total() == 2000


async def test_a_full_partition() -> None:
    """A partition with as many unfinished records as it may have gets no more, and others flow."""
    async with Harness(concurrency=64, outstanding=10) as harness:
        harness.gate.limit.value = 64
        harness.publisher.gate.clear()
        harness.write(*range(10), payout="1")  # invalid: dead letters that are not acknowledged
        harness.source.assign(harness.first, harness.second)
        await until("full", lambda: harness.runner.snapshot().paused == 1)
        harness.write(*range(10, 30))
        harness.write(*range(100, 120), at=harness.second)
        await harness.committed(20, harness.second)
        state = {one.at: one for one in harness.runner.snapshot().partitions}
        assert state[harness.first].outstanding == 10
        harness.publisher.gate.set()
        await harness.committed(30)
        assert harness.runner.snapshot().paused == 0


@pytest.mark.parametrize("outstanding", [1, 3, 20, 1000])
async def test_outstanding(outstanding: int) -> None:
    """However few records a partition may have unfinished, no more are held of it, and all are delivered."""
    async with Harness(concurrency=64, outstanding=outstanding) as harness:
        most = {harness.first: 0, harness.second: 0}
        accept = harness.runner._intake.accept

        def watched(records: Sequence[Record]) -> None:
            accept(records)
            for state in harness.runner.snapshot().partitions:
                most[state.at] = max(most[state.at], state.outstanding)

        harness.runner._intake.accept = watched  # type: ignore[method-assign]
        harness.gate.limit.value = 64
        harness.write(*range(300))
        harness.write(*range(1000, 1300), at=harness.second)
        harness.source.assign(harness.first, harness.second)
        await harness.committed(300)
        await harness.committed(300, harness.second)
        assert 1 <= max(most.values()) <= outstanding


async def test_room_is_given_back_as_others_flow() -> None:
    """A partition whose records have ended has its room back before more of it comes."""
    async with Harness(concurrency=8, outstanding=40) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first, harness.second)
        harness.write(*range(30))
        await until("taken up", lambda: harness.heard.taken.total() == 30)
        harness.sender.gate.set()
        await harness.committed(30)
        harness.write(*range(100, 300), at=harness.second)
        await harness.committed(200, harness.second)
        assert harness.runner._intake.partitions[harness.first].granted == 40


async def test_taken_by_turns() -> None:
    """Two partitions with a backlog take turns."""
    async with Harness(concurrency=1) as harness:
        harness.write(*range(6))
        harness.write(*range(100, 106), at=harness.second)
        harness.source.assign(harness.first, harness.second)
        await harness.sent(12)
        numbers = [int(click.removeprefix("c-")) for click in harness.clicks]
        assert {number >= 100 for number in numbers[:4]} == {True, False}
        assert [n for n in numbers if n < 100] == list(range(6))


async def test_what_the_gauges_show() -> None:
    """The lag counts from the committed offset, the age of the oldest from its timestamp."""
    async with Harness(concurrency=1) as harness:
        harness.sender.gate.clear()
        harness.kafka.append(harness.first, b"", timestamp=harness.time.now())
        harness.kafka.append(harness.first, b"", timestamp=harness.time.now())
        harness.publisher.gate.clear()
        harness.source.assign(harness.first, harness.second)
        await until("taken up", lambda: harness.heard.taken.total() == 2)
        harness.time.advance(30)
        first, second = harness.runner.snapshot().partitions
        assert (first.outstanding, first.oldest_seconds, first.lag) == (2, 30.0, 2)
        assert (second.outstanding, second.oldest_seconds, second.lag) == (0, 0.0, 0)
        harness.publisher.gate.set()
        await harness.committed(2)
        await until("no lag", lambda: harness.runner.snapshot().partitions[0].lag == 0)


@pytest.mark.parametrize("away", ["revoked", "lost"])
async def test_the_room_of_what_went_away(away: str) -> None:
    """The room that a partition's waiting records took is asked for anew when the partition goes away."""
    async with Harness(concurrency=8) as harness:
        harness.sender.gate.clear()
        harness.write(*range(500))
        harness.source.assign(harness.first)
        await until("all that was asked for came", lambda: harness.source.demand == 0)
        if away == "lost":
            harness.source.lose(harness.first)
            harness.sender.gate.set()
        else:
            revoking = asyncio.create_task(harness.source.revoke(harness.first))
            harness.sender.gate.set()
            await revoking
        await until("no more requests", lambda: harness.sender.in_flight == 0)
        harness.source.assign(harness.first, harness.second)
        harness.write(*range(1000, 1500), at=harness.second)
        await harness.committed(500)
        await harness.committed(500, harness.second)


async def test_what_hangs_beside_what_flows() -> None:
    """Beside a backlog that hangs, another partition's records are read, find a lane and are sent."""
    async with Harness(concurrency=16) as harness:
        harness.sender.gate.clear()
        harness.write(*range(500))
        harness.source.assign(harness.first, harness.second)
        await until("all but an eighth", lambda: harness.sender.in_flight == 14)
        await until("all that was asked for came", lambda: harness.source.demand == 0)
        harness.write(1000, at=harness.second)
        for _ in range(3):
            harness.time.advance(LOOK_EVERY_SECONDS)
            harness.runner._delivery.on_idle()
        await until("sent", lambda: "c-1000" in harness.clicks)
        assert harness.source.paused == {harness.first}
        harness.sender.gate.set()
        await harness.committed(500)
        assert harness.source.paused == set()


async def test_publishes_that_are_not_acknowledged() -> None:
    """A partition whose publishes pile up takes nothing more; the records of another are delivered."""
    async with Harness(concurrency=16) as harness:
        harness.publisher.gate.clear()
        harness.write(*range(20), payout="1")  # invalid: dead letters that are not acknowledged
        harness.write(*range(100, 105), at=harness.second)
        harness.source.assign(harness.first, harness.second)
        await harness.committed(5, harness.second)
        assert len(harness.kafka.records(DLQ)) == 8
        harness.publisher.gate.set()
        await harness.committed(20)
