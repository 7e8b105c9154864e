"""How a run ends: in order, within bounds, and with a failure where something died."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.fakes import FakeLane
from tests.runner.stage import DLQ, Stage, until
from worker.core.answer import Response
from worker.core.holding import Held, Position
from worker.core.record import Partition
from worker.ports import SourceFailed
from worker.runner import Outcome
from worker.runner.drain import Phase


async def test_a_drain() -> None:
    """A stop takes nothing more, lets what is in flight end, commits it, and closes everything."""
    async with Stage(concurrency=2) as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first)
        stage.write(*range(10))
        await stage.sent(2)
        stage.stop.set()
        await until("draining", lambda: stage.reasons == ["draining"])
        stage.write(10)
        stage.sender.gate.set()
        assert await stage.running is Outcome.DRAINED
        assert stage.clicks == ["c-0", "c-1"]
        assert stage.position() == 2
        assert stage.runner.unfinished == 0
        assert stage.source.stopped
        assert stage.publisher.closed
        assert stage.sender.closed
        assert all(lane.closed for lane in stage.sender.lanes)


async def test_the_order() -> None:
    """Requests end, publishes are acknowledged, the group is left with a last commit; then all closes."""
    async with Stage(Response(500)) as stage:
        story: list[str] = []
        revoke, close, shut = stage.source.revoke, stage.publisher.close, stage.sender.close

        async def left(*partitions: Partition) -> None:
            await revoke(*partitions)
            story.append(f"committed {stage.position()}")

        async def closed() -> None:
            await close()
            story.append("publisher closed")

        async def sender_closed() -> None:
            await shut()
            story.append("sender closed")

        stage.source.revoke, stage.publisher.close = left, closed  # type: ignore[method-assign]
        stage.sender.close = sender_closed  # type: ignore[method-assign]
        stage.publisher.gate.clear()
        stage.sender.gate.clear()
        stage.source.assign(stage.first)
        stage.write(1)
        await stage.sent(1)
        stage.stop.set()
        await until("draining", lambda: stage.runner.phase is Phase.DRAINING)
        stage.sender.gate.set()
        await until("published", lambda: bool(stage.kafka.records(stage.tier.topic)))
        assert story == []
        stage.publisher.gate.set()
        assert await stage.running is Outcome.DRAINED
        assert story == ["committed 1", "publisher closed", "sender closed"]


@pytest.mark.parametrize("held_up", ["requests", "publishes"])
async def test_a_drain_that_is_cut(held_up: str) -> None:
    """What has not ended by the deadline is counted and stays uncommitted; what has is committed."""
    async with Stage(drain=0.05) as stage:
        stage.source.assign(stage.first)
        stage.write(0)
        await stage.ended(1)
        if held_up == "requests":
            stage.sender.gate.clear()
            stage.write(1, 2)
            await stage.sent(3)
        else:
            stage.publisher.refusing = "no"
            stage.write(1, 2, payout="1")
            await until("refused", lambda: len(stage.heard.refusals) == 2)
        assert await stage.end() is Outcome.CUT
        assert stage.runner.unfinished == 2
        assert stage.position() == 1
        assert stage.publisher.published == []
        assert stage.gate.in_flight == 0


class Stubborn(FakeLane):
    """A lane that answers though it was told to give up."""

    def abandon(self) -> None:
        self._sender.gate.set()


async def test_an_answer_after_the_cut() -> None:
    """An answer that comes when all has been given up changes nothing: its record stays uncommitted."""
    stage = Stage(drain=0.05)
    stage.sender.lane = lambda: Stubborn(stage.sender)  # type: ignore[method-assign]
    async with stage:
        stage.source.assign(stage.first)
        stage.sender.gate.clear()
        stage.write(1)
        await stage.sent(1)
        assert await stage.end() is Outcome.CUT
        assert stage.heard.endings == []
        assert stage.position() == 0


async def test_a_lane_that_dies() -> None:
    """A lane that breaks ends the run with what it raised; the others' work is committed first."""
    async with Stage(drain=0.2) as stage:

        def broken(_request: object) -> Response:
            if len(stage.sender.requests) > 3:
                raise ZeroDivisionError("a bug")
            return Response(200)

        stage.sender.answer = broken
        stage.source.assign(stage.first)
        stage.write(1, 2, 3)
        await stage.ended(3)
        stage.write(4)
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await stage.running
        assert stage.position() == 3
        assert stage.runner.unfinished == 1
        assert stage.source.stopped


