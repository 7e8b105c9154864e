"""Postback URLs: what the partner published, values encoded exactly once, nothing else moved by an event."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.examples import make_event
from tests.core.templates.compiled import template
from worker.core.answer import HttpOrigin, Request
from worker.core.templates import CannotFill, Postback, TemplateError, UrlTemplate
from worker.core.templates.macro_names import FIELDS, TIMES

SIMPLE = "https://track.momentscience.com/postback?click_id={click_id}"
EVENT = (
    "https://track.momentscience.com/postback?measurement=1&click_id={click_id}&event={event}&payout={payout}"
)
PARTNER = Postback(template(SIMPLE), template(EVENT))

EVERY_MACRO = "https://h/p?measurement=1&" + "&".join(
    f"{name}={{{name}}}" for name in (*sorted(set(FIELDS) - TIMES), "attributes.a")
)

no_controls = st.characters(exclude_categories=["Cs", "Cc"])
click_ids = st.text(no_controls, min_size=1, max_size=512)
names = st.text(no_controls, min_size=1, max_size=64)
identifiers = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)
payouts = st.decimals(0, 9_999_999_999, places=2).map(lambda payout: f"{abs(payout):f}")


def query(request: Request) -> dict[str, bytes]:
    """Take a query apart as strictly as a server may: an octet that needs encoding must be encoded."""
    assert re.fullmatch(r"[!-~]+", request.url), "printable ASCII"
    pairs = [pair.split("=") for pair in urlsplit(request.url).query.split("&")]
    assert all(len(pair) == 2 for pair in pairs), "no value adds a = or a &"
    assert all(re.fullmatch(r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*", value) for _, value in pairs)
    return {key: unquote_to_bytes(value) for key, value in pairs}


# --- the partner's document --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "https://track.momentscience.com/postback?click_id=c-1"),
        (
            {"event": "purchase", "payout": "49.99"},
            "https://track.momentscience.com/postback?measurement=1&click_id=c-1&event=purchase&payout=49.99",
        ),
        (
            {"event": "signup", "payout": 0},
            "https://track.momentscience.com/postback?measurement=1&click_id=c-1&event=signup&payout=0.00",
        ),
    ],
    ids=["simple", "event with payout", "event worth nothing"],
)
def test_the_partners_forms(fields: dict[str, Any], url: str) -> None:
    """The three forms of the partner's document come out to the letter."""
    assert PARTNER.request(make_event(**fields)).url == url


@pytest.mark.parametrize(
    ("fields", "missing"), [({"event": "purchase"}, "payout"), ({"payout": "5"}, "event")]
)
def test_event_and_payout_go_together(fields: dict[str, Any], missing: str) -> None:
    """An event with one of event and payout has no URL, and the other one is named."""
    with pytest.raises(CannotFill, match=rf"^the URL needs \{{{missing}\}}, which this event does not have$"):
        PARTNER.request(make_event(**fields))


@pytest.mark.parametrize(
    ("click_id", "encoded"),
    [
        ("a+b", "a%2Bb"),
        ("a%2Bb", "a%252Bb"),
        ("é", "%C3%A9"),
        ("&x=1#", "%26x%3D1%23"),
        ("a b", "a%20b"),
        ("%", "%25"),
        ("%s%(x)s{click_id}", "%25s%25%28x%29s%7Bclick_id%7D"),
        ("../../?a", "..%2F..%2F%3Fa"),
        ("A-z_0.9~", "A-z_0.9~"),
        ("😀", "%F0%9F%98%80"),
    ],
)
def test_click_ids(click_id: str, encoded: str) -> None:
    """A click id is percent-encoded once, as UTF-8; a plus, a percent sign and a space are no exceptions."""
    target = PARTNER.request(make_event(click_id=click_id)).target
    assert target == f"/postback?click_id={encoded}"


# --- any event ---------------------------------------------------------------------------------


@given(click_ids, names, payouts, identifiers, st.text(st.characters(exclude_categories=["Cs"])))
def test_values_arrive_byte_for_byte(click_id: str, event: str, payout: str, other: str, free: str) -> None:
    """Decoded once, every value is what the event has, byte for byte, and every macro may be used."""
    request = template(EVERY_MACRO).fill(
        make_event(
            click_id=click_id,
            event=event,
            payout=payout,
            network="voluum",
            affiliate_id=other,
            offer_id=other[::-1],
            order_id=other,
            attributes={"a": free},
        ).__dict__
    )
    assert query(request) == {
        "measurement": b"1",
        "event_id": b"e-1",
        "click_id": click_id.encode(),
        "event": event.encode(),
        "payout": payout.encode(),
        "currency": b"USD",
        "network": b"voluum",
        "affiliate_id": other.encode(),
        "offer_id": other[::-1].encode(),
        "order_id": other.encode(),
        "attributes.a": free.encode(),
    }


