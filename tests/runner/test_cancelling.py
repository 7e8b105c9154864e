"""Orders about what is pending: it ends as cancelled, or is due at once."""

from __future__ import annotations

from schemas import DeadReason, StepKind, WorkerHeaders
from tests.fake_kafka import FakeKafka
from tests.fakes import FakeControl
from tests.runner.copies import ids
from tests.runner.harness import (
    DLQ,
    JOURNAL,
    REFUSED_CONNECTION,
    SOURCE,
    TIER_TOPICS,
    Harness,
    conversion,
    some_turns,
    until,
)
from tests.runner.test_outages import QUICK, recovered
from worker.core.admission.circuit import CircuitState
from worker.core.answer import Response
from worker.core.endings import Dead
from worker.core.event_filter import EventFilter
from worker.core.orders import CancelOrder, HurryOrder, OrderEnd, PauseOrder, Provenance
from worker.core.remembered_ids import RememberedIds

CONTROL = "worker.control"
AT = 1_700_000_000.0
GIVEN = Provenance(AT, "ann@shop")
SEVEN = EventFilter.of({"offer_id": "7"})
CANCEL = CancelOrder(GIVEN, "c", SEVEN)


def harness(*orders: CancelOrder | HurryOrder | PauseOrder, **given: object) -> tuple[Harness, FakeControl]:
    """A runner that follows these orders."""
    control = FakeControl(*orders)
    return Harness(control=CONTROL, orders=control, **given), control  # type: ignore[arg-type]


def wait(it: Harness, number: int, due: float, offer: str) -> None:
    """Have an event of an offer wait in the first tier."""
    headers = WorkerHeaders(attempts=2, due_at=due, origin=f"conversions/0/{number}").write()
    it.kafka.append(it.tier, conversion(number, offer_id=offer), b"key", headers, AT - 1)


def cancelled(it: Harness) -> list[str | None]:
    """The events that ended as cancelled, in their order."""
    return [
        one.event_id
        for one in it.heard.endings
        if isinstance(one, Dead) and one.reason is DeadReason.CANCELLED
    ]


async def test_what_is_held_and_what_comes() -> None:
    """What is held when the order comes, and what comes later, ends as cancelled; all else is sent."""
    it, orders = harness(concurrency=1, journal=True)
    async with it:
        it.source.assign(it.first, it.second)
        it.sender.gate.clear()
        it.write(0, offer_id="8")
        it.write(1, 2, offer_id="7")
        it.write(3)
        await it.sent(1)
        orders.give(CANCEL)
        await until("they end", lambda: sorted(map(str, cancelled(it))) == ["e-1", "e-2"])
        it.write(4, offer_id="7", at=it.second)
        await until("it ends", lambda: len(cancelled(it)) == 3)
        it.sender.gate.set()
        await it.committed(4)
        assert it.clicks == ["c-0", "c-3"]
        letter = it.kafka.records(DLQ)[0]
        told = WorkerHeaders.read(letter.headers)
        assert (told.reason, told.attempts, told.origin) == (DeadReason.CANCELLED, None, "conversions/0/1")
        assert (
            told.error
            == "cancelled is what is pending and is --offer-id 7, by ann@shop at 2023-11-14T22:13:20.000Z"
        )
        await it.journaled(5)
        assert sorted(step.step for step in it.steps) == [StepKind.CANCELLED] * 3 + [StepKind.DELIVERED] * 2


async def test_until_it_ends() -> None:
    """Once a cancellation has ended what matches is sent."""
    it, orders = harness(CANCEL)
    async with it:
        it.source.assign(it.first)
        it.write(0, offer_id="7")
        await it.committed(1)
        orders.give(OrderEnd(GIVEN, "cancel/c"))
        it.write(1, offer_id="7")
        await it.committed(2)
        assert it.clicks == ["c-1"]


async def test_while_paused_and_not_due() -> None:
    """A pause keeps nothing from being cancelled, nor does a due time; what does not match waits on."""
    it, orders = harness(PauseOrder(GIVEN))
    async with it:
        it.source.assign(it.tier)
        for number in range(40):
            wait(it, number, AT + 50, "7" if number % 2 else "8")
        await some_turns()
        orders.give(CANCEL)
        await until("they end", lambda: len(cancelled(it)) == 20)
        assert it.clicks == []
        orders.give(OrderEnd(GIVEN, "pause"))
        await some_turns()
        assert it.clicks == []
        it.time.advance(51)
        it.runner._delivery.lanes.pump()
        await it.sent(20)
        await it.committed(40, it.tier)
        assert len(set(it.clicks)) == 20


async def test_a_partition_that_goes() -> None:
    """What an order means of a partition that is given away is its next owner's to end."""
    it, orders = harness()
    async with it:
        it.source.assign(it.first, it.second)
        it.write(0, offer_id="7")
        await it.committed(1)
        await it.source.revoke(it.first)
        orders.give(CANCEL)
        it.write(1, offer_id="7", at=it.second)
        await until("it ends", lambda: cancelled(it) == ["e-1"])


