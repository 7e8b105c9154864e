"""Which conversions a filter means."""

from __future__ import annotations

import json

import pytest

from schemas import RetryReason, WorkerHeaders
from worker.core.event_filter import EventFilter

AT = "2026-01-31T12:00:00Z"
FIELDS = {"event_id": "e", "click_id": "c", "offer_id": "7", "event": "sale", "occurred_at": AT}
VALUE = json.dumps(FIELDS).encode()
HEADERS = WorkerHeaders(
    attempts=1, reason=RetryReason.STATUS, status=404, error="HTTP 404: no such Offer"
).write()


def meant(value: bytes | None = VALUE, *, on_tier: bool = True, **named: str) -> bool:
    """Whether a record is meant by this filter."""
    return EventFilter.of(named).matches(value, HEADERS, on_tier=on_tier)


@pytest.mark.parametrize(
    ("named", "is_meant"),
    [
        ({}, True),
        ({"offer_id": "7"}, True),
        ({"offer_id": "7", "event": "sale"}, True),
        ({"offer_id": "70"}, False),
        ({"offer_id": "sale"}, False),
        ({"offer_id": "7", "event": "lead"}, False),
        ({"network": "7"}, False),
        ({"status": "404"}, True),
        ({"status": "500"}, False),
        ({"reason": "status", "offer_id": "7"}, True),
        ({"reason": "timeout"}, False),
        ({"error": "no such offer"}, True),
        ({"error": "timed out"}, False),
        ({"since": AT, "until": AT}, True),
        ({"since": "2026-01-31T12:00:00.001Z"}, False),
        ({"until": "2026-01-31T11:59:59Z"}, False),
        ({"offer_id": "7", "since": "2026-01-31T14:00:00+02:00"}, True),
        ({"offer_id": "8", "since": AT}, False),
    ],
)
def test_fields(named: dict[str, str], is_meant: bool) -> None:
    """All fields that are named must have the value, and no other field will do."""
    assert EventFilter.of(named).matches(VALUE, HEADERS, on_tier=True) is is_meant


def test_what_no_event_can_hold() -> None:
    """A filter that is no text in UTF-8, as a record of the control topic may have it, means nothing."""
    assert not meant(click_id="\udcff")
    assert not meant(VALUE.replace(b'"c"', b'"\\u0063"'), click_id="\udcff")


def test_on_the_source() -> None:
    """What the headers of the source's records say is their producer's, and means nothing."""
    assert not meant(on_tier=False, status="404")
    assert meant(on_tier=False, offer_id="7", since=AT)


def test_without_an_error() -> None:
    """A last attempt without an error has no text in it."""
    bare = WorkerHeaders(attempts=1).write()
    assert not EventFilter.of({"error": "x"}).matches(VALUE, bare, on_tier=True)


@pytest.mark.parametrize("value", [None, b"", b"[7]", b"7 \\ {", b'{"offer_id": 7}', b"\xff7"])
def test_no_event(value: bytes | None) -> None:
    """What is no event with that text is not meant, whatever its bytes."""
    assert not meant(value, offer_id="7")


@pytest.mark.parametrize("occurred_at", [None, 1769860800, "yesterday"])
def test_no_time(occurred_at: object) -> None:
    """An event that tells no time is of no time that is meant."""
    value = json.dumps({**FIELDS, "occurred_at": occurred_at}).encode()
    assert not meant(value, since="2000-01-01T00:00:00Z")
    assert not meant(value, until="2100-01-01T00:00:00Z")


def test_escaped() -> None:
    """A value that is written with escapes is found."""
    assert meant(b'{"offer_id": "\\u0037"}', offer_id="7")


def test_unknown_name() -> None:
    """A field that no event has is an error."""
    with pytest.raises(ValueError, match="no event is told by colour"):
        EventFilter.of({"colour": "red"})


@pytest.mark.parametrize("name", ["since", "until"])
def test_a_time_that_is_none(name: str) -> None:
    """What is no time can't be meant, and is told by its name."""
    with pytest.raises(ValueError, match=f"{name} is no time"):
        EventFilter.of({name: "2h"})


def test_as_typed() -> None:
    """It is said as it is typed."""
    assert (
        str(EventFilter.of({"event": "sale", "offer_id": "7", "network": None}))
        == "--offer-id 7 --event sale"
    )
    assert str(EventFilter.of({"error": "no such offer"})) == "--error 'no such offer'"
    assert str(EventFilter()) == "everything"
