"""The values of an event: payouts, times, windows."""

from __future__ import annotations

import decimal
import json
from decimal import Decimal

import pytest
from pydantic import ValidationError

from schemas import Invalid, decode
from schemas.payout import minor_units
from tests.schemas.tables import (
    BAD_PAYOUTS,
    GOOD_IN_CURRENCY,
    GOOD_PAYOUTS,
    GOOD_TIMES,
    INEXACT_PAYOUTS,
    NOW,
    value_of,
    value_with,
)
from tests.schemas.test_event import event_of


@pytest.mark.parametrize(("written", "text"), GOOD_PAYOUTS.items())
def test_payouts(written: str, text: str) -> None:
    """A payout reaches the partner with exactly two decimals, whether it was a string or a number."""
    event = decode(value_with(f'"payout":{written}'), now=NOW)
    assert event.payout_text == text
    assert event.payout == Decimal(text)


@pytest.mark.parametrize("payout", [Decimal("49.99"), Decimal("49.990"), "49.99"])
def test_payouts_from_python(payout: Decimal | str) -> None:
    """Python code gives a payout as a Decimal or a string."""
    assert event_of(payout=payout).payout_text == "49.99"


def test_whole_payouts_from_python() -> None:
    """Python code may give whole dollars as an int, but not as a bool."""
    assert event_of(payout=5).payout_text == "5.00"
    with pytest.raises(ValidationError):
        event_of(payout=True)


@pytest.mark.parametrize(
    "payout",
    [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-0"), Decimal("0.001"), -1, 10**10],
)
def test_bad_payouts_from_python(payout: object) -> None:
    """Python's numbers keep the same rules as JSON's."""
    with pytest.raises(ValidationError):
        event_of(payout=payout)


def test_floats_are_no_payouts() -> None:
    """A float as payout is refused with the way out: binary floats are not exact."""
    with pytest.raises(ValidationError, match="give a Decimal or a string"):
        event_of(payout=49.99)


@pytest.mark.parametrize("written", ["49.99", '"49.99"', "0", "1e2"])
def test_the_callers_decimal_context_changes_nothing(written: str) -> None:
    """Payouts read the same whatever precision and traps the calling thread has set for its decimals."""
    value = value_with(f'"payout":{written}')
    usual = decode(value, now=NOW)
    with decimal.localcontext(decimal.Context(prec=1, traps=list(decimal.getcontext().traps))):
        assert decode(value, now=NOW).payout_text == usual.payout_text


@pytest.mark.parametrize("written", BAD_PAYOUTS + INEXACT_PAYOUTS)
def test_bad_payouts_are_named(written: str) -> None:
    """A bad payout's message names the field and shows a good one."""
    with pytest.raises(Invalid, match=r'^payout must be 0 to 9999999999\.99 .* such as "49\.99"'):
        decode(value_with(f'"payout":{written}'), now=NOW)


@pytest.mark.parametrize("written", ['"payout":"500.5","currency":"JPY"', '"currency":"JPY","payout":500.5'])
def test_a_bad_payout_names_its_currency(written: str) -> None:
    """Of a payout with too many decimals is said how many its currency has, wherever that stands."""
    with pytest.raises(Invalid) as caught:
        decode(value_with(written), now=NOW)
    assert str(caught.value) == (
        'payout must be 0 to 9999999999 with no decimals (JPY), such as "49" or 49, never -0'
    )


def test_a_payout_in_no_currency() -> None:
    """A code that is no currency is the one mistake, where the payout would be right in some other."""
    with pytest.raises(Invalid) as caught:
        decode(value_with('"payout":"1.505","currency":"KWX"'), now=NOW)
    assert str(caught.value) == (
        "currency must be a currency's code by ISO 4217 in capitals, such as USD, EUR or JPY"
    )


@pytest.mark.parametrize(("currency", "written"), GOOD_IN_CURRENCY)
def test_payouts_in_currencies(currency: str, written: str) -> None:
    """A payout has the decimals of its currency, whether it was a string or a number."""
    event = decode(value_with(f'"payout":{written},"currency":"{currency}"'), now=NOW)
    assert (event.currency, event.payout_text) == (currency, GOOD_IN_CURRENCY[currency, written])


@pytest.mark.parametrize(
    ("payout", "currency", "units"),
    [
        ("49.99", "USD", 4999),
        ("0", "USD", 0),
        ("9999999999.99", "USD", 999_999_999_999),
        ("500", "JPY", 500),
        ("1.5", "KWD", 1500),
        ("9999999999.999", "KWD", 9_999_999_999_999),
        ("1.505", "CLF", 15_050),
        ("2", "XAU", 2),
    ],
)
def test_minor_units(payout: str, currency: str, units: int) -> None:
    """A payout in its currency's smallest unit is a whole number, whatever the thread's own context."""
    event = event_of(payout=payout, currency=currency)
    assert event.payout is not None
    with decimal.localcontext(decimal.Context(prec=1, traps=[decimal.Inexact])):
        assert minor_units(event.payout, event.currency) == units


@pytest.mark.parametrize(("written", "utc"), GOOD_TIMES.items())
def test_times(written: str, utc: str) -> None:
    """Every form of a date-time is written back in one form: UTC with microseconds."""
    event = decode(value_of(occurred_at=written), now=NOW)
    assert json.loads(event.to_json())["occurred_at"] == utc