async def test_what_has_ended_already() -> None:
    """What was delivered, and is read again after a crash, does not end a second time as cancelled."""
    kafka = FakeKafka(**{SOURCE: 2, DLQ: 1, JOURNAL: 2, **dict.fromkeys(TIER_TOPICS.values(), 1)})
    ids = RememberedIds(1000, 86400.0)
    async with Harness(kafka=kafka, copies=ids, worker="another") as before:
        before.source.assign(before.first)
        before.write(0, offer_id="7")
        await before.committed(1)
    kafka.committed.clear()
    control = FakeControl(CANCEL)
    async with Harness(
        kafka=kafka, control=CONTROL, orders=control, copies=RememberedIds(1000, 86400.0)
    ) as it:
        it.source.assign(it.first)
        it.write(1, offer_id="7")
        await until("the other ends", lambda: cancelled(it) == ["e-1"])
        await it.committed(2)
        assert it.heard.skips == [0]
        assert it.clicks == []


async def test_given_back_in_an_outage() -> None:
    """What is in flight when the order comes, and is given back untried in an outage, ends as cancelled."""
    it, orders = harness(policy=QUICK, concurrency=4)
    async with it:
        it.sender.answer = lambda _: REFUSED_CONNECTION
        it.sender.gate.clear()
        it.source.assign(it.first)
        it.write(0, 1, 2, offer_id="7")
        it.write(3, offer_id="8")
        await it.sent(4)
        orders.give(CANCEL)
        await some_turns()
        it.sender.gate.set()
        await until("open", lambda: it.gate.circuit.state is CircuitState.OPEN)
        it.sender.answer = lambda _: Response(200)
        await recovered(it, 4)
        ended = [one.event_id for one in it.heard.endings]
        assert sorted(map(str, ended)) == ["e-0", "e-1", "e-2", "e-3"]
        assert len(it.clicks) == 4 + (ended[-1] == "e-3")  # one of offer 8, once more
        assert len(cancelled(it)) >= 2


async def test_what_waited_for_what_is_given_back() -> None:
    """A copy that waited for a record that is given back ends as cancelled, too: none of them is sent."""
    it, orders = harness(copies=ids(), policy=QUICK, concurrency=4)
    async with it:
        it.sender.answer = lambda _: REFUSED_CONNECTION
        it.sender.gate.clear()
        it.source.assign(it.first)
        it.write(0, 1)
        it.write(2, 2, offer_id="7")
        await it.sent(3)
        await some_turns()
        orders.give(CANCEL)
        await some_turns()
        assert cancelled(it) == []
        it.sender.gate.set()
        await until("both end", lambda: cancelled(it) == ["e-2", "e-2"])
        it.sender.answer = lambda _: Response(200)
        await recovered(it, 4)
        assert it.clicks.count("c-2") == 1


async def test_cancelled_while_it_waits_for_another() -> None:
    """What was cancelled while another of its event was in flight ends so, though the order is over."""
    it, orders = harness(copies=ids(), policy=QUICK, concurrency=3)
    async with it:
        it.sender.answer = lambda _: REFUSED_CONNECTION
        it.sender.gate.clear()
        it.source.assign(it.first)
        it.write(0, 1, 2)
        it.write(2, offer_id="7")
        await it.sent(3)
        orders.give(CANCEL)
        await some_turns()
        orders.give(OrderEnd(GIVEN, "cancel/c"))
        await some_turns()
        assert cancelled(it) == []
        it.sender.gate.set()
        await until("it ends", lambda: cancelled(it) == ["e-2"])


async def test_given_back_before_its_journal_is_read() -> None:
    """What is given back of a partition whose journal can't be read is checked once that is read."""
    it, orders = harness(copies=ids(), policy=QUICK, concurrency=3)
    async with it:
        it.sender.answer = lambda _: REFUSED_CONNECTION
        it.sender.gate.clear()
        it.source.assign(it.first)
        it.write(0, 1)
        it.write(2, offer_id="7")
        it.write(3)
        await it.sent(3)
        await some_turns()
        orders.give(CANCEL)
        it.follower.fail("it is away")
        it.sender.gate.set()
        await until("open", lambda: it.gate.circuit.state is CircuitState.OPEN)
        await some_turns()
        assert cancelled(it) == []
        it.follower.gate.set()
        await until("it ends", lambda: cancelled(it) == ["e-2"])


async def test_of_a_failing_partition() -> None:
    """What is cancelled of a failing partition gives it no lanes beyond the eighth of them."""
    it, orders = harness(concurrency=16)
    async with it:
        it.source.assign(it.first, it.second)
        it.sender.answer = lambda _: Response(500)
        it.write(*range(8), offer_id="8")
        await it.committed(8)
        it.sender.answer = lambda _: Response(200)
        it.write(8, at=it.second)
        await it.committed(1, it.second)
        it.sender.gate.clear()
        it.write(*range(9, 19), offer_id="8")
        it.write(*range(19, 24), offer_id="7")
        await it.sent(11)
        orders.give(CANCEL)
        await until("they end", lambda: len(cancelled(it)) == 5)
        await some_turns()
        assert it.sender.in_flight == 2
