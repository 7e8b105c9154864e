"""Which dead letters are meant, from what somebody wrote."""

from __future__ import annotations

import pytest

from schemas import DeadReason
from tests.ops.letters import NOW, STRANGE, letter
from worker.ops.filters import Filters, SinceAfterUntil, WrongFilter, read_event_filter, read_filters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("2h", NOW - 7200),
        ("30d", NOW - 2_592_000),
        ("2027-01-15T08:00:00Z", NOW),
        ("2027-01-15T09:00:00+01:00", NOW),
    ],
)
def test_times(text: str | None, expected: float | None) -> None:
    """A time is RFC 3339, or an age before now."""
    assert read_filters(now=NOW, since=text).since == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2027-01-15", "2027-01-15T08:00:00", "-2h"])
def test_no_time(text: str) -> None:
    """Any other time is wrong, and both forms are shown."""
    with pytest.raises(WrongFilter, match="an age such as") as error:
        read_filters(now=NOW, until=text)
    assert error.value.name == "until"


def test_reasons() -> None:
    """A reason is one of the contract's; another is named, with those that there are."""
    assert read_filters(now=NOW, reasons=["expired"]).reasons == {"expired"}
    with pytest.raises(WrongFilter, match="'bad' is no reason; known are undecodable, ") as error:
        read_filters(now=NOW, reasons=["expired", "bad"])
    assert error.value.name == "reason"


@pytest.mark.parametrize("name", ["error", "event_id", "click_id", "offer_id", "network"])
def test_an_empty_text(name: str) -> None:
    """An empty text is refused: with a variable that is not set all errors would match, and no id."""
    with pytest.raises(WrongFilter, match="it is empty") as error:
        read_filters(now=NOW, **{name: ""})  # type: ignore[arg-type]  # a text, whichever it is
    assert error.value.name == name.replace("_", "-")
    with pytest.raises(WrongFilter, match="it is empty"):
        read_event_filter({name: ""}, NOW)


def test_backwards() -> None:
    """No time is since an hour ago and until two hours ago."""
    with pytest.raises(SinceAfterUntil):
        read_filters(now=NOW, since="1h", until="2h")
    assert read_filters(now=NOW, since="1h", until="1h") == Filters(since=NOW - 3600, until=NOW - 3600)


def test_of_what_is_pending() -> None:
    """An age is a fixed time from then on, one bound is enough, and a reason is one of a retry's."""
    given = {"since": "2h", "until": None, "reason": "timeout", "offer_id": "7"}
    told = dict(read_event_filter(given, NOW).wanted)
    assert told == {"since": "2027-01-15T06:00:00.000Z", "reason": "timeout", "offer_id": "7"}
    assert dict(read_event_filter({"until": "1h"}, NOW).wanted) == {"until": "2027-01-15T07:00:00.000Z"}
    with pytest.raises(WrongFilter, match="'expired' is no reason"):
        read_event_filter({"reason": "expired"}, NOW)
    with pytest.raises(SinceAfterUntil):
        read_event_filter({"since": "1h", "until": "2h"}, NOW)


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        (Filters(), True),
        (Filters(frozenset({"exhausted", "expired"})), True),
        (Filters(frozenset({"expired"})), False),
        (Filters(status=503), True),
        (Filters(status=400), False),
        (Filters(event_id="a"), True),
        (Filters(event_id="A"), False),
        (Filters(click_id="click-a"), True),
        (Filters(click_id="a"), False),
        (Filters(since=NOW, until=NOW), True),
        (Filters(since=NOW), True),
        (Filters(until=NOW), True),
        (Filters(since=NOW + 1), False),
        (Filters(until=NOW - 1), False),
        (Filters(frozenset({"exhausted"}), status=400), False),
        (Filters(offer_id="77"), True),
        (Filters(offer_id="7"), False),
        (Filters(network="voluum"), True),
        (Filters(network="Voluum"), False),
        (Filters(offer_id="77", network="other"), False),
        (Filters(error="GATEWAY time"), True),
        (Filters(error="timeout"), False),
    ],
)
def test_matches(filters: Filters, matches: bool) -> None:
    """A letter passes where it passes every filter; a look at its bytes rejects none that does."""
    one = letter(
        "a",
        reason=DeadReason.EXHAUSTED,
        error="HTTP 504 Gateway Time-out",
        offer_id="77",
        network="voluum",
    )
    assert filters.match(one) is matches
    assert filters.glance()(one.headers, one.value) >= matches


def test_a_glance() -> None:
    """A look at a record's bytes leaves out another reason, another status, and ids that are not in it."""
    one = letter("a", status=503, reason=DeadReason.EXHAUSTED, offer_id="77")
    for filters in (Filters(frozenset({"expired"})), Filters(status=400), Filters(offer_id="78")):
        assert not filters.glance()(one.headers, one.value)
    assert Filters(offer_id="é").glance()((), b'{"offer_id": "\\u00e9"}')
    assert not Filters(event_id="a").glance()((), None)


def test_a_repeated_header() -> None:
    """Of headers that repeat the last counts, at a glance as well."""
    headers = [("postback-reason", b"expired"), ("postback-reason", b"invalid")]
    assert Filters(frozenset({"invalid"})).glance()(headers, b"")
    assert not Filters(frozenset({"expired"})).glance()(headers, b"")


def test_no_fields() -> None:
    """A letter whose value is no event passes no filter of a field."""
    assert not Filters(network="voluum").match(STRANGE)
    assert not Filters(error="x").match(STRANGE)


def test_a_letter_without_a_time() -> None:
    """A letter that tells no time passes no filter of time."""
    assert Filters().match(STRANGE)
    assert not Filters(since=0.0).match(STRANGE)
    assert not Filters(until=NOW).match(STRANGE)