@given(click_ids, names)
def test_an_event_moves_nothing_else(click_id: str, event: str) -> None:
    """Scheme, host, port and path stay the settings', whatever an event holds."""
    request = PARTNER.request(make_event(click_id=click_id, event=event, payout="1"))
    parts = urlsplit(request.url)
    assert request.origin == HttpOrigin("https", "track.momentscience.com", 443)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "track.momentscience.com", "/postback")
    assert parts.fragment == ""
    assert list(query(request)) == ["measurement", "click_id", "event", "payout"]


@pytest.mark.parametrize("name", ["affiliate_id", "offer_id", "order_id", "attributes.a"])
def test_missing_value(name: str) -> None:
    """A macro for which the event has no value is named; it is never sent empty."""
    compiled = template(f"https://h/?x={{{name}}}")
    with pytest.raises(CannotFill, match=re.escape(f"{{{name}}}")):
        compiled.fill(make_event(attributes={"b": "1"}).__dict__)
    with pytest.raises(CannotFill, match=re.escape(f"{{{name}}}")):
        compiled.fill(make_event().__dict__)


# --- templates ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("HTTPS://Track.Example?a={click_id}", "https://track.example/?a=c-1"),
        ("http://h:80/p?a={click_id}", "http://h/p?a=c-1"),
        ("https://h:80/p?a={click_id}", "https://h:80/p?a=c-1"),
        ("http://[2001:db8::1]:8080/p?a={click_id}", "http://[2001:db8::1]:8080/p?a=c-1"),
        ("https://h/100%25/%7Bx%7D?a=50%25&b=%s{click_id}", "https://h/100%25/%7Bx%7D?a=50%25&b=%sc-1"),
        ("https://h/p?a={click_id}-{event_id}&&flag", "https://h/p?a=c-1-e-1&&flag"),
        ("https://h/p?a=x=y?{click_id}", "https://h/p?a=x=y?c-1"),
        ("https://h", "https://h/"),
        ("https://h/p?", "https://h/p"),
        ("https://h/?a={attributes.x.y=z%}", "https://h/?a=v"),
        ("https://h/?goal={click_id}&payout=1.00", "https://h/?goal=c-1&payout=1.00"),
        ("https://h/?event=sale&id={click_id}", "https://h/?event=sale&id=c-1"),
        (
            "https://h/?event=sale&payout=1.00&measurement=1",
            "https://h/?event=sale&payout=1.00&measurement=1",
        ),
    ],
)
def test_what_is_written_is_sent(text: str, url: str) -> None:
    """What the settings say is sent as it stands there, with the macros replaced."""
    event = make_event(attributes={"x.y=z%": "v"})
    assert template(text).fill(event.__dict__).url == url


PLACES = "macros may stand in path segments, query values, headers and the body"

WRONG = {
    "": "must be printable ASCII without spaces; percent-encode the rest",
    "https://h/é": "must be printable ASCII without spaces; percent-encode the rest",
    "https://h/?a=b c": "must be printable ASCII without spaces; percent-encode the rest",
    "https://h/?a=b\n": "must be printable ASCII without spaces; percent-encode the rest",
    "https://[::1/": "is not a URL: Invalid IPv6 URL",
    "https://h:99999/": "is not a URL: Port out of range 0-65535",
    "https://h:0/": "has port 0, where nothing can listen",
    "h/p?a={click_id}": "must be an absolute http:// or https:// URL with a host",
    "ftp://h/": "must be an absolute http:// or https:// URL with a host",
    "https:///p": "must be an absolute http:// or https:// URL with a host",
    "{attributes.scheme}://h/": "must be an absolute http:// or https:// URL with a host",
    "https://{click_id}.h/": f"has a macro in its host or port; {PLACES}",
    "https://h:{attributes.port}/": f"has a macro in its host or port; {PLACES}",
    "https://h}/": f"has a macro in its host or port; {PLACES}",
    "https://user:secret@h/": "must not hold a user name or password; send a header instead",
    "https://h\\p?a=b": "has a host that is neither a name nor an address, as in https://track.example/p",
    "https://h/#part": "must not have a #fragment: it is never sent",
    "https://h/?a=b#": "must not have a #fragment: it is never sent",
    "https://h/{order_id?}/x": (
        "has {order_id?} in its path, where nothing can be left out; "
        "write {order_id}, or {order_id|none} with a default"
    ),
    "https://h/{payout:number}": "has {payout:number}, but :number is for a JSON body; write {payout}",
    "https://h/?a={payout|0:number}": (
        "has {payout|0:number}, but :number is for a JSON body; write {payout|0}"
    ),
    "https://h/}?a=b": "has an unmatched brace in its path",
    "https://h/?{click_id}=1": (
        "has a macro in a parameter's name ({click_id}); macros may stand in values only"
    ),
    "https://h/?{event:a=b&c=d}=1": (
        "has a macro in a parameter's name ({event:a=b&c=d}); macros may stand in values only"
    ),
    "https://h/?a}=1": "has a macro in a parameter's name (a}); macros may stand in values only",
    "https://h/?a={click_id": "has an unmatched brace in the value of a",
    "https://h/?a={click_id}}": "has an unmatched brace in the value of a",
    "https://h/?a={{click_id}}": "has {{click_id}}, which is not filled in; write {click_id}",
    "https://h/?a={{1}}": "has an unmatched brace in the value of a",
    "https://h/?a={click&b=id": "has an unmatched brace in the value of a",
    "https://h/?measurement=1&payout={payout}": (
        "has measurement, which takes event and payout beside it; missing: event"
    ),
    "https://h/?measurement=1&event={event}": (
        "has measurement, which takes event and payout beside it; missing: payout"
    ),
    "https://h/?measurement=1&event={event}&payout={payout?}": (
        "has measurement, which takes event and payout beside it: {payout?} can't be left out; write {payout}"
    ),
}


