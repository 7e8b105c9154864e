"""From the visitor's landing page to the conversion event."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import Click

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


@pytest.mark.parametrize("network", ["", "Voluum", "a b", "x" * 65, 1])
@pytest.mark.parametrize("url", ["/?click_id=c-1", "/"])
def test_the_network_is_a_name(url: str, network: Any) -> None:
    """A network's name that breaks its rule is refused, also where the URL has no click."""
    with pytest.raises(ValidationError):
        Click.from_landing_url(url, network=network, at=AT)


def test_the_network_is_the_callers() -> None:
    """The network is what the caller says; the visitor's URL can't choose it."""
    assert landed("/?click_id=c-1&network=other") == CLICK
    click = Click.from_landing_url("/?click_id=c-1&network=other", network="voluum", at=AT)
    assert click == Click(click_id="c-1", network="voluum", clicked_at=AT)


@pytest.mark.parametrize(
    "click",
    [
        CLICK,
        Click(click_id="é", affiliate_id="a", offer_id="o", clicked_at=AT),
        Click(click_id="c-1", network="voluum", clicked_at=AT),
    ],
)
def test_clicks_are_plain_json(click: Click) -> None:
    """A click goes through a session or a column as plain JSON."""
    assert Click.from_json(click.to_json()) == click
    assert Click.from_json(click.to_json().encode()) == click
    assert Click.model_validate(json.loads(json.dumps(click.model_dump(mode="json")))) == click


def test_click_json_is_fixed() -> None:
    """Stored clicks stay readable: their form does not change."""
    assert CLICK.to_json() == '{"click_id":"c-1","clicked_at":"2026-01-01T12:00:00.000000Z"}'
    assert CLICK.model_copy(update={"network": "voluum"}).to_json() == (
        '{"click_id":"c-1","network":"voluum","clicked_at":"2026-01-01T12:00:00.000000Z"}'
    )


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
