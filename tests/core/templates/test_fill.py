"""All templates of one request together: what they need, and what of them is the same for all events."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.core.examples import make_event
from tests.core.templates.compiled import template
from worker.core.answer import Content
from worker.core.templates import (
    BodyTemplate,
    HeaderTemplate,
    Postback,
    RequestTemplates,
    UrlTemplate,
    compile_request,
)

PARTS = RequestTemplates(
    UrlTemplate.parse("https://h/{click_id}?o={order_id}&p={payout?}&x={attributes.x}"),
    "POST",
    (HeaderTemplate.parse("X-A", "{order_id} {offer_id}"), HeaderTemplate.parse("X-B", "{secret.b}")),
    BodyTemplate.parse('["{event|none}", "{now}", "{attempt}", "{clicked_at:unix}"]', "application/json"),
)


def test_what_an_event_lacks() -> None:
    """The macros without a value are named once each, in their order, of URL, headers and body."""
    event = make_event(attributes={"x": "1"})
    assert PARTS.missing(event.__dict__) == ["order_id", "offer_id", "clicked_at"]


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("e={event}", "/?e=sign%20up"),
        ("e={event:sign up=Lead}", "/?e=Lead"),
        ("p={payout:minor}", "/?p=4999"),
        ("o={order_id|none}", "/?o=none"),
        ("o={order_id?}&e={event}", "/?e=sign%20up"),
    ],
)
def test_a_get(query: str, target: str) -> None:
    """A GET is filled the same whether its query takes values as they are or a map, a form or a default."""
    parts = RequestTemplates(UrlTemplate.parse(f"https://h/?{query}"))
    event = make_event(event="sign up", payout=Decimal("49.99"))
    assert compile_request(parts, {}).fill(event.__dict__).target == target


def test_headers_of_all_events() -> None:
    """A header that is the same for all events is not the request's, unless every one is asked for."""
    parts = RequestTemplates(
        UrlTemplate.parse("https://h/"), "GET", (HeaderTemplate.parse("X-B", "{secret.b}"),)
    )
    fields = make_event().__dict__
    assert compile_request(parts, {"b": "s"}).fill(fields).content is None
    every = compile_request(parts, {"b": "s"}, every_header=True).fill(fields)
    assert every.content == Content("GET", (("X-B", "s"),), None)


def test_a_header_that_is_left_out() -> None:
    """An optional header without a value is left out, and takes no other with it."""
    headers = HeaderTemplate.parse("X-Order", "{order_id?}"), HeaderTemplate.parse("X-Click", "{click_id}")
    parts = RequestTemplates(UrlTemplate.parse("https://h/"), "GET", headers)
    event = make_event()
    sent = compile_request(parts, {}).fill(event.__dict__).content
    assert sent == Content("GET", (("X-Click", event.click_id),), None)


def test_a_post_without_a_body() -> None:
    """A POST may have no body; then it has no type either."""
    parts = RequestTemplates(UrlTemplate.parse("https://h/"), "POST")
    assert compile_request(parts, {}).fill(make_event().__dict__).content == Content("POST", (), None)


def test_one_for_all_events() -> None:
    """Where both templates are the same they are compiled once."""
    parts = RequestTemplates(UrlTemplate.parse("https://h/?n={attempt}"))
    postback = Postback.compile(parts, parts, {})
    assert postback.simple is postback.event
    assert postback.needs_attempt
    other = RequestTemplates(UrlTemplate.parse("https://h/"))
    assert Postback.compile(other, parts, {}).needs_attempt
    assert not Postback.compile(other, other, {}).needs_attempt


def test_no_secret_is_shown() -> None:
    """What was compiled shows no secret."""
    assert repr(template("https://h/?t={secret.t}&c={click_id}", t="s3cret")) == "PlainGet(https://h)"
