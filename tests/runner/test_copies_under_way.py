"""While a record is under way another one of its event waits, and is judged by what became of the first."""

from __future__ import annotations

import pytest

from tests.runner.copies import ids, told
from tests.runner.harness import JOURNAL, Harness, some_turns
from worker.core.answer import Response

ONCE = [("delivered", "conversions/0/0")]


async def lost_and_back(harness: Harness) -> None:
    """Have the partition lost, and come back at once: its records are read again."""
    harness.source.lose(harness.first)
    harness.source.assign(harness.first)
    await some_turns(50)


async def test_in_flight_of_an_earlier_assignment() -> None:
    """What is in flight of a partition that was lost and came back is sent again, where it is refused."""
    async with Harness(Response(500), copies=ids()) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.sent(1)
        await lost_and_back(harness)
        assert harness.position() in {None, 0}
        harness.sender.gate.set()
        await harness.committed(1)
    assert harness.clicks == ["c-0", "c-0"]
    assert told(harness) == ONCE


async def test_delivered_by_an_earlier_assignment() -> None:
    """Where it is taken it is not sent again, and told once."""
    async with Harness(copies=ids()) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.sent(1)
        await lost_and_back(harness)
        harness.sender.gate.set()
        await harness.committed(1)
    assert harness.clicks == ["c-0"]
    assert told(harness) == ONCE


@pytest.mark.parametrize("payout", ["1.00", "1,0"], ids=["delivered", "dead"])
async def test_no_commit_before_the_step(payout: str) -> None:
    """What has ended, and is read again before its step is acknowledged, is not committed before it is."""
    async with Harness(copies=ids()) as harness:
        held = harness.publisher.hold(JOURNAL)
        harness.source.assign(harness.first)
        harness.write(0, payout=payout)
        await harness.ended(1)
        await lost_and_back(harness)
        assert harness.heard.skips == []
        held.set()
        await harness.committed(1)
        assert harness.heard.skips == [0]
    assert [origin for _, origin in told(harness)] == ["conversions/0/0"]


async def test_a_copy_of_what_is_given_back() -> None:
    """Where the first is not ended but given back one of the two is sent, and the other is the copy."""
    async with Harness(*[Response(500)] * 11, copies=ids(), concurrency=16) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first, harness.second)
        harness.write(*range(12), 11, 11)
        await harness.sent(12)
        harness.sender.gate.set()
        await harness.committed(14)
    assert sum(step == "duplicate" for step, _ in told(harness)) == 2
