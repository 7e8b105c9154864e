"""Made-up, fresh conversions in the forms that the partner documents.

The rule: each call makes new clicks, so that two calls never give the same conversions.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from schemas import Click, ConversionEvent

_CLICKED_BEFORE = timedelta(hours=1)
_APART = timedelta(minutes=10)


def sample_events(now: datetime) -> list[ConversionEvent]:
    """A simple conversion, one of each usual event, and several of one click: all in the last hour."""
    return [*_simple(now), *_one_each(now), *_several(now)]


def _simple(now: datetime) -> list[ConversionEvent]:
    return [_click(now).conversion(at=now - _APART)]


def _one_each(now: datetime) -> list[ConversionEvent]:
    return [
        _click(now).conversion(at=now - _APART, event="purchase", payout="49.99", order_id="1001"),
        _click(now).conversion(at=now - _APART, event="signup", payout="5.00"),
        _click(now).conversion(at=now - _APART, event="lead", payout="2.50"),
    ]


def _several(now: datetime) -> list[ConversionEvent]:
    """One visitor signs up, buys, and buys again."""
    click = _click(now)
    return [
        click.conversion(at=now - 3 * _APART, event="signup", payout="5.00"),
        click.conversion(at=now - 2 * _APART, event="purchase", payout="49.99", order_id="1002"),
        click.conversion(at=now - _APART, event="purchase", payout="19.99", order_id="1003"),
    ]


def _click(now: datetime) -> Click:
    return Click(click_id=f"example-{secrets.token_hex(6)}", clicked_at=now - _CLICKED_BEFORE)
