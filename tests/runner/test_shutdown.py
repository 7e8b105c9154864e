"""How a run ends: in order, within bounds, and with a failure where something died."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.fakes import FakeLane
from tests.runner.harness import DLQ, Harness, until
from worker.core.answer import Response
from worker.core.assigned_partition import SOON_SECONDS, PendingRecord, Position
from worker.core.record import Partition
from worker.ports import SourceFailed
from worker.runner import Outcome, commits
from worker.runner.drain import Phase


async def test_a_drain() -> None:
    """A stop takes nothing more, lets what is in flight end, commits it, and closes everything."""
    async with Harness(concurrency=2) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(*range(10))
        await harness.sent(2)
        harness.stop.set()
        await until("draining", lambda: harness.reasons == ["draining"])
        harness.write(10)
        harness.sender.gate.set()
        assert await harness.running is Outcome.DRAINED
        assert harness.clicks == ["c-0", "c-1"]
        assert harness.position() == 2
        assert harness.runner.unfinished == 0
        assert harness.source.stopped
        assert harness.sender.closed
        assert all(lane.closed for lane in harness.sender.lanes)


async def test_the_order() -> None:
    """Requests end, publishes are acknowledged, the group is left with a last commit; then all closes."""
    async with Harness(Response(500)) as harness:
        story: list[str] = []
        revoke, shut = harness.source.revoke, harness.sender.close

        async def left(*partitions: Partition) -> None:
            await revoke(*partitions)
            story.append(f"committed {harness.position()}")

        async def sender_closed() -> None:
            await shut()
            story.append("sender closed")

        harness.source.revoke = left  # type: ignore[method-assign]
        harness.sender.close = sender_closed  # type: ignore[method-assign]
        harness.publisher.gate.clear()
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.sent(1)
        harness.stop.set()
        await until("draining", lambda: harness.runner.phase is Phase.DRAINING)
        harness.sender.gate.set()
        await until("published", lambda: bool(harness.kafka.records(harness.tier.topic)))
        assert story == []
        harness.publisher.gate.set()
        assert await harness.running is Outcome.DRAINED
        assert story == ["committed 1", "sender closed"]


@pytest.mark.parametrize("held_up", ["requests", "publishes"])
async def test_a_drain_that_is_cut(held_up: str) -> None:
    """What has not ended by the deadline is counted and stays uncommitted; what has is committed."""
    async with Harness(drain=0.05) as harness:
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.ended(1)
        if held_up == "requests":
            harness.sender.gate.clear()
            harness.write(1, 2)
            await harness.sent(3)
        else:
            harness.publisher.refusing = "no"
            harness.write(1, 2, payout="1")
            await until("refused", lambda: len(harness.heard.refusals) == 2)
        assert await harness.end() is Outcome.CUT
        assert harness.runner.unfinished == 2
        assert harness.position() == 1
        assert harness.publisher.published == []
        assert harness.gate.in_flight == 0


class Stubborn(FakeLane):
    """A lane that answers though it was told to give up."""

    def abandon(self) -> None:
        self._sender.gate.set()


async def test_an_answer_after_the_cut() -> None:
    """An answer that comes when all has been given up changes nothing: its record stays uncommitted."""
    harness = Harness(drain=0.05)
    harness.sender.lane = lambda: Stubborn(harness.sender)  # type: ignore[method-assign]
    async with harness:
        harness.source.assign(harness.first)
        harness.sender.gate.clear()
        harness.write(1)
        await harness.sent(1)
        assert await harness.end() is Outcome.CUT
        assert harness.heard.endings == []
        assert harness.position() == 0


async def test_a_lane_that_dies() -> None:
    """A lane that breaks ends the run with what it raised; the others' work is committed first."""
    async with Harness(drain=0.2) as harness:

        def broken(_request: object) -> Response:
            if len(harness.sender.requests) > 3:
                raise ZeroDivisionError("a bug")
            return Response(200)

        harness.sender.answer = broken
        harness.source.assign(harness.first)
        harness.write(1, 2, 3)
        await harness.ended(3)
        harness.write(4)
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await harness.running
        assert harness.position() == 3
        assert harness.runner.unfinished == 1
        assert harness.source.stopped


