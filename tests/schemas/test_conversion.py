"""From a click to the conversion event."""

from __future__ import annotations

from datetime import timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import Click, ConversionEvent, decode
from tests.schemas.tables import CONTROLS
from tests.schemas.test_click import AT, CLICK, LATER


def test_conversion() -> None:
    """A conversion carries everything that the click knew."""
    click = Click(click_id="c-1", network="voluum", affiliate_id="a", offer_id="o", clicked_at=AT)
    event = click.conversion(
        event="purchase", payout="49.99", at=LATER, event_id="e-1", order_id="1001", attributes={"k": "v"}
    )
    assert event == ConversionEvent(
        event_id="e-1",
        click_id="c-1",
        network="voluum",
        event="purchase",
        payout=Decimal("49.99"),
        occurred_at=LATER,
        clicked_at=AT,
        affiliate_id="a",
        offer_id="o",
        order_id="1001",
        attributes={"k": "v"},
    )


@pytest.mark.parametrize("payout", [Decimal("5.00"), Decimal(5), "5", "5.0", 5])
def test_payouts(payout: Decimal | str | int) -> None:
    """A payout may be a Decimal, a string or whole dollars."""
    assert CLICK.conversion(at=LATER, event="signup", payout=payout).payout_text == "5.00"


@pytest.mark.parametrize(
    "wrong",
    [
        {"payout": 49.99},
        {"payout": "49.999"},
        {"payout": "500.5", "currency": "JPY"},
        {"currency": "EUX"},
        {"event": ""},
        {"event": "a\n"},
        {"event_id": ""},
        {"event_id": "é"},
        {"order_id": ""},
        {"order_id": "\ud800"},
        {"attributes": {"a": 1}},
        {"attributes": {"a": "\ud800"}},
        {"attributes": {"\udcff": "b"}},
        {"at": LATER.replace(tzinfo=None)},
    ],
)
def test_wrong_conversions(wrong: dict[str, object]) -> None:
    """Wrong values raise at the producer, before anything is sent."""
    with pytest.raises(ValidationError):
        CLICK.conversion(**{"at": LATER} | wrong)  # type: ignore[arg-type]


def test_payouts_in_another_currency() -> None:
    """A payout may be in any currency of ISO 4217, with that one's decimals; without one it is in dollars."""
    event = CLICK.conversion(at=LATER, event="purchase", payout="1.5", currency="KWD")
    assert (event.currency, event.payout_text) == ("KWD", "1.500")
    assert CLICK.conversion(at=LATER, event="purchase", payout="1.5").currency == "USD"


def test_bytes_are_fixed() -> None:
    """What an event's bytes were they stay; its network and a currency that is not US dollars are new."""
    click = Click(click_id="c-1", clicked_at=AT)
    usual = click.conversion(event="purchase", payout="5", at=LATER, event_id="e-1", order_id="1001")
    assert usual.to_json() == (
        b'{"event_id":"e-1","click_id":"c-1","event":"purchase","payout":"5.00",'
        b'"occurred_at":"2026-01-02T03:04:05.000000Z","clicked_at":"2026-01-01T12:00:00.000000Z",'
        b'"order_id":"1001"}'
    )
    click = Click(click_id="c-1", network="line", clicked_at=AT)
    other = click.conversion(event="purchase", payout=500, currency="JPY", at=LATER, event_id="e-1")
    assert other.to_json() == (
        b'{"event_id":"e-1","click_id":"c-1","network":"line","event":"purchase","currency":"JPY",'
        b'"payout":"500","occurred_at":"2026-01-02T03:04:05.000000Z",'
        b'"clicked_at":"2026-01-01T12:00:00.000000Z"}'
    )


def test_a_retry_is_the_same_event() -> None:
    """The same arguments give the same bytes, wherever the clock's zone is."""
    first = CLICK.conversion(at=LATER, event="lead", payout="2.5")
    again = CLICK.conversion(at=LATER.astimezone(timezone(timedelta(hours=9))), event="lead", payout="2.50")
    assert again.to_json() == first.to_json()


def test_derived_ids_are_fixed() -> None:
    """A derived event id never changes with a release: conversions would count twice."""
    assert CLICK.conversion(at=LATER).event_id == "e1ebd55a-ffaa-554b-8244-81579ff26ad4"
    assert (
        CLICK.conversion(at=LATER, event="purchase", order_id="1001").event_id
        == "36651a3b-b666-57ff-a7bf-94240a29963b"
    )


def test_with_an_order_the_time_does_not_count() -> None:
    """The same order told again at another time is the same conversion."""
    ids = {
        CLICK.conversion(at=at, event="purchase", payout="49.99", order_id="1001").event_id
        for at in (AT, LATER)
    }
    assert len(ids) == 1


def test_each_conversion_has_its_own_id() -> None:
    """Another click, network, event, order or, without an order, another time is another conversion."""
    other = Click(click_id="c-2", clicked_at=AT)
    here, there = (Click(click_id="c-1", network=name, clicked_at=AT) for name in ("a", "b"))
    events = [
        CLICK.conversion(at=AT),
        CLICK.conversion(at=AT + timedelta(microseconds=1)),
        CLICK.conversion(at=AT, event="signup", payout=5),
        CLICK.conversion(at=AT, event="purchase", payout=5),
        CLICK.conversion(at=AT, event="purchase", payout=5, order_id="1"),
        CLICK.conversion(at=AT, event="purchase", payout=5, order_id="2"),
        CLICK.conversion(at=AT, order_id="1"),
        other.conversion(at=AT),
        other.conversion(at=AT, order_id="1"),
        here.conversion(at=AT, order_id="1"),
        there.conversion(at=AT, order_id="1"),
    ]
    assert len({event.event_id for event in events}) == len(events)


tricky = st.text(st.sampled_from('",[]\\ nul:/a1'), min_size=1, max_size=8)


@given(
    *[st.tuples(tricky, st.none() | tricky, st.none() | tricky)] * 2,
)
def test_derived_ids_do_not_collide(
    one: tuple[str, str | None, str | None], two: tuple[str, str | None, str | None]
) -> None:
    """Two conversions have one derived id only if click, event and order are the same."""
    ids = [
        Click(click_id=click_id, clicked_at=AT).conversion(at=LATER, event=event, order_id=order).event_id
        for click_id, event, order in (one, two)
    ]
    assert (ids[0] == ids[1]) is (one == two)


@pytest.mark.parametrize("control", CONTROLS)
def test_clicks_have_no_controls(control: str) -> None:
    """A click id with a control character can't be stored."""
    with pytest.raises(ValidationError):
        Click(click_id=f"a{control}", clicked_at=AT)


def test_what_a_producer_sends_is_an_event() -> None:
    """What the producer's side makes, the worker's side reads."""
    event = CLICK.conversion(at=LATER, event="purchase", payout="49.99", attributes={"é": "日"})
    assert decode(event.to_json(), now=LATER.timestamp()) == event
