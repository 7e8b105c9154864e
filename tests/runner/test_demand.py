"""Everything is bounded: what is asked for, what is held of a partition, what is in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.runner.stage import DLQ, Stage, some_turns, until
from worker.core.record import Record
from worker.core.schedule import LOOK


async def test_in_flight() -> None:
    """No more requests are in flight than the concurrency, and no more lanes exist."""
    async with Stage(concurrency=5) as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first)
        stage.write(*range(200))
        await until("full", lambda: stage.sender.in_flight == 5)
        assert stage.runner.snapshot().in_flight == stage.runner.snapshot().limit == 5
        stage.sender.gate.set()
        await stage.committed(200)
        assert stage.sender.most_in_flight == 5
        assert len(stage.sender.lanes) == 5


async def test_ahead_of_the_lanes() -> None:
    """Of a long backlog no more is taken up than keeps the lanes busy."""
    async with Stage(concurrency=8) as stage:
        stage.sender.gate.clear()
        stage.write(*range(5000))
        stage.source.assign(stage.first)
        await until("taken up", lambda: stage.source.demand == 0)
        for _ in range(5):
            stage.time.advance(LOOK)
            stage.runner.on_idle()
            await some_turns()
        assert stage.source.held == {stage.first}
        assert stage.heard.taken.total() <= 64 + 8 + 32
        stage.sender.gate.set()
        await stage.committed(5000)
        assert stage.heard.taken.total() == 5000


async def test_a_full_partition() -> None:
    """A partition with as many unfinished records as it may have gets no more, and others flow."""
    async with Stage(concurrency=64, outstanding=10) as stage:
        stage.gate.limit.value = 64
        stage.publisher.gate.clear()
        stage.write(*range(10), payout="1")  # invalid: dead letters that are not acknowledged
        stage.source.assign(stage.first, stage.second)
        await until("full", lambda: stage.runner.snapshot().paused == 1)
        stage.write(*range(10, 30))
        stage.write(*range(100, 120), at=stage.second)
        await stage.committed(20, stage.second)
        state = {one.at: one for one in stage.runner.snapshot().partitions}
        assert state[stage.first].outstanding == 10
        stage.publisher.gate.set()
        await stage.committed(30)
        assert stage.runner.snapshot().paused == 0


@pytest.mark.parametrize("outstanding", [1, 3, 20, 1000])
async def test_outstanding(outstanding: int) -> None:
    """However few records a partition may have unfinished, no more are held of it, and all are delivered."""
    async with Stage(concurrency=64, outstanding=outstanding) as stage:
        most = {stage.first: 0, stage.second: 0}
        accept = stage.runner._intake.accept

        def watched(records: Sequence[Record]) -> None:
            accept(records)
            for state in stage.runner.snapshot().partitions:
                most[state.at] = max(most[state.at], state.outstanding)

        stage.runner._intake.accept = watched  # type: ignore[method-assign]
        stage.gate.limit.value = 64
        stage.write(*range(300))
        stage.write(*range(1000, 1300), at=stage.second)
        stage.source.assign(stage.first, stage.second)
        await stage.committed(300)
        await stage.committed(300, stage.second)
        assert 1 <= max(most.values()) <= outstanding


async def test_taken_by_turns() -> None:
    """Two partitions with a backlog take turns."""
    async with Stage(concurrency=1) as stage:
        stage.write(*range(6))
        stage.write(*range(100, 106), at=stage.second)
        stage.source.assign(stage.first, stage.second)
        await stage.sent(12)
        numbers = [int(click.removeprefix("c-")) for click in stage.clicks]
        assert {number >= 100 for number in numbers[:4]} == {True, False}
        assert [n for n in numbers if n < 100] == list(range(6))


async def test_what_the_gauges_show() -> None:
    """The lag counts from the committed offset, the age of the oldest from its timestamp."""
    async with Stage(concurrency=1) as stage:
        stage.sender.gate.clear()
        stage.kafka.append(stage.first, b"", timestamp=stage.time.now())
        stage.kafka.append(stage.first, b"", timestamp=stage.time.now())
        stage.publisher.gate.clear()
        stage.source.assign(stage.first, stage.second)
        await until("taken up", lambda: stage.heard.taken.total() == 2)
        stage.time.advance(30)
        first, second = stage.runner.snapshot().partitions
        assert (first.outstanding, first.oldest_seconds, first.lag) == (2, 30.0, 2)
        assert (second.outstanding, second.oldest_seconds, second.lag) == (0, 0.0, 0)
        stage.publisher.gate.set()
        await stage.committed(2)
        await until("no lag", lambda: stage.runner.snapshot().partitions[0].lag == 0)


@pytest.mark.parametrize("away", ["revoked", "lost"])
async def test_the_room_of_what_went_away(away: str) -> None:
    """The room that a partition's waiting records took is asked for anew when the partition goes away."""
    async with Stage(concurrency=8) as stage:
        stage.sender.gate.clear()
        stage.write(*range(500))
        stage.source.assign(stage.first)
        await until("all that was asked for came", lambda: stage.source.demand == 0)
        if away == "lost":
            stage.source.lose(stage.first)
            stage.sender.gate.set()
        else:
            revoking = asyncio.create_task(stage.source.revoke(stage.first))
            stage.sender.gate.set()
            await revoking
        await until("no more requests", lambda: stage.sender.in_flight == 0)
        stage.source.assign(stage.first, stage.second)
        stage.write(*range(1000, 1500), at=stage.second)
        await stage.committed(500)
        await stage.committed(500, stage.second)


async def test_what_hangs_beside_what_flows() -> None:
    """Beside a backlog that hangs, another partition's records are read, find a lane and are sent."""
    async with Stage(concurrency=16) as stage:
        stage.sender.gate.clear()
        stage.write(*range(500))
        stage.source.assign(stage.first, stage.second)
        await until("all but an eighth", lambda: stage.sender.in_flight == 14)
        await until("all that was asked for came", lambda: stage.source.demand == 0)
        stage.write(1000, at=stage.second)
        for _ in range(3):
            stage.time.advance(LOOK)
            stage.runner.on_idle()
        await until("sent", lambda: "c-1000" in stage.clicks)
        assert stage.source.held == {stage.first}
        stage.sender.gate.set()
        await stage.committed(500)
        assert stage.source.held == set()


async def test_publishes_that_are_not_acknowledged() -> None:
    """A partition whose publishes pile up takes nothing more; the records of another are delivered."""
    async with Stage(concurrency=16) as stage:
        stage.publisher.gate.clear()
        stage.write(*range(20), payout="1")  # invalid: dead letters that are not acknowledged
        stage.write(*range(100, 105), at=stage.second)
        stage.source.assign(stage.first, stage.second)
        await stage.committed(5, stage.second)
        assert len(stage.kafka.records(DLQ)) == 8
        stage.publisher.gate.set()
        await stage.committed(20)
