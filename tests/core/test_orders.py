"""Standing orders as records, and what stands of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from worker.core.event_filter import EventFilter
from worker.core.order_book import OrderBook
from worker.core.order_records import UnreadableOrder, key_of, read, write
from worker.core.orders import (
    CancelOrder,
    HurryOrder,
    Order,
    OrderEnd,
    PauseOrder,
    Provenance,
    RateOrder,
    described,
    is_meant,
)
from worker.core.record import Partition, Record

AT = 1_700_000_000.0
HUGE = 10**400
"""A number that JSON can write and no float can hold."""
GIVEN = Provenance(AT, "ann@shop", "they asked")
FILTER = EventFilter.of({"offer_id": "7"})
WAITING = " is what waits and is --offer-id 7, by ann at 2023-11-14T22:13:20.000Z"
NO_ENDS = "its tiers is no object of lists of offsets"
ENDS = {Partition("t", 0): 3, Partition("t", 1): 0, Partition("u", 0): 7}
ALL: list[Order | OrderEnd] = [
    PauseOrder(GIVEN, AT + 60),
    PauseOrder(Provenance(AT, "ann@shop")),
    RateOrder(GIVEN, 0.5),
    RateOrder(GIVEN, 60.0, AT + 60),
    CancelOrder(GIVEN, "c1", FILTER, AT + 60),
    CancelOrder(GIVEN, "c2", FILTER, None, True),
    HurryOrder(GIVEN, "n1", FILTER),
    OrderEnd(GIVEN, "pause"),
    OrderEnd(GIVEN, "cancel/c1"),
    CancelOrder(GIVEN, "c3", EventFilter.of({"error": "no", "since": "2026-01-31T12:00:00.000Z"}), AT + 60),
    CancelOrder(GIVEN, "c4", FILTER, None, True, ENDS),
    HurryOrder(GIVEN, "n2", FILTER, AT + 60, ENDS),
    HurryOrder(GIVEN, "n3", FILTER, None, {}),
    CancelOrder(GIVEN, "c5", FILTER, None, True, ENDS, {"t": "first"}),
    HurryOrder(GIVEN, "n4", FILTER, None, ENDS, {"t": "first", "u": "second"}),
]


def taken(*orders: Order | OrderEnd) -> OrderBook:
    """What stands of these, given in this order."""
    stood = OrderBook()
    for order in orders:
        message = write(order, "control")
        stood.take(message.key, message.value)
    return stood


@pytest.mark.parametrize("order", ALL)
def test_round_trip(order: Order | OrderEnd) -> None:
    """An order that is written is read the same."""
    message = write(order, "control")
    assert key_of(message.key) == order.key
    assert read(order.key, message.value) == order


def test_the_latest_counts() -> None:
    """Of the orders with one key the latest counts, until it ends."""
    first, second = PauseOrder(GIVEN), PauseOrder(Provenance(AT + 1, "bob"), AT + 60)
    assert taken(first, second).pause(AT + 2) == second
    assert taken(first, second, OrderEnd(GIVEN, "pause")).pause(AT + 2) is None
    assert taken(first).pause(AT) == first


def test_ends_by_time() -> None:
    """An order ends by its time, and it is known when the next one does."""
    stood = taken(
        PauseOrder(GIVEN, AT + 60),
        RateOrder(GIVEN, 5.0, AT + 30),
        CancelOrder(GIVEN, "c", FILTER, AT + 90),
        HurryOrder(GIVEN, "n", FILTER, AT + 90),
    )
    assert stood.changes_at(AT) == AT + 30
    assert (stood.rate(AT + 29), stood.rate(AT + 30)) == (RateOrder(GIVEN, 5.0, AT + 30), None)
    assert stood.pause(AT + 59) is not None
    assert stood.pause(AT + 60) is None
    assert [len(stood.standing(AT + later)) for later in (0, 30, 60, 90)] == [4, 3, 2, 0]
    assert (stood.cancels(AT + 90), stood.hurried(AT + 90)) == ([], [])
    assert stood.changes_at(AT + 90) == float("inf")


def test_gone() -> None:
    """No order stands, readable or not, once its record is deleted or its topic was made anew."""
    stood = taken(PauseOrder(GIVEN), RateOrder(GIVEN, 5.0))
    stood.take(b"pause", None)
    assert stood.standing(AT) == [RateOrder(GIVEN, 5.0)]
    stood.take(b"cancel/x", b"{")
    stood.clear()
    assert (stood.standing(AT), stood.unreadable) == ([], {})


def test_several_of_a_kind() -> None:
    """Each cancellation stands for itself, and the oldest comes first."""
    old, new = (
        CancelOrder(Provenance(AT, "ann"), "b", FILTER),
        CancelOrder(Provenance(AT + 1, "ann"), "a", FILTER),
    )
    now = HurryOrder(GIVEN, "n", FILTER)
    stood = taken(new, old, now)
    assert stood.cancels(AT + 2) == [old, new]
    assert stood.hurried(AT + 2) == [now]
    assert taken(new, old, OrderEnd(GIVEN, "cancel/a")).cancels(AT + 2) == [old]


@pytest.mark.parametrize("key", [None, b"", b"position/conversions/3", b"worker/a", b"\xff", b"pauses"])
def test_no_order(key: bytes | None) -> None:
    """A record with another key is no order, whatever it holds."""
    stood = OrderBook()
    assert stood.take(key, b"no JSON") is None
    assert stood.unreadable == {}


def fields(**wrong: Any) -> bytes:
    """A pause with some fields wrong."""
    right = {"order": "pause", "at": "2026-01-31T12:00:00Z", "by": "ann"}
    return json.dumps({**right, **wrong}).encode()


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        (b"pause", b"{", "it is no JSON"),
        (b"pause", b"[" * 100_000, "it is no JSON"),
        (b"pause", b"[]", "it is no JSON object"),
        (b"pause", fields(at="noon"), "its at is no time"),
        (b"pause", fields(at=5), "its at is no text"),
        (b"pause", fields(by=None), "its by is no text"),
        (b"pause", fields(until="soon"), "its until is no time"),
        (b"pause", fields(because=5), "its because is no text"),
        (b"pause", fields(order="stop"), "its order is 'stop', which this version does not know"),
        (b"pause", fields(order="rate"), "its order is 'rate', which this version does not know"),
        (b"rate", fields(order="rate"), "its per_second is None, no number above 0"),
        (b"rate", fields(order="rate", per_second=True), "its per_second is True, no number above 0"),
        (b"rate", fields(order="rate", per_second=0), "its per_second is 0, no number above 0"),
        (b"rate", fields(order="rate", per_second=HUGE), f"its per_second is {HUGE}, no number above 0"),
        (b"cancel/x", fields(order="cancel"), "its filter is no object of texts"),
        (b"cancel/x", fields(order="cancel", filter={"offer_id": 7}), "its filter is no object of texts"),
        (
            b"cancel/x",
            fields(order="cancel", filter={}, waiting=1),
            "its waiting is 1, neither true nor false",
        ),
        (b"now/x", fields(order="now", filter={"a": "b"}), "its filter: no event is told by a"),
        (b"now/x", fields(order="now", filter={}, tiers=[3]), NO_ENDS),
        (b"now/x", fields(order="now", filter={}, tiers={"t": 3}), NO_ENDS),
        (b"now/x", fields(order="now", filter={}, logs=["t"]), "its logs is no object of texts"),
        (b"now/x", fields(order="now", filter={}, logs={"t": 3}), "its logs is no object of texts"),
        (b"now/x", fields(order="now", filter={}, tiers={"t": [3, "4"]}), NO_ENDS),
        (b"now/x", fields(order="now", filter={}, tiers={"t": [True]}), NO_ENDS),
        (b"cancel/x", fields(order="cancel", filter={}, waiting=True, tiers={"t": [-1]}), NO_ENDS),
    ],
)
def test_unreadable(key: bytes, value: bytes, why: str) -> None:
    """An order that can't be read is kept as that, in the place of what stood, and says why."""
    stood = taken(PauseOrder(GIVEN))
    assert stood.take(key, value) is None
    assert stood.unreadable == {key.decode(): why}
    with pytest.raises(UnreadableOrder):
        read(key.decode(), value)
    mended = write(PauseOrder(GIVEN), "control")
    stood.take(key, None)
    assert stood.unreadable == {}
    stood.take(mended.key, mended.value)
    assert stood.pause(AT) is not None
    stood.clear()
    assert stood.standing(AT) == []


