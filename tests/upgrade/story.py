"""A run in which everything is left behind that a version may leave, and what is true of it.

The rule: each version has the same story, so that what is kept of two can be compared; it only grows.
"""

from __future__ import annotations

from schemas import WorkerHeaders
from tests.fake_kafka import FakeKafka
from tests.runner.harness import DLQ, JOURNAL, LONG, SHORT, SOURCE, TIER_TOPICS, Harness, conversion
from tests.upgrade.state import State
from worker.core.answer import Answer, Request, Response
from worker.core.binding import LogId
from worker.core.event_filter import EventFilter
from worker.core.order_records import write
from worker.core.orders import CancelOrder, HurryOrder, Order, OrderEnd, PauseOrder, Provenance, RateOrder
from worker.core.record import Partition
from worker.core.retry import Tier

CONTROL = "worker.control"
HOURS = Tier("2h", 7200.0)
TIERS = {**TIER_TOPICS, HOURS: "worker.retry.2h"}
NOW = 1_700_000_000.0
GIVEN = Provenance(NOW, "somebody", "the partner asked")

SOURCE_AT, SHORT_AT, LONG_AT = (Partition(topic, 0) for topic in (SOURCE, TIERS[SHORT], TIERS[LONG]))

FINISHED, UNFINISHED, END = (0, 1, 2, 4, 5, 6, 7, 8), (3,), 9
"""Offsets of the source: what has ended, what has not, and the one behind the last."""

POSITION = 3
"""What is committed of the source."""

WAITING = {"c-1": (SHORT_AT, 1, NOW + 10), "c-9": (LONG_AT, 2, NOW + 60)}
"""What waits: where, after how many attempts, and until when."""

DEAD = {"e-2": ("rejected", 1, None), None: ("undecodable", 0, None), "e-7": ("rejected", 1, 1)}
"""Dead letters, by event id: the reason, attempts, replays."""

STEPS = {
    ("delivered", "e-0"),
    ("retry", "e-1"),
    ("dead", "e-2"),
    ("delivered", "e-4"),
    ("dead", None),
    ("delivered", "e-6"),
    ("dead", "e-7"),
    ("delivered", "e-8"),
    ("retry", "e-9"),
}
"""What the journal tells."""

ORDERS: list[Order | OrderEnd] = [
    PauseOrder(GIVEN, NOW - 60),
    RateOrder(GIVEN, 12.5, NOW - 60),
    CancelOrder(GIVEN, "a1", EventFilter.of({"offer_id": "none"}), NOW + 3600),
    HurryOrder(GIVEN, "b2", EventFilter.of({"click_id": "none", "reason": "status"})),
    OrderEnd(GIVEN, "cancel/c3"),
]
"""What stands on the control topic beside the memory."""

_ANSWERS = {"c-1": 500, "c-2": 410, "c-7": 410, "c-9": 503}
OWN = [("own", b"\x00\xff"), ("own", b""), ("none", None)]


def answer(request: Request) -> Answer:
    """What the partner says: `c-3` is to wait for hours, in a tier that takes nothing."""
    click = request.target.partition("click_id=")[2].partition("&")[0]
    return Response(429, "7000") if click == "c-3" else Response(_ANSWERS.get(click, 200))


async def play() -> State:
    """Play it to a stop that comes amid the work, and return what lies in Kafka."""
    kafka = FakeKafka(**{SOURCE: 2, DLQ: 1, JOURNAL: 2, CONTROL: 1, **dict.fromkeys(TIERS.values(), 1)})
    kafka.ids.update({topic: LogId("cluster-1", f"id of {topic}") for topic in (SOURCE, *TIERS.values())})
    for order in ORDERS:
        message = write(order, CONTROL)
        kafka.append(Partition(CONTROL, 0), message.value, message.key)
    at_work = Harness(kafka=kafka, journal=True, control=CONTROL, tier_topics=TIERS, drain=0.2)
    at_work.sender.answer = answer
    at_work.publisher.refused.add(TIERS[HOURS])
    async with at_work:
        at_work.source.assign(*kafka.partitions([SOURCE, *TIERS.values()]))
        _write(at_work)
        await at_work.ended(len(STEPS))
        await at_work.journaled(len(STEPS))
        await at_work.committed(POSITION)
        await at_work.end()
    return State.of(kafka)


def _write(at_work: Harness) -> None:
    kafka, first = at_work.kafka, at_work.first
    for number in range(5):
        kafka.append(first, conversion(number, event="purchase", payout="49.99"), b"key", OWN, NOW)
    kafka.append(first, b"<order/>", None, OWN, NOW)
    at_work.write(6)
    again = WorkerHeaders(replays=1, replayed_for="partner").write()
    kafka.append(first, conversion(7), b"key", [*OWN, *again], NOW)
    at_work.write(8)
    at_work.write_retry(9, NOW, attempts=1)
