"""Reading the conversion event: what counts, what is refused, and with which word."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import BadRecord, ConversionEvent, Invalid, Undecodable, decode
from tests.schemas.tables import LEAST, NOW, value_of, value_with
from tests.schemas.values import GOOD_VALUES, INVALID_VALUES, UNDECODABLE_VALUES

OPTIONAL = ("network", "event", "payout", "clicked_at", "affiliate_id", "offer_id", "order_id")


def cases(table: Mapping[str, bytes | None]) -> pytest.MarkDecorator:
    """Run a test once for each row of a table, under the row's name."""
    return pytest.mark.parametrize("value", table.values(), ids=[ascii(name) for name in table])


@cases(GOOD_VALUES)
def test_good_values_are_events(value: bytes) -> None:
    """A value that keeps the rules is an event, and its own bytes read back as the same event."""
    event = decode(value, now=NOW)
    assert decode(event.to_json(), now=NOW) == event


@cases(INVALID_VALUES)
def test_invalid_values(value: bytes) -> None:
    """JSON that breaks a rule is invalid."""
    with pytest.raises(Invalid) as caught:
        decode(value, now=NOW)
    assert caught.value.reason == "invalid"


@cases(UNDECODABLE_VALUES)
def test_undecodable_values(value: bytes | None) -> None:
    """What a strict JSON parser refuses is undecodable."""
    with pytest.raises(Undecodable) as caught:
        decode(value, now=NOW)
    assert caught.value.reason == "undecodable"


@cases(INVALID_VALUES | UNDECODABLE_VALUES)
def test_messages_are_one_line(value: bytes | None) -> None:
    """What is said of a bad record is one printable line of at most 512 characters."""
    with pytest.raises(BadRecord) as caught:
        decode(value, now=NOW)
    assert str(caught.value).isprintable()
    assert 0 < len(str(caught.value)) <= 512


@given(st.binary())
def test_any_bytes(value: bytes) -> None:
    """Arbitrary bytes are an event or a bad record, and never another exception."""
    with contextlib.suppress(BadRecord):
        decode(value, now=NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(list(ConversionEvent.model_fields)), json_values))
def test_any_fields(fields: dict[str, Any]) -> None:
    """Arbitrary JSON in the fields is an event or a bad record, and never another exception."""
    value = json.dumps(LEAST | fields).encode()
    try:
        event = decode(value, now=NOW)
    except BadRecord:
        return
    assert decode(event.to_json(), now=NOW) == event


def test_the_message_names_every_wrong_field() -> None:
    """Each wrong field is named once, with what would be right, and what was in it is not repeated."""
    with pytest.raises(Invalid) as caught:
        decode(b'{"click_id":"secret\\u0000","event":"","attributes":{"a":1,"b":2}}', now=NOW)
    assert str(caught.value) == (
        "event_id is missing: it must be a string of 1 to 128 printable ASCII characters; "
        "click_id must be a string of 1 to 512 characters without control characters; "
        "event must be a string of 1 to 64 characters without control characters; "
        "occurred_at is missing: it must be an RFC 3339 date-time with an offset, "
        "such as 2026-01-02T03:04:05Z; "
        "attributes must be an object of at most 32 strings"
    )


def test_everything_wrong_is_still_a_short_message() -> None:
    """A message that would be longer than 512 characters is cut."""
    value = json.dumps(dict.fromkeys(ConversionEvent.model_fields, 0) | {"payout": -1}).encode()
    with pytest.raises(Invalid) as caught:
        decode(value, now=NOW)
    assert len(str(caught.value)) == 512


@pytest.mark.parametrize("field", OPTIONAL)
def test_null_is_absence(field: str) -> None:
    """Null for an optional field is the same as leaving it out."""
    assert decode(value_of(**{field: None}), now=NOW) == decode(value_of(), now=NOW)
    assert getattr(decode(value_of(), now=NOW), field) is None


@pytest.mark.parametrize(("field", "default"), [("currency", "USD"), ("attributes", {})])
def test_null_is_the_default(field: str, default: object) -> None:
    """Null for a field with a default is that default."""
    assert getattr(decode(value_of(**{field: None}), now=NOW), field) == default
    assert decode(value_of(**{field: None}), now=NOW) == decode(value_of(**{field: default}), now=NOW)


def test_duplicate_keys() -> None:
    """Of duplicate keys the last counts, for a payout written as a number too."""
    assert decode(value_with('"event_id":"e-2"'), now=NOW).event_id == "e-2"
    assert decode(value_with('"payout":"x","payout":2.5'), now=NOW).payout_text == "2.50"
    assert decode(value_with('"payout":1,"p\\u0061yout":2.5'), now=NOW).payout_text == "2.50"


def test_identifiers_are_unchanged() -> None:
    """Identifiers are kept character for character: case, spaces and composed characters included."""
    click_id = " AbC%2B+é e\u0301 日本 😀 "
    assert decode(value_of(click_id=click_id), now=NOW).click_id == click_id


@pytest.mark.parametrize(("ahead_s", "good"), [(86_400, True), (86_399.999, True), (86_400.001, False)])
def test_occurred_at_ahead_of_the_clock(ahead_s: float, good: bool) -> None:
    """An event may lie up to 24 hours ahead of the reader's clock, and not more."""
    occurred_at = (datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=ahead_s)).isoformat()
    value = value_of(occurred_at=occurred_at)
    if good:
        assert decode(value, now=NOW).occurred_at.timestamp() == pytest.approx(NOW + ahead_s)
    else:
        with pytest.raises(Invalid, match="occurred_at is more than 24 h ahead"):
            decode(value, now=NOW)


