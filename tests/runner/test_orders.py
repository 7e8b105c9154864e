"""Standing orders, followed: what is sent, and what is not."""

from __future__ import annotations

import pytest

from tests.fakes import FakeControl
from tests.runner.harness import SOURCE, TIER_TOPICS, Harness, some_turns, until
from worker.core.admission.held import HeldReason
from worker.core.orders import OrderEnd, PauseOrder, Provenance, RateOrder
from worker.core.record import Partition
from worker.ports import NOT_READ_YET
from worker.runner import standing_orders

CONTROL = "worker.control"
NOW = 1_700_000_000.0
GIVEN = Provenance(NOW, "ann@shop")


def harness(orders: FakeControl, **given: object) -> Harness:
    """A runner that follows these orders."""
    return Harness(control=CONTROL, orders=orders, **given)  # type: ignore[arg-type]


async def test_before_they_are_read() -> None:
    """Before the orders have been read nothing is sent, and it is not ready; then all is."""
    orders = FakeControl(ready=False)
    async with harness(orders) as it:
        it.source.assign(it.first)
        it.write(0, 1)
        await some_turns()
        assert it.clicks == []
        assert NOT_READ_YET in it.reasons
        orders.ready()
        await it.committed(2)
        assert it.reasons == []


async def test_paused_from_the_start() -> None:
    """A worker that starts while a pause stands sends nothing, is ready, and sends all once it has ended."""
    orders = FakeControl(PauseOrder(GIVEN))
    async with harness(orders) as it:
        it.source.assign(it.first)
        it.write(0, 1)
        await some_turns()
        assert it.clicks == []
        assert it.reasons == []
        assert it.runner.snapshot().held == {HeldReason.PAUSE}
        assert it.heard.orders == ["paused, by ann@shop at 2023-11-14T22:13:20.000Z"]
        orders.give(OrderEnd(GIVEN, "pause"))
        await it.committed(2)
        assert it.runner.snapshot().held == set()
        assert it.heard.orders[1:] == ["ended: paused, by ann@shop at 2023-11-14T22:13:20.000Z"]


async def test_paused_meanwhile() -> None:
    """What is in flight when a pause comes goes on to its ending; nothing else is sent, no attempt made."""
    orders = FakeControl()
    async with harness(orders, concurrency=2) as it:
        it.source.assign(it.first)
        it.sender.gate.clear()
        it.write(*range(5))
        await it.sent(2)
        orders.give(PauseOrder(GIVEN))
        it.sender.gate.set()
        await it.committed(2)
        await some_turns()
        assert len(it.clicks) == 2
        orders.give(OrderEnd(GIVEN, "pause"))
        await it.committed(5)
        assert sum(it.heard.attempts.values()) == 5


async def test_a_pause_ends_by_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause with an end is over then, without an order; what waits in a tier is sent late, and once."""
    monkeypatch.setattr(standing_orders, "LOOK_SECONDS", 0.01)
    orders = FakeControl(PauseOrder(GIVEN, NOW + 30))
    async with harness(orders) as it:
        it.source.assign(it.first, it.tier)
        it.write_retry(7, NOW + 10)
        it.write(0)
        it.time.advance(20)
        await some_turns()
        assert it.clicks == []
        it.time.advance(10)
        await it.ended(2)
        assert sorted(it.clicks) == ["c-0", "c-7"]


async def test_an_order_that_can_not_be_read() -> None:
    """While an order can't be read nothing is sent, and it is said; once it is replaced all is."""
    orders = FakeControl()
    async with harness(orders) as it:
        it.source.assign(it.first)
        orders.write((b"pause", b"{"))
        it.write(0)
        await some_turns()
        line = f"the order pause of {CONTROL} can't be read, and nothing is sent: it is no JSON"
        assert (it.clicks, it.reasons, it.heard.troubles) == ([], [line], [line])
        orders.give(OrderEnd(GIVEN, "pause"))
        await it.committed(1)


async def test_orders_that_can_not_be_read_any_more() -> None:
    """Where the topic can't be read any more, nothing is sent until it was read again."""
    orders = FakeControl()
    async with harness(orders) as it:
        it.source.assign(it.first)
        orders.refuse("denied")
        it.write(0)
        await some_turns()
        assert (it.clicks, it.reasons, it.heard.troubles) == ([], ["denied"], ["nothing is sent: denied"])
        orders.ready()
        await it.committed(1)


async def test_orders_that_are_read_in_vain_again_and_again() -> None:
    """A topic that is looked for each second, and refused each time, is told of once in a while."""
    orders = FakeControl()
    async with harness(orders) as it:
        for _ in range(20):
            orders.refuse("denied")
            orders.refuse(NOT_READ_YET)
        assert it.heard.troubles.count("nothing is sent: denied") == 1


async def test_without_a_control_topic() -> None:
    """Where nobody reads orders there are none."""
    async with Harness() as it:
        it.source.assign(it.first)
        it.write(0)
        await it.committed(1)


async def test_the_share_of_the_rate() -> None:
    """The rate is the group's: ours is the part of our partitions, less at once where one goes."""
    counts = {SOURCE: 2, **dict.fromkeys(TIER_TOPICS.values(), 1)}
    async with harness(FakeControl(), rate=60.0, partition_counts=lambda: counts) as it:
        assert it.gate.most_per_second == 0.0
        it.source.assign(it.first, it.second)
        await until("the share", lambda: it.gate.most_per_second == pytest.approx(54.0))
        it.source.assign(*(Partition(topic, 0) for topic in TIER_TOPICS.values()))
        await until("with tiers", lambda: it.gate.most_per_second == pytest.approx(60.0))
        await it.source.revoke(it.second)
        assert it.gate.most_per_second == pytest.approx(33.0)
        it.source.lose(it.first)
        await until("lost", lambda: it.gate.most_per_second == pytest.approx(6.0))


async def test_a_rate_by_order() -> None:
    """A rate that is ordered stands in the place of the setting, which counts again once it has ended."""
    orders = FakeControl(RateOrder(GIVEN, 5.0))
    async with harness(orders, rate=60.0) as it:
        assert it.gate.most_per_second == 5.0
        orders.give(RateOrder(GIVEN, 500.0))
        assert it.gate.most_per_second == 500.0
        orders.give(OrderEnd(GIVEN, "rate"))
        assert it.gate.most_per_second == 60.0


async def test_no_rate() -> None:
    """Without a rate there is none, also after one that was ordered has ended."""
    orders = FakeControl()
    async with harness(orders) as it:
        assert it.gate.most_per_second == float("inf")
        orders.give(RateOrder(GIVEN, 5.0))
        assert it.gate.most_per_second == 5.0
        orders.give(OrderEnd(GIVEN, "rate"))
        assert it.gate.most_per_second == float("inf")