@pytest.mark.parametrize(
    ("order", "line"),
    [
        (
            ALL[0],
            "paused until 2023-11-14T22:14:20.000Z, by ann@shop at 2023-11-14T22:13:20.000Z: they asked",
        ),
        (ALL[1], "paused, by ann@shop at 2023-11-14T22:13:20.000Z"),
        (ALL[2], "at most 0.5 a second, by ann@shop at 2023-11-14T22:13:20.000Z: they asked"),
        (
            CancelOrder(Provenance(AT, "ann"), "c", FILTER),
            "cancelled is what is pending and is --offer-id 7, by ann at 2023-11-14T22:13:20.000Z",
        ),
        (
            ALL[6],
            "due now is what waits and is --offer-id 7, by ann@shop at 2023-11-14T22:13:20.000Z: they asked",
        ),
        (CancelOrder(Provenance(AT, "ann"), "c", FILTER, None, True), f"cancelled{WAITING}"),
        (ALL[7], "the order pause is ended, by ann@shop at 2023-11-14T22:13:20.000Z: they asked"),
    ],
)
def test_described(order: Order | OrderEnd, line: str) -> None:
    """An order is told in one line: what, until when, by whom, why."""
    assert described(order) == line


@pytest.mark.parametrize(
    ("order", "on_tier", "written", "meant"),
    [
        (CancelOrder(GIVEN, "c", FILTER), False, AT + 5, True),
        (CancelOrder(GIVEN, "c", FILTER), True, AT + 5, True),
        (CancelOrder(GIVEN, "c", EventFilter.of({"offer_id": "8"})), True, AT, False),
        (CancelOrder(GIVEN, "c", FILTER, None, True), True, AT, True),
        (CancelOrder(GIVEN, "c", FILTER, None, True), True, AT + 0.1, False),
        (CancelOrder(GIVEN, "c", FILTER, None, True), False, AT, False),
        (HurryOrder(GIVEN, "n", FILTER), True, AT, True),
        (HurryOrder(GIVEN, "n", FILTER), True, AT + 0.1, False),
        (HurryOrder(GIVEN, "n", FILTER), False, AT, False),
    ],
)
def test_meant(order: CancelOrder | HurryOrder, on_tier: bool, written: float, meant: bool) -> None:
    """A cancellation means what comes, too; one of what waits, and a hurry, what was in a tier by then."""
    record = Record(Partition("t", 0), 0, None, b'{"offer_id": "7"}', (), written)
    assert is_meant(order, record, on_tier=on_tier) is meant


