"""A topic that is deleted and made again under a worker."""

from __future__ import annotations

from tests.runner.stage import SOURCE, Stage, some_turns
from worker.core.answer import Response


async def test_a_request_in_flight() -> None:
    """An ending of the deleted log counts for nothing in the new one."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.write(0, 1, 2)
        await stage.ended(3)
        stage.sender.gate.clear()
        stage.write(3, 4)
        await stage.sent(5)
        stage.kafka.make_anew(SOURCE)
        stage.source.made_anew(SOURCE)
        stage.write(10)
        await stage.sent(6)
        stage.sender.gate.set()
        await stage.committed(1)
        assert stage.clicks == [f"c-{number}" for number in (0, 1, 2, 3, 4, 10)]
        assert stage.heard.made_anews == [(SOURCE, 0, 2)]


async def test_a_failure_in_flight() -> None:
    """What fails that was under way goes to its tier all the same: nobody else has it."""
    async with Stage(Response(500)) as stage:
        stage.source.assign(stage.first)
        stage.sender.gate.clear()
        stage.write(0)
        await stage.sent(1)
        stage.kafka.make_anew(SOURCE)
        stage.source.made_anew(SOURCE)
        stage.sender.gate.set()
        await stage.ended(1)
        assert [message.topic for message in stage.publisher.published] == [stage.tier.topic]


async def test_what_was_held() -> None:
    """What was held of the deleted log and not begun is discarded, and said."""
    async with Stage(concurrency=1) as stage:
        stage.source.assign(stage.first)
        stage.sender.gate.clear()
        stage.write(*range(5))
        await stage.sent(1)
        await some_turns()
        stage.kafka.make_anew(SOURCE)
        stage.source.made_anew(SOURCE)
        stage.write(10)
        stage.sender.gate.set()
        await stage.committed(1)
        assert stage.clicks == ["c-0", "c-10"]
        assert stage.heard.made_anews == [(SOURCE, 4, 1)]


async def test_a_tier() -> None:
    """A tier is made anew like the source: what waited in it is gone, and what is new flows."""
    async with Stage() as stage:
        stage.source.assign(stage.tier)
        stage.write_retry(0, due=stage.time.now() + 1000)
        await some_turns()
        stage.kafka.make_anew(stage.tier.topic)
        stage.source.made_anew(stage.tier.topic)
        stage.write_retry(1, due=stage.time.now())
        await stage.committed(1, stage.tier)
        assert stage.clicks == ["c-1"]
        assert stage.heard.made_anews == [(stage.tier.topic, 1, 0)]


async def test_made_anew_while_it_was_anothers() -> None:
    """What we finished of a log is not taken for finished of the one that has its name now."""
    async with Stage() as stage:
        stage.kafka.make_anew(SOURCE)
        stage.source.assign(stage.first)
        stage.write(*range(5))
        await stage.committed(5)
        stage.source.lose(stage.first)
        stage.kafka.make_anew(SOURCE)
        stage.kafka.committed.clear()
        stage.write(*range(10, 17))
        stage.source.assign(stage.first)
        await stage.committed(7)
        assert stage.clicks[5:] == [f"c-{number}" for number in range(10, 17)]


async def test_a_shutdown_beside_it() -> None:
    """A worker that drains when its topic is made anew ends, and commits nothing of the deleted log."""
    async with Stage(drain=0.2) as stage:
        stage.source.assign(stage.first)
        stage.write(0)
        await stage.committed(1)
        stage.sender.gate.clear()
        stage.write(1)
        await stage.sent(2)
        stage.stop.set()
        await some_turns()
        stage.kafka.make_anew(SOURCE)
        stage.source.made_anew(SOURCE)
        stage.sender.gate.set()
        await stage.running
        assert stage.position() == 1
