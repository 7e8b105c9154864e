"""Waiting is not blocking: a tier's record goes when it is due and not before, and the source flows on."""

from __future__ import annotations

import pytest

from schemas import WorkerHeaders
from tests.runner.harness import SHORT, Harness, conversion, some_turns, until
from worker.adapters.clock import SystemClock
from worker.core.answer import Response
from worker.core.record import Headers
from worker.core.retry import Tier


async def test_a_head_that_is_not_due() -> None:
    """A tier whose head is not due is held back and sends nothing, while the source flows on."""
    async with Harness() as harness:
        harness.source.assign(harness.first, harness.tier)
        harness.write_retry(1, due=harness.time.now() + 9)
        harness.write_retry(2, due=harness.time.now() + 9.5)
        await until("held", lambda: harness.source.paused == {harness.tier})
        harness.write(*range(10, 20))
        await harness.committed(10)
        assert "c-1" not in harness.clicks
        assert harness.runner.snapshot().paused == 1

        harness.time.advance(8.99)
        harness.write(20)
        await harness.committed(11)
        assert "c-1" not in harness.clicks

        harness.time.advance(0.01)
        harness.write(21)
        await harness.committed(1, harness.tier)
        assert "c-2" not in harness.clicks

        harness.time.advance(0.5)
        harness.write(22)
        await harness.committed(2, harness.tier)
        assert harness.source.paused == set()


async def test_by_itself() -> None:
    """A tier's head is sent at its due time by a timer, with nothing else to wake the lanes."""
    clock = SystemClock()
    sent_at: list[float] = []
    async with Harness(clock=clock, tier_topics={Tier("400ms", 0.4): "worker.retry.400ms"}) as harness:

        def answer(_request: object) -> Response:
            sent_at.append(clock.now())
            return Response(200)

        harness.sender.answer = answer
        harness.source.assign(harness.first, harness.tier)
        due = clock.now() + 0.35
        headers = WorkerHeaders(attempts=1, due_at=due).write()
        at = clock.now()
        harness.kafka.append(harness.tier, _conversion_at(at), b"key", headers)
        await harness.committed(1, harness.tier)
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
    async with Harness(Response(500)) as harness:
        harness.source.assign(harness.first, harness.tier)
        harness.kafka.append(harness.tier, conversion(1), b"key", headers)
        await harness.committed(1, harness.tier)
        onward = harness.kafka.records("worker.retry.1m")[0]
        read = WorkerHeaders.read(onward.headers)
        assert (read.attempts, read.origin) == (2, "worker.retry.10s/0/0")
        assert len(onward.headers) == len(read.write())  # replaced, not added up


async def test_a_due_time_beyond_the_tier() -> None:
    """A forged due time does not hold a tier for longer than the tier's own delay."""
    async with Harness() as harness:
        harness.source.assign(harness.first, harness.tier)
        harness.write_retry(1, due=harness.time.now() + 1e6)
        await until("held", lambda: harness.source.paused == {harness.tier})
        harness.time.advance(SHORT.seconds)
        harness.write(2)
        await harness.committed(1, harness.tier)


async def test_headers_on_the_source() -> None:
    """On the source the worker's own headers are ignored: the event is sent now, as its first attempt."""
    async with Harness(Response(500)) as harness:
        headers = WorkerHeaders(attempts=2, due_at=harness.time.now() + 9, origin="x/1/2", replays=3).write()
        harness.kafka.append(harness.first, conversion(1), b"key", headers)
        harness.source.assign(harness.first)
        await harness.committed(1)
        read = WorkerHeaders.read(harness.kafka.records(harness.tier.topic)[0].headers)
        assert (read.attempts, read.origin, read.replays) == (1, "conversions/0/0", 3)


async def test_how_late_a_tier_is() -> None:
    """The lateness of a tier is that of its head, 0 while it is in time."""
    async with Harness(concurrency=1) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first, harness.tier)
        harness.write(1)
        await harness.sent(1)  # the only lane is busy
        harness.write_retry(2, due=harness.time.now() + 5)
        await until("held", lambda: harness.source.paused == {harness.tier})
        assert harness.runner.snapshot().overdue == {"10s": 0.0}
        harness.time.advance(12)
        assert harness.runner.snapshot().overdue == {"10s": pytest.approx(7.0)}


async def test_a_partition_revoked_while_it_waits() -> None:
    """A tier that waits for its head is handed over at once, uncommitted, and is not sent later."""
    async with Harness() as harness:
        harness.source.assign(harness.first, harness.tier)
        harness.write_retry(1, due=harness.time.now() + 5)
        await until("held", lambda: harness.source.paused == {harness.tier})
        await harness.source.revoke(harness.tier)
        harness.time.advance(60)
        harness.write(2)
        await harness.committed(1)
        await some_turns()
        assert harness.clicks == ["c-2"]
        assert harness.position(harness.tier) == 0


async def test_a_clock_set_forward() -> None:
    """A tier's head that is due since the clock was set forward goes with nothing else to wake the lanes."""
    async with Harness() as harness:
        harness.source.assign(harness.first, harness.tier)
        harness.write_retry(1, due=harness.time.now() + 9)
        await until("held", lambda: harness.source.paused == {harness.tier})
        harness.time.step(9.5)
        await harness.committed(1, harness.tier)


async def test_a_clock_set_back() -> None:
    """When the clock was set back a tier's records wait its delay from then, no more and no less."""
    async with Harness() as harness:
        harness.source.assign(harness.first, harness.tier)
        for number, wait in ((1, 9.0), (2, 9.5)):
            harness.write_retry(number, due=harness.time.now() + wait)
        await until("held", lambda: harness.source.paused == {harness.tier})
        harness.time.step(-3600)
        due = harness.time.now() + SHORT.seconds
        await until("noticed", lambda: harness.runner._intake.schedule.wake_at() == due)
        harness.time.advance(SHORT.seconds - 0.01)
        harness.write(10)
        await harness.committed(1)
        assert harness.clicks == ["c-10"]
        harness.time.advance(0.01)
        await harness.committed(2, harness.tier)
        assert harness.clicks == ["c-10", "c-1", "c-2"]
