"""The three forms of the partner's own document, as a shop would produce them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas import Click, decode

VISIT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def visit() -> Click:
    """Land on the shop's page by the partner's link."""
    click = Click.from_landing_url("https://shop.example/?utm_source=ads&click_id=9f8e7d6c5b4a3928", at=VISIT)
    assert click is not None
    return click


def test_one_fixed_payout() -> None:
    """A conversion with a fixed payout needs neither event nor payout: the simple form."""
    event = visit().conversion(at=VISIT + timedelta(hours=1), order_id="1001")
    received = decode(event.to_json(), now=event.occurred_at.timestamp())
    assert received.is_simple
    assert received.click_id == "9f8e7d6c5b4a3928"
    assert received.payout_text is None


@pytest.mark.parametrize(("name", "payout"), [("purchase", "49.99"), ("signup", "5.00"), ("lead", "2.50")])
def test_several_events_with_their_payouts(name: str, payout: str) -> None:
    """An event with its payout takes the event form, and the payout keeps its two decimals."""
    event = visit().conversion(at=VISIT + timedelta(days=1), event=name, payout=payout)
    received = decode(event.to_json(), now=event.occurred_at.timestamp())
    assert not received.is_simple
    assert (received.event, received.payout_text) == (name, payout)


def test_one_click_converts_many_times() -> None:
    """Signup, purchase and another purchase of one click are three conversions in one window."""
    click = Click.from_json(visit().to_json())
    told = [
        click.conversion(at=VISIT + timedelta(days=1), event="signup", payout="5.00"),
        click.conversion(at=VISIT + timedelta(days=2), event="purchase", payout="49.99", order_id="1001"),
        click.conversion(at=VISIT + timedelta(days=9), event="purchase", payout="49.99", order_id="1002"),
    ]
    received = [decode(event.to_json(), now=event.occurred_at.timestamp()) for event in told]
    assert len({event.event_id for event in received}) == 3
    assert {event.click_id for event in received} == {"9f8e7d6c5b4a3928"}
    assert {event.clicked_at for event in received} == {VISIT}