@pytest.mark.parametrize(("text", "says"), WRONG.items(), ids=[ascii(text) for text in WRONG])
def test_wrong_templates(text: str, says: str) -> None:
    """A wrong template is refused with what is wrong, and what would be right."""
    with pytest.raises(TemplateError) as caught:
        UrlTemplate.parse(text)
    assert str(caught.value) == says


def test_other_partners_parameters() -> None:
    """What one partner wants together no other's template is held to."""
    assert template("https://h/?event={event}").fill(make_event(event="x").__dict__).target == "/?event=x"


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("https://h/cpa/{click_id}/{payout|0.00}/x", "/cpa/a%2Fb/0.00/x"),
        ("https://h/{event:*=%2e|a b?c#d}/", "/a%20b%3Fc%23d/"),
        ("https://h/v{click_id}.json?x=1", "/va%2Fb.json?x=1"),
        ("https://h?x={order_id?}", "/"),
        ("https://h?x={order_id?}-{offer_id}&y={offer_id}{order_id?}&z=1", "/?z=1"),
        ("https://h/p?x={order_id?}&y={click_id}&z={affiliate_id?}-{click_id}", "/p?y=a%2Fb"),
        (
            "https://h/p?x={attributes.u|https://x/?y=1&z#}&w=%25",
            "/p?x=https%3A%2F%2Fx%2F%3Fy%3D1%26z%23&w=%25",
        ),
        ("https://h/{secret.token}/p?k={secret.token}&c={click_id}", "/s%253%2F/p?k=s%253%2F&c=a%2Fb"),
    ],
)
def test_places(text: str, target: str) -> None:
    """Values stand in segments and parameters, each encoded once; what is left out goes with its `&`."""
    assert template(text, token="s%3/").fill(make_event(click_id="a/b").__dict__).target == target


@pytest.mark.parametrize("click_id", [".", ".."])
@pytest.mark.parametrize("path", ["/{click_id}", "/a/{click_id}/b"])
def test_dots(path: str, click_id: str) -> None:
    """A segment that would lead elsewhere makes the event invalid; elsewhere it does not."""
    event = make_event(click_id=click_id).__dict__
    with pytest.raises(CannotFill, match=r"^the URL would have a path segment of dots alone"):
        template(f"https://h{path}").fill(event)
    assert template("https://h/x{click_id}?a={click_id}").fill(event).target == f"/x{click_id}?a={click_id}"


def test_an_encoded_dot_beside_a_dot() -> None:
    """Half of a way up that is written in the template makes no whole one with what an event has."""
    with pytest.raises(CannotFill, match=r"dots alone"):
        template("https://h/%2E{click_id}/").fill(make_event(click_id=".").__dict__)


@given(st.one_of(st.text(), st.text("htps:/.[]{}@?=&#%1|*", max_size=40).map("https://".__add__)))
def test_any_text_as_a_template(text: str) -> None:
    """Any text compiles to a template that can be sent, or raises TemplateError and nothing else."""
    try:
        compiled = template(text)
    except TemplateError:
        return
    event = make_event(event="x", payout="1", affiliate_id="a", offer_id="b", order_id="c")
    try:
        request = compiled.fill(event.__dict__)
    except CannotFill:
        return
    assert request.target.startswith("/")
    assert re.fullmatch(r"https?://[!-~]+", request.url)
