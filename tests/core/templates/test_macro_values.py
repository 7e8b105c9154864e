"""What is sent for a macro: the value's form, its default, its place in a map."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest

from tests.core.examples import make_event
from worker.core.templates import CannotFill
from worker.core.templates.errors import LeftOut
from worker.core.templates.macro_syntax import parse_macro
from worker.core.templates.macro_values import value_of

AT = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=timezone(timedelta(hours=2)))
EVENT = make_event(
    event="purchase",
    payout="49.99",
    occurred_at=AT,
    attributes={"email": "  Jané@Example.COM ", "n": "12.5", "empty": "", "star": "*"},
)
FIELDS = {**EVENT.__dict__, "attempt": 3, "now": datetime(2026, 1, 2, 0, 0, 0, 999_999, tzinfo=UTC)}


def value(content: str, fields: dict[str, Any] = FIELDS) -> str:
    """What is sent for a macro."""
    return value_of(parse_macro(content), {"token": "{click_id}%"}, "the body")(fields)


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ("click_id", "c-1"),
        ("payout", "49.99"),
        ("payout:minor", "4999"),
        ("occurred_at", "2026-01-02T01:04:05Z"),
        ("occurred_at:iso", "2026-01-02T01:04:05Z"),
        ("occurred_at:unix", "1767315845"),
        ("occurred_at:unix_ms", "1767315845678"),
        ("clicked_at:unix|0", "0"),
        ("now:unix_ms", "1767312000999"),
        ("attempt", "3"),
        ("attempt:1=first,*=again", "again"),
        ("currency", "USD"),
        ("secret.token", "{click_id}%"),
        ("attributes.email:sha256", sha256("jané@example.com".encode()).hexdigest()),
        ("attributes.empty", ""),
        ("attributes.empty|x", ""),
        ("attributes.none|x", "x"),
        ("attributes.n:number", "12.5"),
        ("event:purchase=Sale,signup=Lead", "Sale"),
        ("event:signup=Lead,*=Other", "Other"),
        ("event:signup=Lead,*=", ""),
        ("event:signup=Lead,*", "purchase"),
        ("attributes.star:*=Other", "Other"),
        ("attributes.none:a=b|Nothing", "Nothing"),
        ("event:purchase=5,*=0:number", "5"),
    ],
)
def test_what_is_sent(content: str, sent: str) -> None:
    """A value is sent as it is, or in the form that is asked for; a default where it is absent."""
    assert value(content) == sent


def test_before_the_epoch() -> None:
    """A moment before 1970 is the second and the millisecond that it lies in."""
    fields = {"occurred_at": datetime(1969, 12, 31, 23, 59, 59, 500_500, tzinfo=UTC)}
    assert value("occurred_at:unix", fields) == "-1"
    assert value("occurred_at:unix_ms", fields) == "-500"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("order_id", "the body needs {order_id}, which this event does not have"),
        ("attributes.none:sha256", "the body needs {attributes.none}, which this event does not have"),
        ("clicked_at:unix", "the body needs {clicked_at}, which this event does not have"),
        (
            "event:signup=Lead",
            "the body needs {event:signup=Lead}, whose map does not have this event's value",
        ),
        (
            "event?:signup=Lead",
            "the body needs {event?:signup=Lead}, whose map does not have this event's value",
        ),
        ("event|0:number", "the body needs {event|0:number}, and this event's value is no number"),
        (
            "attributes.empty:number",
            "the body needs {attributes.empty:number}, and this event's value is no number",
        ),
    ],
)
def test_what_cannot_be_sent(content: str, says: str) -> None:
    """Without a value, or with one that can't stand there, the event is invalid; the value is not told."""
    with pytest.raises(CannotFill) as caught:
        value(content)
    assert str(caught.value) == says


@pytest.mark.parametrize("content", ["order_id?", "attributes.none?:sha256", "clicked_at?:unix:number"])
def test_what_is_left_out(content: str) -> None:
    """An optional macro without a value is left out."""
    with pytest.raises(LeftOut):
        value(content)


@pytest.mark.parametrize("text", ["", " 1", "01", "+1", "1.", ".5", "0x1", "1_0", "NaN", "\u0661", "1\n"])
def test_no_numbers(text: str) -> None:
    """What JSON does not take for a number is none."""
    with pytest.raises(CannotFill, match="no number"):
        value("attributes.x:number", {"attributes": {"x": text}})
