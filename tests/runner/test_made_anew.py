"""A topic that is deleted and made again under a worker."""

from __future__ import annotations

from tests.runner.harness import SOURCE, Harness, some_turns
from worker.core.answer import Response


async def test_a_request_in_flight() -> None:
    """An ending of the deleted log counts for nothing in the new one."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.write(0, 1, 2)
        await harness.ended(3)
        harness.sender.gate.clear()
        harness.write(3, 4)
        await harness.sent(5)
        harness.kafka.make_anew(SOURCE)
        harness.source.made_anew(SOURCE)
        harness.write(10)
        await harness.sent(6)
        harness.sender.gate.set()
        await harness.committed(1)
        assert harness.clicks == [f"c-{number}" for number in (0, 1, 2, 3, 4, 10)]
        assert harness.heard.made_anews == [(SOURCE, 0, 2)]


async def test_a_failure_in_flight() -> None:
    """What fails that was under way goes to its tier all the same: nobody else has it."""
    async with Harness(Response(500)) as harness:
        harness.source.assign(harness.first)
        harness.sender.gate.clear()
        harness.write(0)
        await harness.sent(1)
        harness.kafka.make_anew(SOURCE)
        harness.source.made_anew(SOURCE)
        harness.sender.gate.set()
        await harness.ended(1)
        assert [message.topic for message in harness.publisher.published] == [harness.tier.topic]


async def test_what_was_held() -> None:
    """What was held of the deleted log and not begun is discarded, and said."""
    async with Harness(concurrency=1) as harness:
        harness.source.assign(harness.first)
        harness.sender.gate.clear()
        harness.write(*range(5))
        await harness.sent(1)
        await some_turns()
        harness.kafka.make_anew(SOURCE)
        harness.source.made_anew(SOURCE)
        harness.write(10)
        harness.sender.gate.set()
        await harness.committed(1)
        assert harness.clicks == ["c-0", "c-10"]
        assert harness.heard.made_anews == [(SOURCE, 4, 1)]


async def test_a_tier() -> None:
    """A tier is made anew like the source: what waited in it is gone, and what is new flows."""
    async with Harness() as harness:
        harness.source.assign(harness.tier)
        harness.write_retry(0, due=harness.time.now() + 1000)
        await some_turns()
        harness.kafka.make_anew(harness.tier.topic)
        harness.source.made_anew(harness.tier.topic)
        harness.write_retry(1, due=harness.time.now())
        await harness.committed(1, harness.tier)
        assert harness.clicks == ["c-1"]
        assert harness.heard.made_anews == [(harness.tier.topic, 1, 0)]


async def test_made_anew_while_it_was_anothers() -> None:
    """What we finished of a log is not taken for finished of the one that has its name now."""
    async with Harness() as harness:
        harness.kafka.make_anew(SOURCE)
        harness.source.assign(harness.first)
        harness.write(*range(5))
        await harness.committed(5)
        harness.source.lose(harness.first)
        harness.kafka.make_anew(SOURCE)
        harness.kafka.committed.clear()
        harness.write(*range(10, 17))
        harness.source.assign(harness.first)
        await harness.committed(7)
        assert harness.clicks[5:] == [f"c-{number}" for number in range(10, 17)]


async def test_a_shutdown_beside_it() -> None:
    """A worker that drains when its topic is made anew ends, and commits nothing of the deleted log."""
    async with Harness(drain=0.2) as harness:
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.committed(1)
        harness.sender.gate.clear()
        harness.write(1)
        await harness.sent(2)
        harness.stop.set()
        await some_turns()
        harness.kafka.make_anew(SOURCE)
        harness.source.made_anew(SOURCE)
        harness.sender.gate.set()
        await harness.running
        assert harness.position() == 1
