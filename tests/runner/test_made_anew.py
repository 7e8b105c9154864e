"""A topic that is deleted and made again under a worker."""

from __future__ import annotations

import pytest

from tests.runner.copies import ids, told
from tests.runner.harness import SOURCE, Harness, some_turns
from tests.runner.test_late_endings import ONCE, freeze, thaw, waiting
from tests.runner.test_stall import LONG
from worker.core.answer import Response
from worker.runner import journaling


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


def make_anew(harness: Harness) -> None:
    """Have the topic deleted and made again."""
    harness.kafka.make_anew(SOURCE)
    harness.source.made_anew(SOURCE)


async def settled_in_the_new_log(harness: Harness) -> None:
    """Write the same event and another one to the new log, and wait until both are committed."""
    harness.source.refusing = None
    harness.write(0, 1)
    await harness.committed(2)
    assert not waiting(harness)
    assert (harness.clicks, told(harness)) == (["c-0", "c-1"], [*ONCE, ("delivered", "conversions/0/1")])


@pytest.mark.parametrize("before", [True, False])
async def test_its_log_was_deleted(before: bool) -> None:
    """After a standstill the ending of a deleted log's record is told: its event does not hold up a copy."""
    async with Harness(copies=ids()) as harness:
        await freeze(harness)
        if before:
            await thaw(harness)
        make_anew(harness)
        if not before:
            await thaw(harness)
        await settled_in_the_new_log(harness)


async def test_noted_for_a_deleted_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of a deleted log's record that waited when the process was frozen is written after all."""
    async with Harness(copies=ids()) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.sent(1)
        make_anew(harness)
        with monkeypatch.context() as lingering:
            lingering.setattr(journaling, "LINGER_SECONDS", 3600.0)
            await thaw(harness)
        harness.source.refusing = "not a member"
        harness.time.advance(LONG)  # before its step has gone
        harness.runner._delivery.lanes.check_in()
        assert waiting(harness)
        assert harness.runner._delivery.journaling is not None
        harness.runner._delivery.journaling._flush()  # what comes next lingers as ever
        await settled_in_the_new_log(harness)