async def test_what_hears_of_an_answer_dies() -> None:
    """What breaks while an answer is handled ends the run with what it raised."""
    async with Harness(drain=0.2) as harness:

        def broken(outcome: str, status: str) -> None:
            raise ZeroDivisionError("a bug")

        harness.heard.attempted = broken  # type: ignore[method-assign]
        harness.source.assign(harness.first)
        harness.write(1)
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await harness.running
        assert harness.position() == 0


async def test_what_wakes_the_lanes_dies() -> None:
    """A timer that breaks ends the run with what it raised, rather than leave the lanes asleep."""
    async with Harness(drain=0.2) as harness:
        harness.source.assign(harness.first, harness.tier)
        harness.write_retry(1, due=harness.time.now() + SOON_SECONDS + 0.1)
        await until("held", lambda: harness.source.paused == {harness.tier})

        def broken(now: float, limit: int, occupied: int) -> PendingRecord | None:
            raise ZeroDivisionError("a bug")

        harness.runner._intake.schedule.take = broken  # type: ignore[method-assign]
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await harness.running


async def test_the_committer_dies() -> None:
    """A commit that breaks, rather than fail, ends the run with what it raised."""
    async with Harness() as harness:

        async def broken(positions: Mapping[Partition, Position]) -> Mapping[Partition, Position]:
            await asyncio.sleep(0)
            raise KeyError("a bug")

        harness.source.commit = broken  # type: ignore[method-assign]
        harness.source.assign(harness.first)
        harness.write(1)
        with pytest.raises(KeyError, match="a bug"):
            await harness.running


async def test_the_source_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that ends, ends the run with its reason, and no commit is tried for long that can't count."""
    monkeypatch.setattr(commits, "TICK_SECONDS", 60.0)
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.source.fail(SourceFailed("fenced"))
        with pytest.raises(SourceFailed, match="fenced"):
            await harness.running
        assert harness.heard.commits == ["the source has ended"]


async def test_the_first_failure_counts() -> None:
    """Of several failures the first one is raised."""
    async with Harness() as harness:
        harness.runner.fail(RuntimeError("first"))
        harness.runner.fail(RuntimeError("second"))
        with pytest.raises(RuntimeError, match="first"):
            await harness.running


async def test_a_source_that_cannot_start() -> None:
    """A source that refuses its settings ends the run, and what was opened is closed."""
    harness = Harness()

    async def refuse(listener: object) -> None:
        await asyncio.sleep(0)
        raise SourceFailed("no such property")

    harness.source.start = refuse  # type: ignore[method-assign]
    with pytest.raises(SourceFailed, match="no such property"):
        await harness.runner.run(harness.stop)
    assert harness.sender.closed
    assert harness.sender.closed


async def test_a_task_that_ends_by_itself() -> None:
    """A task that should live for ever and returns ends the run as one that raises does."""
    harness = Harness()

    async def short() -> None:
        await asyncio.sleep(0)

    harness.runner._delivery.committer.run = short  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="task commits ended by itself"):
        await harness.runner.run(harness.stop)


async def test_a_failure_before_the_run() -> None:
    """A failure that is reported before the run has begun is raised when it begins."""
    harness = Harness()
    harness.runner.fail(RuntimeError("the producer is dead"))
    harness.stop.set()
    with pytest.raises(RuntimeError, match="the producer is dead"):
        await harness.runner.run(harness.stop)


async def test_trouble() -> None:
    """What the source says of trouble is passed on, and does not end anything."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.source.trouble("broker away")
        harness.write(1)
        await harness.committed(1)
        assert harness.heard.troubles == ["broker away"]
        assert harness.kafka.records(DLQ) == []
