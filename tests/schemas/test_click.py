"""From the visitor's landing page to the conversion event."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import Click, ConversionEvent, decode
from tests.schemas.tables import CONTROLS

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CLICK = Click(click_id="c-1", clicked_at=AT)


def landed(url: str) -> Click | None:
    """Read the click of a visit at a fixed time."""
    return Click.from_landing_url(url, at=AT)


@pytest.mark.parametrize(
    ("query", "click_id"),
    [
        ("click_id=c-1", "c-1"),
        ("utm_source=x&click_id=c-1&b=2", "c-1"),
        ("click_id=c-1&click_id=c-2", "c-1"),
        ("click_id=&click_id=c-1", "c-1"),
        ("click_id&click_id=&click_id=c-1&click_id=c-2", "c-1"),
        ("click_id=+&click_id=%20%20&click_id=c-1", "c-1"),
        ("click_id=%09%0A&click_id=%C2%A0&click_id=c-1", "c-1"),
        ("click%5Fid=%20&click_id=c-1", "c-1"),
        ("click_id=+c-1", " c-1"),
        ("Click_Id=no&click_id=c-1", "c-1"),
        ("click%5Fid=c-1", "c-1"),
        ("click_id=a=b", "a=b"),
        ("click_id=a%3Db%26c", "a=b&c"),
        ("click_id=a+b", "a b"),
        ("click_id=a%2Bb", "a+b"),
        ("click_id=a%20b", "a b"),
        ("click_id=a%252Bb", "a%2Bb"),
        ("click_id=100%", "100%"),
        ("click_id=%zz", "%zz"),
        ("click_id=%E6%97%A5", "日"),
        ("click_id=日", "日"),
        ("click_id=a?b/c", "a?b/c"),
        ("click_id=AbC", "AbC"),
        ("&&=&click_id=c-1", "c-1"),
        ("click_id=" + "x" * 512, "x" * 512),
    ],
)
def test_click_ids(query: str, click_id: str) -> None:
    """The click id is the first parameter of that name that is not blank, form-decoded once."""
    click = landed(f"https://shop.example/landing?{query}#click_id=fragment")
    assert click == Click(click_id=click_id, clicked_at=AT)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "?",
        "https://shop.example/",
        "https://shop.example/?",
        "https://shop.example/click_id=c-1",
        "https://shop.example/?a=1#?click_id=c-1",
        "https://shop.example/?click_id",
        "https://shop.example/?click_id=",
        "https://shop.example/?click_id=&click_id=",
        "https://shop.example/?click_id=+&click_id=%20",
        "https://shop.example/?click_id=#click_id=c-1",
        "https://shop.example/?click_id=#&click_id=c-1",
        "https://shop.example/?click_id=%FF&click_id=c-1",
        "https://shop.example/?xclick_id=c-1",
        "https://shop.example/?click_id=a%00b",
        "https://shop.example/?click_id=a%0Ab",
        "https://shop.example/?click_id=%C2%85",
        "https://shop.example/?click_id=%FF",
        "https://shop.example/?click_id=\udcff",
        "https://shop.example/?click_id=" + "x" * 513,
        "http://[broken/?click=1",
    ],
)
def test_no_click(url: str) -> None:
    """A URL without a usable click id is no click, and no error."""
    assert landed(url) is None


@pytest.mark.parametrize("url", ["/landing?click_id=c-1", "?click_id=c-1", "http://[broken?click_id=c-1"])
def test_urls_need_not_be_whole(url: str) -> None:
    """A path and query is enough; what stands before the query is not judged."""
    assert landed(url) == CLICK


@given(st.text(st.characters()))
def test_any_url(url: str) -> None:
    """No visitor's URL raises."""
    landed(url)
    landed(f"/?click_id={url}&offer_id={url}")


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=512).filter(str.strip))
def test_encoded_ids_come_back(click_id: str) -> None:
    """Whatever id the partner form-encodes or percent-encodes is the id that is read."""
    for query in (urlencode({"click_id": click_id}), f"click_id={quote(click_id, safe='')}"):
        click = landed(f"https://shop.example/?{query}")
        assert click is not None
        assert click.click_id == click_id


def test_affiliate_and_offer() -> None:
    """Affiliate and offer ids are taken where they are there."""
    click = landed("/?offer_id=o%2F1&click_id=c-1&affiliate_id=a+1")
    assert click == Click(click_id="c-1", affiliate_id="a 1", offer_id="o/1", clicked_at=AT)


