"""What a worker sees of itself for the number of workers that are wanted."""

from __future__ import annotations

import pytest

from tests.runner.harness import Harness, until
from worker.core.place import Place
from worker.core.routing import Router, sorted_routes
from worker.core.unreadable import StoppedPartition
from worker.runner import scaling


def look(harness: Harness, times: int) -> float:
    """Look so many times, as time passes; how many are wanted then."""
    for _ in range(times):
        harness.time.advance(scaling.LOOK_EVERY_SECONDS)
        harness.runner._scaling.look()
    return harness.runner.snapshot().workers_wanted


async def delivers_then_is_busy(harness: Harness) -> None:
    """Deliver a few, then have every lane busy, and many more waiting."""
    harness.source.assign(harness.first, harness.second)
    look(harness, 1)
    harness.write(*range(8))
    await harness.ended(8)
    look(harness, 1)
    harness.sender.gate.clear()
    harness.write(*range(8, 60))
    await harness.sent(12)


async def test_one_that_is_busy_wants_others() -> None:
    """A worker with every lane busy, and more waiting than it can send, wants one for each partition."""
    async with Harness(concurrency=4) as harness:
        await delivers_then_is_busy(harness)
        harness.gate.limit.value = harness.gate.limit.most
        assert look(harness, 30) == 2.0


async def test_lanes_that_are_kept_free_are_not_idle() -> None:
    """A worker of which every lane is in use but those that are kept free is busy all over."""
    async with Harness(concurrency=16) as harness:
        harness.gate.limit.value = harness.gate.limit.most
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(*range(100))
        await harness.sent(14)
        load = harness.runner._scaling._load(harness.time.monotonic())
        assert load.busy == 1.0


async def test_a_processor_that_is_busy_counts_as_lanes_do() -> None:
    """A worker that has lanes to spare, and no processor, is busy."""
    async with Harness(concurrency=100) as harness:
        harness.source.assign(harness.first)
        look(harness, 1)
        for number in range(20):
            harness.time.used += 0.6 * scaling.LOOK_EVERY_SECONDS
            harness.write(number)
            await harness.ended(number + 1)
            look(harness, 1)
        assert look(harness, 0) == pytest.approx(0.6 / 0.8, rel=0.02)


async def test_what_waits_wants_none() -> None:
    """For records of a tier that are not due no worker is wanted."""
    async with Harness() as harness:
        harness.source.assign(harness.first, harness.tier)
        for number in range(50):
            harness.write_retry(number, harness.time.now() + 600.0)
        await until("they are read", lambda: harness.source.watermarks()[harness.tier].high == 50)
        assert look(harness, 20) == 0.0


async def test_what_is_passed_over_is_no_work() -> None:
    """Events of another destination, which are done as they are read, are told from those that were sent."""
    router = Router("voluum", sorted_routes({"voluum": {"network": frozenset({"voluum"})}, "binom": {}}))
    async with Harness(router=router) as harness:
        harness.source.assign(harness.first)
        for number in range(20):
            harness.write(number, network="voluum" if number == 3 else "binom")
        await harness.committed(20)
        load = harness.runner._scaling._load(harness.time.monotonic())
        assert load.passed == 19
        assert load.work[harness.first].done == 20


async def test_one_that_may_not_send_wants_no_other() -> None:
    """While nothing is sent, for the sake of a pause or of commits, a worker wants itself alone."""
    async with Harness(concurrency=4) as harness:
        await delivers_then_is_busy(harness)
        harness.runner._delivery.pause(True)
        assert look(harness, 20) == pytest.approx(1.0)


async def test_a_partition_that_stands_still_is_no_work() -> None:
    """What lies behind a record that can't be read wants no worker."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.source.ends[harness.first] = 1_000
        assert look(harness, 2) == 1.0
        harness.source.standing.append(StoppedPartition(Place(harness.first, 0), "a rotted byte"))
        assert look(harness, 200) == 0.0


async def test_it_looks_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that runs looks every few seconds."""
    monkeypatch.setattr(scaling, "LOOK_EVERY_SECONDS", 0.002)
    async with Harness() as harness:
        harness.source.ends[harness.first] = 1_000
        harness.source.assign(harness.first)
        for _ in range(3):
            harness.time.advance(1.0)
            looked_at = harness.runner._scaling._looked_at
            await until("a look", lambda before=looked_at: harness.runner._scaling._looked_at > before)  # type: ignore[misc]
        assert harness.runner.snapshot().workers_wanted == 1.0
