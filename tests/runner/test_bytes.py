"""What is held is bounded in bytes, and each byte that was read is given back once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.runner.harness import Harness, conversion, some_turns, until
from tests.runner.test_cancelling import CANCEL, GIVEN, SEVEN, wait
from tests.runner.test_cancelling import harness as with_orders
from worker.core.answer import Response
from worker.core.orders import CancelOrder, HurryOrder
from worker.core.record import Record

LARGE = 10_000


def write_large(harness: Harness, *numbers: int, size: int = LARGE) -> None:
    """Write large events to the first partition."""
    for number in numbers:
        harness.kafka.append(harness.first, conversion(number, filler="x" * size), b"key")


def in_memory(harness: Harness) -> int:
    """Bytes of all records that wait or are under way."""
    partitions = harness.runner._intake.partitions.values()
    waiting = sum(pending.record.size for partition in partitions for pending in partition.waiting)
    return waiting + sum(record.size for partition in partitions for record in partition.busy.values())


def counted(harness: Harness) -> int:
    """What is held, counted anew."""
    harness.runner._intake.relief.count()
    assert harness.held_bytes.count >= in_memory(harness)
    return harness.held_bytes.count


def watch(harness: Harness) -> list[int]:
    """Note what is in memory after each batch, and that no less is counted."""
    seen: list[int] = []
    accept = harness.runner._intake.accept

    def watched(records: Sequence[Record]) -> None:
        accept(records)
        assert harness.held_bytes.count >= in_memory(harness)
        seen.append(in_memory(harness))

    harness.runner._intake.accept = watched  # type: ignore[method-assign]
    return seen


async def test_bounded() -> None:
    """Of a backlog of large records no more is held than the bound and one record; all are delivered."""
    async with Harness(concurrency=64, held_bytes=100_000) as harness:
        seen = watch(harness)
        harness.source.assign(harness.first)
        write_large(harness, *range(60))
        await harness.committed(60)
        assert max(seen) <= 100_000 + LARGE + 1000
        await until("all given back", lambda: counted(harness) == 0)


async def test_one_larger_than_all() -> None:
    """A record that is larger than the bound is delivered, alone."""
    async with Harness(held_bytes=1000) as harness:
        seen = watch(harness)
        harness.source.assign(harness.first)
        write_large(harness, *range(3), size=5000)
        await harness.committed(3)
        assert max(seen) < 6000


async def test_beside_large_ones_that_hang() -> None:
    """Beside a partition whose large records hang another one's records are read and delivered."""
    async with Harness(concurrency=64, held_bytes=100_000) as harness:
        harness.gate.limit.value = 64
        harness.source.assign(harness.first, harness.second)
        hanging, harness.sender.gate = asyncio.Event(), asyncio.Event()
        flowing, harness.sender.gate = harness.sender.gate, hanging
        write_large(harness, *range(50))
        await harness.sent(1)
        await some_turns()
        harness.sender.gate = flowing
        flowing.set()
        harness.write(*range(100, 120), at=harness.second)
        await harness.committed(20, harness.second)
        hanging.set()
        await harness.committed(50)


async def test_small_after_large() -> None:
    """A partition whose records are small again has its whole room again."""
    async with Harness(concurrency=64, outstanding=100, held_bytes=100_000) as harness:
        harness.source.assign(harness.first)
        write_large(harness, *range(20))
        await harness.committed(20)
        harness.sender.gate.clear()
        harness.write(*range(100, 400))
        for_all = lambda: harness.runner.snapshot().partitions[0].outstanding == 100  # noqa: E731
        await until("its whole room", for_all)
        harness.sender.gate.set()
        await harness.committed(320)


@pytest.mark.parametrize("order", [CANCEL, HurryOrder(GIVEN, "n", SEVEN)])
async def test_an_order_about_what_was_given_back(order: CancelOrder | HurryOrder) -> None:
    """An order applies to what waits in Kafka for want of bytes, too, before it is due."""
    it, orders = with_orders(held_bytes=6_000)
    async with it:
        watch(it)
        it.source.assign(it.tier)
        for number in range(20):
            wait(it, number, it.time.now() + 9, "7")
        await until("held back", lambda: it.source.paused == {it.tier})
        await until("all waits in Kafka", lambda: counted(it) == 0)
        orders.give(order)
        await it.committed(20, it.tier)


