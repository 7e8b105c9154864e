"""Orders about what waits: it is due at once, or ends as cancelled. What comes later is not meant."""

from __future__ import annotations

from tests.runner.harness import LONG, TIER_TOPICS, some_turns, until
from tests.runner.test_cancelling import AT, GIVEN, SEVEN, cancelled, harness, wait
from worker.core.answer import Response
from worker.core.orders import CancelOrder, HurryOrder, Provenance
from worker.core.record import Partition


async def test_of_what_waits_alone() -> None:
    """What is dropped is what waited when the order was given: not what is on the source, nor what comes."""
    it, _ = harness(CancelOrder(GIVEN, "c", SEVEN, None, True))
    async with it:
        it.source.assign(it.first, it.tier)
        it.write(0, offer_id="7")
        wait(it, 1, AT + 50, "7")
        await it.ended(2)
        assert (it.clicks, cancelled(it)) == (["c-0"], ["e-1"])


async def test_now() -> None:
    """What waits and is meant is sent at once, with the attempt that was next; a failure waits as ever."""
    it, orders = harness()
    async with it:
        it.source.assign(it.tier)
        for number in range(30):
            wait(it, number, AT + 50, "7" if number % 3 == 0 else "8")
        await some_turns()
        orders.give(HurryOrder(GIVEN, "n", SEVEN))
        await it.sent(10)
        await some_turns()
        assert sorted(it.clicks) == sorted(f"c-{number}" for number in range(0, 30, 3))
        assert {one.attempts for one in it.heard.endings} == {3}
        it.time.advance(51)
        it.runner._delivery.lanes.pump()
        await it.committed(30, it.tier)
        assert len(it.clicks) == len(set(it.clicks)) == 30


async def test_now_means_what_was_there() -> None:
    """What came into a tier after the order was given waits for its time."""
    it, _ = harness(HurryOrder(Provenance(AT - 2, "ann"), "n", SEVEN))
    async with it:
        it.source.assign(it.tier)
        wait(it, 0, AT + 50, "7")
        await some_turns()
        it.source.assign(it.first)
        it.write(1, offer_id="7")
        await it.committed(1)
        assert it.clicks == ["c-1"]


async def test_now_from_a_clock_that_is_ahead() -> None:
    """What fails after it was sent by an order waits as ever, although the order is of a time to come."""
    it, orders = harness(max_attempts=12)
    it.sender.script.append(Response(500))
    async with it:
        later = Partition(TIER_TOPICS[LONG], 0)
        it.source.assign(it.tier)
        wait(it, 0, AT + 50, "7")
        await some_turns()
        orders.give(HurryOrder(Provenance(AT + 60, "ann"), "n", SEVEN, AT + 120, {it.tier: 1}))
        await it.sent(1)
        await it.committed(1, it.tier)
        it.source.assign(later)
        await until("it waits again", lambda: len(it.runner._intake.partitions[later].waiting) == 1)
        await some_turns()
        assert it.clicks == ["c-0"]