@pytest.mark.parametrize(
    ("fields", "simple"),
    [
        ({}, True),
        ({"event": "lead"}, False),
        ({"payout": "0"}, False),
        ({"event": "a", "payout": "1"}, False),
    ],
)
def test_which_form(fields: dict[str, str], simple: bool) -> None:
    """An event is simple only where neither event nor payout is given; a payout of zero is given."""
    assert decode(value_of(**fields), now=NOW).is_simple is simple


def event_of(**fields: Any) -> ConversionEvent:
    """Make the least event with these fields changed, as Python code would."""
    least = {"event_id": "e-1", "click_id": "c-1", "occurred_at": datetime(2026, 1, 2, tzinfo=UTC)}
    return ConversionEvent.model_validate(least | fields)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 2),  # noqa: DTZ001 - naive is what it is about
        "2026-01-02",
        1767323045,
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime(9999, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-1))),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_bad_times_from_python(moment: object) -> None:
    """Python code gives aware datetimes whose UTC lies within the calendar; a Unix timestamp is none."""
    with pytest.raises(ValidationError, match="aware datetime"):
        event_of(occurred_at=moment)


def test_times_are_kept_across_a_change_of_clocks() -> None:
    """An hour that clocks repeat stays the one it was, and the event still equals its copy."""
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    second = first.replace(fold=1)
    event = event_of(clicked_at=first, occurred_at=second)
    assert event.occurred_at.timestamp() - first.timestamp() == 3600
    assert decode(event.to_json(), now=2e9) == event


def test_bytes_are_fixed() -> None:
    """The bytes of an event never change from one release to the next."""
    event = ConversionEvent(
        event_id="e-1",
        click_id="Klick 😀",
        event="purchase",
        payout=Decimal(5),
        occurred_at=datetime(2026, 1, 2, 4, 4, 5, tzinfo=timezone(timedelta(hours=1))),
        clicked_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
        affiliate_id="a",
        offer_id="o",
        order_id='"1001"',
        attributes={"b": "2", "a": "1"},
    )
    assert event.to_json().decode() == (
        '{"event_id":"e-1","click_id":"Klick 😀","event":"purchase","payout":"5.00",'
        '"occurred_at":"2026-01-02T03:04:05.000000Z","clicked_at":"2026-01-01T12:00:00.000000Z",'
        '"affiliate_id":"a","offer_id":"o","order_id":"\\"1001\\"","attributes":{"a":"1","b":"2"}}'
    )


def test_what_is_absent_is_not_written() -> None:
    """Only what was given is written: no nulls, no defaults."""
    assert json.loads(event_of(currency="USD", attributes={}).to_json()).keys() == LEAST.keys()


controls_free = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=64)
ids = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)
moments = st.datetimes(
    max_value=datetime(2026, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    min_value=datetime(1, 1, 3),  # noqa: DTZ001
    timezones=st.timezones() | st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m))),
)
events = st.builds(
    event_of,
    event_id=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=128),
    click_id=controls_free,
    event=st.none() | controls_free,
    payout=st.none() | st.decimals("0", "9999999999.99", places=2).map(abs),
    occurred_at=moments,
    clicked_at=st.none() | moments,
    affiliate_id=ids,
    offer_id=ids,
    order_id=ids,
    attributes=st.none()
    | st.dictionaries(*[st.text(st.characters(exclude_categories=["Cs"]))] * 2, max_size=32),
)


@given(events)
def test_round_trip(event: ConversionEvent) -> None:
    """Every event that Python code can make is read back equal from its own bytes."""
    again = decode(event.to_json(), now=NOW)
    assert again == event
    assert hash(again) == hash(event)
    assert again.to_json() == event.to_json()
    assert ConversionEvent.model_validate(event.model_dump(mode="json")) == event


@given(events, st.integers(-1439, 1439))
def test_equal_events_have_equal_bytes(event: ConversionEvent, minutes: int) -> None:
    """Neither the zone of a time nor the order of attributes nor a payout's zeros show in the bytes."""
    zone = timezone(timedelta(minutes=minutes))
    fields = event.model_dump()
    fields["occurred_at"] = fields["occurred_at"].astimezone(zone)
    fields["attributes"] = dict(reversed(fields["attributes"].items()))
    if event.payout is not None:
        fields["payout"] = event.payout.normalize()
    twin = ConversionEvent.model_validate(fields)
    assert twin == event
    assert twin.to_json() == event.to_json()


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_numbers_count_by_their_value(literal: str) -> None:
    """A number is a payout if it has no minus and its value is whole cents up to 9999999999.99."""
    cents = Decimal(literal).scaleb(2)
    expected = not literal.startswith("-") and cents <= 999_999_999_999 and cents == cents.to_integral_value()
    try:
        event = decode(value_with(f'"payout":{literal}'), now=NOW)
    except Invalid:
        assert not expected
    else:
        assert expected
        assert event.payout == Decimal(literal)


def test_events_do_not_change() -> None:
    """An event is frozen."""
    with pytest.raises(ValidationError):
        decode(value_of(), now=NOW).event_id = "other"  # type: ignore[misc]


def test_wrong_values_stay_out_of_errors() -> None:
    """A producer's exception does not show what was in the field."""
    with pytest.raises(ValidationError) as caught:
        event_of(click_id="secret\x00")
    assert "secret" not in str(caught.value)