async def test_given_back_with_a_due_time_far_ahead() -> None:
    """A record that claims to be due in a year waits for its tier's delay, however often it is read again."""
    async with Harness(held_bytes=6_000) as harness:
        watch(harness)
        harness.source.assign(harness.tier)
        for number in range(20):
            harness.write_retry(number, due=harness.time.now() + 365 * 86400)
        await until("held back", lambda: harness.source.paused == {harness.tier})
        await until("all waits in Kafka", lambda: counted(harness) == 0)
        harness.time.advance(11)
        await harness.sent(15)
        await some_turns()
        harness.time.advance(11)  # those that were not read before
        harness.runner._delivery.lanes.pump()
        await harness.committed(20, harness.tier)
        assert len(harness.clicks) == 20


async def test_what_is_not_due_is_given_back_to_kafka() -> None:
    """Where bytes are short a tier's records that are not due are not held; once due they are sent once."""
    async with Harness(held_bytes=6_000) as harness:
        watch(harness)
        due = harness.time.now() + 9
        harness.source.assign(harness.first, harness.tier)
        for number in range(20):
            harness.write_retry(number, due=due + number)
        await until("held back", lambda: harness.source.paused == {harness.tier})
        await until("all waits in Kafka", lambda: counted(harness) == 0)
        harness.write(*range(100, 140))
        await harness.committed(40)
        assert len(harness.clicks) == 40
        overdue = harness.runner.snapshot().overdue
        assert overdue["10s"] == 0.0
        harness.time.advance(9 + 20)
        await harness.committed(20, harness.tier)
        assert harness.clicks[40:] == [f"c-{number}" for number in range(20)]


async def test_given_back_and_lost() -> None:
    """A partition that rests with nothing in memory may be lost, and comes back whole."""
    async with Harness(held_bytes=1_000) as harness:
        harness.source.assign(harness.tier)
        for number in range(10):
            harness.write_retry(number, due=harness.time.now() + 9)
        await until("held back", lambda: harness.source.paused == {harness.tier})
        await until("all waits in Kafka", lambda: counted(harness) == 0)
        harness.source.lose(harness.tier)
        harness.time.advance(20)
        harness.source.assign(harness.tier)
        await harness.committed(10, harness.tier)
        assert sorted(harness.clicks) == sorted(f"c-{number}" for number in range(10))


@pytest.mark.parametrize("away", ["revoked", "lost", "lost while a publish is refused", "made anew"])
async def test_what_goes_away(away: str) -> None:
    """The bytes of a partition that goes away are given back, whatever was under way of it."""
    answer = Response(500 if "publish" in away else 200)
    async with Harness(answer, concurrency=1) as harness:
        if "publish" in away:
            harness.publisher.refusing = "no"
        else:
            harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(*range(5))
        await until("read", lambda: counted(harness) > 0)
        await until("under way", lambda: len(harness.sender.requests) > 0)
        if away == "revoked":
            revoking = asyncio.create_task(harness.source.revoke(harness.first))
            await some_turns()
            harness.sender.gate.set()
            await revoking
        elif away == "made anew":
            harness.kafka.make_anew(harness.first.topic)
            harness.source.made_anew(harness.first.topic)
        else:
            harness.source.lose(harness.first)
        harness.sender.gate.set()
        await until("all given back", lambda: counted(harness) == 0)


async def test_given_back_untried() -> None:
    """A record that is put back in line is held still; one of a partition that is gone is not."""
    async with Harness(concurrency=1) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(1, 2)
        await harness.sent(1)
        (partition,) = harness.runner._intake.partitions.values()
        both = counted(harness)
        pending = partition.waiting[0]
        harness.runner._delivery.on_taken(
            harness.runner._intake.schedule.take(harness.time.now(), 2, 0) or pending
        )
        harness.runner._delivery.on_given_back(pending)
        assert counted(harness) == both
        harness.source.lose(harness.first)
        harness.sender.gate.set()
        await until("all given back", lambda: counted(harness) == 0)


async def test_skipped_and_strange() -> None:
    """What was finished before, and what comes for a partition that is not ours, is not held."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        stranger = harness.kafka.append(harness.second, conversion(9))
        harness.held_bytes.reader().count += stranger.size
        harness.runner._rebalances.on_records([stranger])
        assert counted(harness) == 0


async def test_counted_again_by_itself() -> None:
    """What has ended makes room for what is to be read, though no lane asks for more (a rate, a pause)."""
    async with Harness(concurrency=8, held_bytes=10_000) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first, harness.second)
        for at in (harness.first, harness.second):
            harness.write(1, 2, at=at, filler="x" * 6000)
        await harness.sent(2)
        assert harness.held_bytes.left == 0
        harness.gate.admits = lambda now: False  # type: ignore[method-assign] # noqa: ARG005
        harness.sender.gate.set()
        await harness.ended(2)
        await until("the next are read", lambda: harness.heard.taken.total() == 4)
        del harness.gate.admits
        harness.runner._delivery.lanes.pump()
        await harness.committed(2)
        await harness.committed(2, harness.second)
