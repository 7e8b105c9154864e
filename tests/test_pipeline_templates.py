"""A record's request, where its templates want more than the event: the attempt, its time, a body."""

from __future__ import annotations

import pytest

from tests.core.examples import NOW, make_record
from tests.pipeline_steps import PLAN, hop, retry_of, value_of
from worker.core.answer import Content, Response
from worker.core.record import Record
from worker.core.templates import BodyTemplate, HeaderTemplate, Postback, RequestTemplates, UrlTemplate
from worker.pipeline import Attempt, Pipeline

PARTS = RequestTemplates(
    UrlTemplate.parse("https://partner.example/{attempt}?at={now:unix_ms}&c={click_id}"),
    "POST",
    (HeaderTemplate.parse("X-Attempt", "{attempt}"), HeaderTemplate.parse("X-Order", "{order_id?}")),
    BodyTemplate.parse('{"event": "{event|none}"}', "application/json"),
)
NUMBERED = Pipeline(PLAN._replace(postback=Postback.compile(PARTS, PARTS, {})))


def prepared(record: Record | None = None, *, on_tier: bool = False, now: float = NOW) -> Attempt:
    """A record's attempt with these templates."""
    attempt = NUMBERED.prepare(record or make_record(value_of()), on_tier, now)
    assert isinstance(attempt, Attempt)
    return attempt


def test_the_first_attempt() -> None:
    """An attempt of the source is the first, now."""
    request = prepared().request
    assert request.target == f"/1?at={int(NOW * 1000)}&c=c-1"
    headers = (("Content-Type", "application/json"), ("X-Attempt", "1"))
    assert request.content == Content("POST", headers, b'{"event": "none"}')
    assert (request.method, request.headers, request.body) == request.content


def test_a_later_attempt() -> None:
    """An attempt of a tier has the number that its headers tell, and its own time."""
    retry = retry_of(prepared(), Response(503))
    later = prepared(hop(retry.message), on_tier=True, now=NOW + 10.5).request
    assert later.target == f"/2?at={int(NOW * 1000) + 10_500}&c=c-1"
    assert dict(later.headers)["X-Attempt"] == "2"


@pytest.mark.parametrize("headers", [[("postback-attempts", b"7")], []])
def test_headers_on_the_source_number_nothing(headers: list[tuple[str, bytes | None]]) -> None:
    """What a producer writes into the worker's headers is not believed."""
    assert prepared(make_record(value_of(), headers)).request.target.startswith("/1?")
