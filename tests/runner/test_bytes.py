"""What is held is bounded in bytes, and each byte that was read is given back once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.runner.stage import Stage, conversion, some_turns, until
from worker.core.answer import Response
from worker.core.record import Record

LARGE = 10_000


def write_large(stage: Stage, *numbers: int, size: int = LARGE) -> None:
    """Write large events to the first partition."""
    for number in numbers:
        stage.kafka.append(stage.first, conversion(number, filler="x" * size), b"key")


def in_memory(stage: Stage) -> int:
    """Bytes of all records that wait or are under way."""
    holdings = stage.runner._intake.holdings.values()
    waiting = sum(held.record.size for holding in holdings for held in holding.waiting)
    return waiting + sum(record.size for holding in holdings for record in holding.busy.values())


def counted(stage: Stage) -> int:
    """What is held, counted anew."""
    stage.runner._intake._relief.count()
    assert stage.held_bytes.count >= in_memory(stage)
    return stage.held_bytes.count


def watch(stage: Stage) -> list[int]:
    """Note what is in memory after each batch, and that no less is counted."""
    seen: list[int] = []
    accept = stage.runner._intake.accept

    def watched(records: Sequence[Record]) -> None:
        accept(records)
        assert stage.held_bytes.count >= in_memory(stage)
        seen.append(in_memory(stage))

    stage.runner._intake.accept = watched  # type: ignore[method-assign]
    return seen


async def test_bounded() -> None:
    """Of a backlog of large records no more is held than the bound and one record; all are delivered."""
    async with Stage(concurrency=64, held_bytes=100_000) as stage:
        seen = watch(stage)
        stage.source.assign(stage.first)
        write_large(stage, *range(60))
        await stage.committed(60)
        assert max(seen) <= 100_000 + LARGE + 1000
        await until("all given back", lambda: counted(stage) == 0)


async def test_one_larger_than_all() -> None:
    """A record that is larger than the bound is delivered, alone."""
    async with Stage(held_bytes=1000) as stage:
        seen = watch(stage)
        stage.source.assign(stage.first)
        write_large(stage, *range(3), size=5000)
        await stage.committed(3)
        assert max(seen) < 6000


async def test_beside_large_ones_that_hang() -> None:
    """Beside a partition whose large records hang another one's records are read and delivered."""
    async with Stage(concurrency=64, held_bytes=100_000) as stage:
        stage.gate.limit.value = 64
        stage.source.assign(stage.first, stage.second)
        hanging, stage.sender.gate = asyncio.Event(), asyncio.Event()
        flowing, stage.sender.gate = stage.sender.gate, hanging
        write_large(stage, *range(50))
        await stage.sent(1)
        await some_turns()
        stage.sender.gate = flowing
        flowing.set()
        stage.write(*range(100, 120), at=stage.second)
        await stage.committed(20, stage.second)
        hanging.set()
        await stage.committed(50)


async def test_small_after_large() -> None:
    """A partition whose records are small again has its whole room again."""
    async with Stage(concurrency=64, outstanding=100, held_bytes=100_000) as stage:
        stage.source.assign(stage.first)
        write_large(stage, *range(20))
        await stage.committed(20)
        stage.sender.gate.clear()
        stage.write(*range(100, 400))
        for_all = lambda: stage.runner.snapshot().partitions[0].outstanding == 100  # noqa: E731
        await until("its whole room", for_all)
        stage.sender.gate.set()
        await stage.committed(320)


async def test_what_is_not_due_is_given_back_to_kafka() -> None:
    """Where bytes are short a tier's records that are not due are not held; once due they are sent once."""
    async with Stage(held_bytes=6_000) as stage:
        watch(stage)
        due = stage.time.now() + 9
        stage.source.assign(stage.first, stage.tier)
        for number in range(20):
            stage.write_retry(number, due=due + number)
        await until("held back", lambda: stage.source.held == {stage.tier})
        await until("all waits in Kafka", lambda: counted(stage) == 0)
        stage.write(*range(100, 140))
        await stage.committed(40)
        assert len(stage.clicks) == 40
        overdue = stage.runner.snapshot().overdue
        assert overdue["10s"] == 0.0
        stage.time.advance(9 + 20)
        await stage.committed(20, stage.tier)
        assert stage.clicks[40:] == [f"c-{number}" for number in range(20)]


