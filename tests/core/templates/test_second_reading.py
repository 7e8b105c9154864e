"""Requests as a second, independent reading of their templates would build them, byte for byte."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from schemas import decode
from tests.core.examples import NOW
from tests.support.second_reading import Absent, Reading, Wrong
from worker.core.templates import (
    BodyTemplate,
    CannotFill,
    HeaderTemplate,
    RequestTemplates,
    UrlTemplate,
    compile_request,
)

SECRETS = {"token": "s%3{click_id}&=\"'", "key": "é k"}
FORM = "application/x-www-form-urlencoded"

NASTY = [
    "{click_id}",
    "%s",
    "%(x)s",
    "%7B",
    "a&b=c",
    '"}',
    "\\",
    "{secret.token}",
    "é😀",
    ".",
    "..",
    "a b",
    "+",
    "/?#",
]
printable = st.characters(exclude_categories=["Cs", "Cc"])
value = st.one_of(st.sampled_from(NASTY), st.text(printable, min_size=1, max_size=12))
maybe = st.none() | value

events = st.fixed_dictionaries(
    {
        "event_id": st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=9),
        "click_id": value,
        "event": st.none() | st.sampled_from(["purchase", "signup"]) | value,
        "payout": st.none() | st.decimals(0, 9999, places=2).map(lambda payout: f"{abs(payout):f}"),
        "occurred_at": st.sampled_from(["2026-01-01T00:00:00Z", "2025-12-31T23:59:59+05:30"]),
        "clicked_at": st.none() | st.just("2025-12-01T12:00:00-01:00"),
        "offer_id": maybe,
        "order_id": maybe,
        "attributes": st.dictionaries(
            st.sampled_from(["email", "n", "x y"]), value | st.sampled_from(["7", "1.5e3", ""])
        ),
    }
)

MACROS = [
    "click_id",
    "event_id",
    "event",
    "event|none",
    "event:purchase=Sale &,signup=Lead%,*=Other",
    "event:purchase=1,*|0",
    "event:purchase=Sale|x",
    "payout",
    "payout|0.00",
    "payout:minor|0",
    "currency",
    "occurred_at:unix",
    "occurred_at:unix_ms",
    "occurred_at",
    "clicked_at:iso|never",
    "offer_id|a b/c",
    "order_id:sha256|",
    "attributes.x y|é",
    "attributes.email:sha256|-",
    "secret.token",
    "secret.key",
]
OPTIONAL = [
    "event?",
    "event?:purchase=Sale,*",
    "order_id?",
    "payout?",
    "clicked_at?:unix",
    "attributes.email?:sha256",
]
NUMBERS = [
    "payout|0:number",
    "payout?:number",
    "occurred_at:unix:number",
    "attributes.n?:number",
    "event:purchase=5,*=1|0:number",
]

LITERALS = st.text("ab1-%._~", max_size=4).map(lambda text: text.replace("%", "%25"))
macro = st.sampled_from(MACROS).map("{{{}}}".format)
optional = st.sampled_from(OPTIONAL).map("{{{}}}".format)
number = st.sampled_from(NUMBERS).map("{{{}}}".format)


def texts(*kinds: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of literals and macros of these kinds."""
    return st.lists(st.one_of(LITERALS, *kinds), min_size=1, max_size=3).map("".join)


pairs = st.lists(st.tuples(st.sampled_from("abc"), texts(macro, optional)).map("=".join), max_size=4).map(
    "&".join
)
urls = st.builds(
    lambda path, query: f"https://h/{path}" + (f"?{query}" if query else ""),
    st.lists(texts(macro), max_size=3).map("/".join),
    pairs,
)
bodies = st.recursive(
    texts(macro, optional) | number | st.sampled_from([1, True, None, 'é"\\/%s']),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('ab%é"', max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
).filter(lambda node: isinstance(node, dict | list))


def fill(parts: RequestTemplates, event: dict[str, Any]) -> Any:
    """The request of an event, None where it is invalid."""
    fields = decode(json.dumps(event).encode(), now=NOW).__dict__
    try:
        return compile_request(parts, SECRETS).fill(fields)
    except CannotFill:
        return None


def read(what: Any) -> Any:
    """What the second reading says, None where that is that the event is invalid."""
    try:
        return what()
    except Wrong:
        return None


@given(urls, events)
@example("https://h/{click_id}", {"event_id": "e", "click_id": "..", "occurred_at": "2026-01-01T00:00:00Z"})
def test_targets(url: str, event: dict[str, Any]) -> None:
    """Path and query of any event, for any template."""
    request = fill(RequestTemplates(UrlTemplate.parse(url)), event)
    assert (request and request.target) == read(lambda: Reading(event, SECRETS).target(url))


@given(bodies, events)
def test_json_bodies(node: Any, event: dict[str, Any]) -> None:
    """A JSON body of any event, for any template."""
    text = json.dumps(node, separators=(",", ":"), ensure_ascii=False)
    body = BodyTemplate.parse(text, "application/json")

    def second() -> bytes:
        try:
            return Reading(event, SECRETS).json(text)
        except Absent:
            return b"[]"

    request = fill(RequestTemplates(UrlTemplate.parse("https://h/"), "POST", (), body), event)
    assert (request and request.body) == read(second)
    assert request is None or json.loads(request.body) is not None


@given(pairs, events)
def test_forms(text: str, event: dict[str, Any]) -> None:
    """A form of any event, for any template."""
    request = fill(
        RequestTemplates(UrlTemplate.parse("https://h/"), "PUT", (), BodyTemplate.parse(text, FORM)), event
    )
    second = read(lambda: Reading(event, SECRETS).form(text).encode())
    assert (request and request.body) == second


@given(texts(macro, optional).filter(bool), events)
def test_headers(text: str, event: dict[str, Any]) -> None:
    """A header of any event, for any template."""

    def second() -> tuple[tuple[str, str], ...]:
        try:
            return (("X-A", Reading(event, SECRETS).header(text)),)
        except Absent:
            return ()

    parts = RequestTemplates(UrlTemplate.parse("https://h/"), "GET", (HeaderTemplate.parse("X-A", text),))
    template = compile_request(parts, SECRETS, every_header=True)
    try:
        headers = template.fill(decode(json.dumps(event).encode(), now=NOW).__dict__).headers
    except CannotFill:
        assert read(second) is None
    else:
        assert headers == second()