async def test_what_hears_of_an_answer_dies() -> None:
    """What breaks while an answer is handled ends the run with what it raised."""
    async with Stage(drain=0.2) as stage:

        def broken(outcome: str, status: str) -> None:
            raise ZeroDivisionError("a bug")

        stage.heard.attempted = broken  # type: ignore[method-assign]
        stage.source.assign(stage.first)
        stage.write(1)
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await stage.running
        assert stage.position() == 0


async def test_what_wakes_the_lanes_dies() -> None:
    """A timer that breaks ends the run with what it raised, rather than leave the lanes asleep."""
    async with Stage(drain=0.2) as stage:
        stage.source.assign(stage.first, stage.tier)
        stage.write_retry(1, due=stage.time.now() + 0.3)
        await until("held", lambda: stage.source.held == {stage.tier})

        def broken(now: float, limit: int, occupied: int) -> Held | None:
            raise ZeroDivisionError("a bug")

        stage.runner._schedule.take = broken  # type: ignore[method-assign]
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await stage.running


async def test_the_committer_dies() -> None:
    """A commit that breaks, rather than fail, ends the run with what it raised."""
    async with Stage() as stage:

        async def broken(positions: Mapping[Partition, Position]) -> Mapping[Partition, Position]:
            await asyncio.sleep(0)
            raise KeyError("a bug")

        stage.source.commit = broken  # type: ignore[method-assign]
        stage.source.assign(stage.first)
        stage.write(1)
        with pytest.raises(KeyError, match="a bug"):
            await stage.running


async def test_the_source_dies() -> None:
    """A source that ends, ends the run with its reason, and no commit is tried for long that can't count."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.source.fail(SourceFailed("fenced"))
        with pytest.raises(SourceFailed, match="fenced"):
            await stage.running
        assert stage.heard.commits == ["the source has ended"]


async def test_the_first_failure_counts() -> None:
    """Of several failures the first one is raised."""
    async with Stage() as stage:
        stage.runner.fail(RuntimeError("first"))
        stage.runner.fail(RuntimeError("second"))
        with pytest.raises(RuntimeError, match="first"):
            await stage.running


async def test_a_source_that_cannot_start() -> None:
    """A source that refuses its settings ends the run, and what was opened is closed."""
    stage = Stage()

    async def refuse(listener: object) -> None:
        await asyncio.sleep(0)
        raise SourceFailed("no such property")

    stage.source.start = refuse  # type: ignore[method-assign]
    with pytest.raises(SourceFailed, match="no such property"):
        await stage.runner.run(stage.stop)
    assert stage.publisher.closed
    assert stage.sender.closed


async def test_a_task_that_ends_by_itself() -> None:
    """A task that should live for ever and returns ends the run as one that raises does."""
    stage = Stage()

    async def short() -> None:
        await asyncio.sleep(0)

    stage.runner._committer.run = short  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="task commits ended by itself"):
        await stage.runner.run(stage.stop)


async def test_a_failure_before_the_run() -> None:
    """A failure that is told before the run has begun is raised when it begins."""
    stage = Stage()
    stage.runner.fail(RuntimeError("the producer is dead"))
    stage.stop.set()
    with pytest.raises(RuntimeError, match="the producer is dead"):
        await stage.runner.run(stage.stop)


async def test_trouble() -> None:
    """What the source says of trouble is passed on, and does not end anything."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.source.trouble("broker away")
        stage.write(1)
        await stage.committed(1)
        assert stage.heard.troubles == ["broker away"]
        assert stage.kafka.records(DLQ) == []