async def test_given_back_and_lost() -> None:
    """A partition that rests with nothing in memory may be lost, and comes back whole."""
    async with Stage(held_bytes=1_000) as stage:
        stage.source.assign(stage.tier)
        for number in range(10):
            stage.write_retry(number, due=stage.time.now() + 9)
        await until("held back", lambda: stage.source.held == {stage.tier})
        await until("all waits in Kafka", lambda: counted(stage) == 0)
        stage.source.lose(stage.tier)
        stage.time.advance(20)
        stage.source.assign(stage.tier)
        await stage.committed(10, stage.tier)
        assert sorted(stage.clicks) == sorted(f"c-{number}" for number in range(10))


@pytest.mark.parametrize("away", ["revoked", "lost", "lost while a publish is refused", "made anew"])
async def test_what_goes_away(away: str) -> None:
    """The bytes of a partition that goes away are given back, whatever was under way of it."""
    answer = Response(500 if "publish" in away else 200)
    async with Stage(answer, concurrency=1) as stage:
        if "publish" in away:
            stage.publisher.refusing = "no"
        else:
            stage.sender.gate.clear()
        stage.source.assign(stage.first)
        stage.write(*range(5))
        await until("read", lambda: counted(stage) > 0)
        await until("under way", lambda: len(stage.sender.requests) > 0)
        if away == "revoked":
            revoking = asyncio.create_task(stage.source.revoke(stage.first))
            await some_turns()
            stage.sender.gate.set()
            await revoking
        elif away == "made anew":
            stage.kafka.make_anew(stage.first.topic)
            stage.source.made_anew(stage.first.topic)
        else:
            stage.source.lose(stage.first)
        stage.sender.gate.set()
        await until("all given back", lambda: counted(stage) == 0)


async def test_given_back_untried() -> None:
    """A record that is put back in line is held still; one of a partition that is gone is not."""
    async with Stage(concurrency=1) as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first)
        stage.write(1, 2)
        await stage.sent(1)
        (holding,) = stage.runner._intake.holdings.values()
        both = counted(stage)
        held = holding.waiting[0]
        stage.runner.on_taken(stage.runner._schedule.take(stage.time.now(), 2, 0) or held)
        stage.runner.on_given_back(held)
        assert counted(stage) == both
        stage.source.lose(stage.first)
        stage.sender.gate.set()
        await until("all given back", lambda: counted(stage) == 0)


async def test_skipped_and_strange() -> None:
    """What was finished before, and what comes for a partition that is not ours, is not held."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stranger = stage.kafka.append(stage.second, conversion(9))
        stage.held_bytes.reader().count += stranger.size
        stage.runner.on_records([stranger])
        assert counted(stage) == 0


async def test_counted_again_by_itself() -> None:
    """What has ended makes room for what is to be read, though no lane asks for more (a rate, a pause)."""
    async with Stage(concurrency=8, held_bytes=10_000) as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first, stage.second)
        for at in (stage.first, stage.second):
            stage.write(1, 2, at=at, filler="x" * 6000)
        await stage.sent(2)
        assert stage.held_bytes.left == 0
        stage.gate.admits = lambda now: False  # type: ignore[method-assign] # noqa: ARG005
        stage.sender.gate.set()
        await stage.ended(2)
        await until("the next are read", lambda: stage.heard.taken.total() == 4)
        del stage.gate.admits
        stage.runner._lanes.pump()
        await stage.committed(2)
        await stage.committed(2, stage.second)
