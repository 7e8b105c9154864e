"""Waiting is not blocking: a tier's record goes when it is due and not before, and the source flows on."""

from __future__ import annotations

import pytest

from schemas import WorkerHeaders
from tests.runner.stage import SHORT, Stage, conversion, some_turns, until
from worker.adapters.clock import SystemClock
from worker.core.answer import Response
from worker.core.record import Headers
from worker.core.retry import Tier


async def test_a_head_that_is_not_due() -> None:
    """A tier whose head is not due is held back and sends nothing, while the source flows on."""
    async with Stage() as stage:
        stage.source.assign(stage.first, stage.tier)
        stage.write_retry(1, due=stage.time.now() + 9)
        stage.write_retry(2, due=stage.time.now() + 9.5)
        await until("held", lambda: stage.source.held == {stage.tier})
        stage.write(*range(10, 20))
        await stage.committed(10)
        assert "c-1" not in stage.clicks
        assert stage.runner.snapshot().paused == 1

        stage.time.advance(8.99)
        stage.write(20)
        await stage.committed(11)
        assert "c-1" not in stage.clicks

        stage.time.advance(0.01)
        stage.write(21)
        await stage.committed(1, stage.tier)
        assert "c-2" not in stage.clicks

        stage.time.advance(0.5)
        stage.write(22)
        await stage.committed(2, stage.tier)
        assert stage.source.held == set()


async def test_by_itself() -> None:
    """A tier's head is sent at its due time by a timer, with nothing else to wake the lanes."""
    clock = SystemClock()
    sent_at: list[float] = []
    async with Stage(clock=clock, tier_topics={Tier("400ms", 0.4): "worker.retry.400ms"}) as stage:

        def answer(_request: object) -> Response:
            sent_at.append(clock.now())
            return Response(200)

        stage.sender.answer = answer
        stage.source.assign(stage.first, stage.tier)
        due = clock.now() + 0.35
        headers = WorkerHeaders(attempts=1, due_at=due).write()
        at = clock.now()
        stage.kafka.append(stage.tier, _conversion_at(at), b"key", headers)
        await stage.committed(1, stage.tier)
        assert sent_at[0] >= due


def _conversion_at(now: float) -> bytes:
    from datetime import UTC, datetime

    return conversion(1, occurred_at=datetime.fromtimestamp(now, UTC).isoformat())


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("postback-due-at", b"soon"), ("postback-attempts", b"-7")],
        [("postback-due-at", None), ("postback-origin", b"\xff"), ("postback-status", b"999999")],
    ],
)
async def test_broken_headers(headers: Headers) -> None:
    """A tier's record with missing or broken headers is due now, and counts as one attempt made."""
    async with Stage(Response(500)) as stage:
        stage.source.assign(stage.first, stage.tier)
        stage.kafka.append(stage.tier, conversion(1), b"key", headers)
        await stage.committed(1, stage.tier)
        onward = stage.kafka.records("worker.retry.1m")[0]
        read = WorkerHeaders.read(onward.headers)
        assert (read.attempts, read.origin) == (2, "worker.retry.10s/0/0")
        assert len(onward.headers) == len(read.write())  # replaced, not added up


async def test_a_due_time_beyond_the_tier() -> None:
    """A forged due time does not hold a tier for longer than the tier's own delay."""
    async with Stage() as stage:
        stage.source.assign(stage.first, stage.tier)
        stage.write_retry(1, due=stage.time.now() + 1e6)
        await until("held", lambda: stage.source.held == {stage.tier})
        stage.time.advance(SHORT.seconds)
        stage.write(2)
        await stage.committed(1, stage.tier)


async def test_headers_on_the_source() -> None:
    """On the source the worker's own headers are ignored: the event is sent now, as its first attempt."""
    async with Stage(Response(500)) as stage:
        headers = WorkerHeaders(attempts=2, due_at=stage.time.now() + 9, origin="x/1/2", replays=3).write()
        stage.kafka.append(stage.first, conversion(1), b"key", headers)
        stage.source.assign(stage.first)
        await stage.committed(1)
        read = WorkerHeaders.read(stage.kafka.records(stage.tier.topic)[0].headers)
        assert (read.attempts, read.origin, read.replays) == (1, "conversions/0/0", 3)


async def test_how_late_a_tier_is() -> None:
    """The lateness of a tier is that of its head, 0 while it is in time."""
    async with Stage(concurrency=1) as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first, stage.tier)
        stage.write(1)
        await stage.sent(1)  # the only lane is busy
        stage.write_retry(2, due=stage.time.now() + 5)
        await until("held", lambda: stage.source.held == {stage.tier})
        assert stage.runner.snapshot().overdue == {"10s": 0.0}
        stage.time.advance(12)
        assert stage.runner.snapshot().overdue == {"10s": pytest.approx(7.0)}


async def test_a_partition_revoked_while_it_waits() -> None:
    """A tier that waits for its head is handed over at once, uncommitted, and is not sent later."""
    async with Stage() as stage:
        stage.source.assign(stage.first, stage.tier)
        stage.write_retry(1, due=stage.time.now() + 5)
        await until("held", lambda: stage.source.held == {stage.tier})
        await stage.source.revoke(stage.tier)
        stage.time.advance(60)
        stage.write(2)
        await stage.committed(1)
        await some_turns()
        assert stage.clicks == ["c-2"]
        assert stage.position(stage.tier) == 0


async def test_a_clock_set_forward() -> None:
    """A tier's head that is due since the clock was set forward goes with nothing else to wake the lanes."""
    async with Stage() as stage:
        stage.source.assign(stage.first, stage.tier)
        stage.write_retry(1, due=stage.time.now() + 9)
        await until("held", lambda: stage.source.held == {stage.tier})
        stage.time.step(9.5)
        await stage.committed(1, stage.tier)


async def test_a_clock_set_back() -> None:
    """When the clock was set back a tier's records wait its delay from then, no more and no less."""
    async with Stage() as stage:
        stage.source.assign(stage.first, stage.tier)
        for number, wait in ((1, 9.0), (2, 9.5)):
            stage.write_retry(number, due=stage.time.now() + wait)
        await until("held", lambda: stage.source.held == {stage.tier})
        stage.time.step(-3600)
        due = stage.time.now() + SHORT.seconds
        await until("noticed", lambda: stage.runner._schedule.wake_at() == due)
        stage.time.advance(SHORT.seconds - 0.01)
        stage.write(10)
        await stage.committed(1)
        assert stage.clicks == ["c-10"]
        stage.time.advance(0.01)
        await stage.committed(2, stage.tier)
        assert stage.clicks == ["c-10", "c-1", "c-2"]