def test_blank_labels_are_passed_over() -> None:
    """Of affiliate and offer ids, too, the first that is not blank counts, whatever their names."""
    query = "affiliate_id=&affiliate_id=a&offer_id=%20&offer_id=+&offer_id=o&offer_id=p"
    assert landed(f"/?click_id=c-1&{query}") == Click(
        click_id="c-1", affiliate_id="a", offer_id="o", clicked_at=AT
    )
    named = Click.from_landing_url(
        "/?click_id=no&adpx=&adpx=c-1&aff=+&aff=a&off=&off=o",
        click_id_param="adpx",
        affiliate_id_param="aff",
        offer_id_param="off",
        at=AT,
    )
    assert named == Click(click_id="c-1", affiliate_id="a", offer_id="o", clicked_at=AT)


@pytest.mark.parametrize("text", ["", "+", "%20", "%FF", "x" * 129])
def test_unusable_labels_are_left_out(text: str) -> None:
    """An affiliate or offer id that is none does not cost the click."""
    assert landed(f"/?click_id=c-1&affiliate_id={text}&offer_id={text}") == CLICK


def test_other_parameter_names() -> None:
    """Networks that use other parameter names are read by those."""
    click = Click.from_landing_url(
        "/?click_id=no&adpx_click_id=c-1&aff=a&off=o",
        click_id_param="adpx_click_id",
        affiliate_id_param="aff",
        offer_id_param="off",
        at=AT,
    )
    assert click == Click(click_id="c-1", affiliate_id="a", offer_id="o", clicked_at=AT)


@pytest.mark.parametrize("url", ["/?click_id=c-1", "/"])
def test_the_visit_needs_a_zone(url: str) -> None:
    """A time without a zone is refused, also where the URL has no click."""
    with pytest.raises(ValidationError, match="aware datetime"):
        Click.from_landing_url(url, at=AT.replace(tzinfo=None))


@pytest.mark.parametrize("click", [CLICK, Click(click_id="é", affiliate_id="a", offer_id="o", clicked_at=AT)])
def test_clicks_are_plain_json(click: Click) -> None:
    """A click goes through a session or a column as plain JSON."""
    assert Click.from_json(click.to_json()) == click
    assert Click.from_json(click.to_json().encode()) == click
    assert Click.model_validate(json.loads(json.dumps(click.model_dump(mode="json")))) == click


def test_click_json_is_fixed() -> None:
    """Stored clicks stay readable: their form does not change."""
    assert CLICK.to_json() == '{"click_id":"c-1","clicked_at":"2026-01-01T12:00:00.000000Z"}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"click_id":"","clicked_at":"2026-01-01T12:00:00Z"}',
        '{"click_id":"c-1","clicked_at":"2026-01-01"}',
        '{"click_id":"c-1","clicked_at":"2026-01-01 12:00:00Z"}',
        '{"click_id":"c-1","clicked_at":1767268800}',
    ],
)
def test_broken_stored_clicks(text: str) -> None:
    """What `to_json` did not write is refused."""
    with pytest.raises(ValidationError):
        Click.from_json(text)


def test_conversion() -> None:
    """A conversion carries everything that the click knew."""
    click = Click(click_id="c-1", affiliate_id="a", offer_id="o", clicked_at=AT)
    event = click.conversion(
        event="purchase", payout="49.99", at=LATER, event_id="e-1", order_id="1001", attributes={"k": "v"}
    )
    assert event == ConversionEvent(
        event_id="e-1",
        click_id="c-1",
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
        {"event": ""},
        {"event": "a\n"},
        {"event_id": ""},
        {"event_id": "é"},
        {"order_id": ""},
        {"order_id": "\ud800"},
        {"attributes": {"a": 1}},
        {"at": LATER.replace(tzinfo=None)},
    ],
)
def test_wrong_conversions(wrong: dict[str, object]) -> None:
    """Wrong values raise at the producer, before anything is sent."""
    with pytest.raises(ValidationError):
        CLICK.conversion(**{"at": LATER} | wrong)  # type: ignore[arg-type]


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
    """Another click, event, order or, without an order, another time is another conversion."""
    other = Click(click_id="c-2", clicked_at=AT)
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