@pytest.mark.parametrize(
    ("at", "offset", "on_tier", "meant"),
    [
        (Partition("t", 0), 2, True, True),
        (Partition("t", 0), 3, True, False),
        (Partition("t", 1), 0, True, False),
        (Partition("t", 2), 0, True, False),
        (Partition("u", 0), 6, True, True),
        (Partition("u", 0), 6, False, False),
    ],
)
@pytest.mark.parametrize("written", [AT - 90, AT + 90])
@pytest.mark.parametrize(
    "order", [CancelOrder(GIVEN, "c", FILTER, None, True, ENDS), HurryOrder(GIVEN, "n", FILTER, None, ENDS)]
)
def test_meant_by_offset(
    order: CancelOrder | HurryOrder, written: float, at: Partition, offset: int, on_tier: bool, meant: bool
) -> None:
    """What lay in a tier when an order was given is told by the ends that it carries, whatever clocks say."""
    record = Record(at, offset, None, b'{"offer_id": "7"}', (), written)
    assert is_meant(order, record, on_tier=on_tier) is meant


@pytest.mark.parametrize(
    ("logs", "log", "meant"),
    [
        ({"t": "first"}, "first", True),
        ({"t": "first"}, "second", False),
        ({"t": "first"}, None, True),
        ({"u": "first"}, "second", True),
        ({}, "second", True),
    ],
)
def test_a_tier_that_was_made_anew(logs: dict[str, str], log: str | None, meant: bool) -> None:
    """What lies at the offsets of a log that was deleted is not meant, where both logs are known."""
    record = Record(Partition("t", 0), 2, None, b'{"offer_id": "7"}', (), AT)
    for order in (
        CancelOrder(GIVEN, "c", FILTER, None, True, ENDS, logs),
        HurryOrder(GIVEN, "n", FILTER, None, ENDS, logs),
    ):
        assert is_meant(order, record, on_tier=True, log=log) is meant


def test_a_partition_that_was_not_seen() -> None:
    """A partition missing between others had nothing in it."""
    order = HurryOrder(GIVEN, "n", FILTER, None, {Partition("t", 2): 4})
    found = read(order.key, write(order, "control").value)
    assert isinstance(found, HurryOrder)
    assert found.ends == {Partition("t", 0): 0, Partition("t", 1): 0, Partition("t", 2): 4}
