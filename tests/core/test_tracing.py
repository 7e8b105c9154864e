"""What a record says of its trace, what is traced, and what spans say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.test_journal import AT, NOW, OK, TIER, ended, record
from tests.runner.harness import DLQ, conversion
from worker.core.answer import Answer, Failure, FailureKind, HttpOrigin, Request, Response
from worker.core.record import Headers, Outgoing
from worker.core.tracing import (
    TRACEPARENT,
    TRACESTATE,
    Span,
    SpanContext,
    SpanKind,
    SpanOwner,
    carrying,
    context_of,
    process_span,
    request_span,
    scrubbed,
    send_span,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01".encode()
CONTEXT = SpanContext(int(TRACE, 16), int(SPAN, 16))
TRACED = SpanOwner("voluum", "a-group", "a-group.retry", 0.01)


def spans(headers: Headers = (), answer: Answer = OK, at: object = AT, **fields: str) -> list[Span]:
    """The spans of an attempt that gets this answer: of the record's way, and of the request."""
    one = record(conversion(7, **fields), headers, TIER if at is TIER else AT)
    ending, trial = ended(one, answer)
    assert trial is not None
    process = process_span(ending, at is TIER, NOW - 0.25, NOW, TRACED)
    return [process, request_span(trial, ending.attempts, NOW)]


@pytest.mark.parametrize(
    ("parent", "context"),
    [
        (PARENT, CONTEXT),
        (PARENT[:-1] + b"0", CONTEXT._replace(is_sampled=False)),
        (PARENT[:-2] + b"ff", CONTEXT),
        (b"01" + PARENT[2:] + b"-what-comes", CONTEXT),
        (PARENT + b"-more", None),
        (b"ff" + PARENT[2:], None),
        (PARENT.upper(), None),
        (f"00-{'0' * 32}-{SPAN}-01".encode(), None),
        (f"00-{TRACE}-{'0' * 16}-01".encode(), None),
        (PARENT[:-1], None),
        (b"", None),
        (None, None),
        (b"\xff\x00", None),
    ],
)
def test_a_traceparent(parent: bytes | None, context: SpanContext | None) -> None:
    """A `traceparent` is read as W3C says; one that can't be read is none."""
    assert context_of([("other", b"x"), (TRACEPARENT, parent)]) == context


@pytest.mark.parametrize(
    ("state", "read"),
    [(b"vendor=value", "vendor=value"), (None, ""), (b"\xff", ""), (b"a=" + b"x" * 511, "")],
)
def test_a_tracestate(state: bytes | None, read: str) -> None:
    """A `tracestate` goes with it, unless it can't be handed on."""
    assert context_of([(TRACESTATE, state), (TRACEPARENT, PARENT)]) == CONTEXT._replace(state=read)


def test_the_last_one_counts() -> None:
    """Of a header that repeats the last counts."""
    assert context_of([(TRACEPARENT, PARENT), (TRACEPARENT, b"")]) is None


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_a_context_is_read_as_it_was_written(trace: int, span: int, is_sampled: bool) -> None:
    """What one hop writes the next one reads."""
    context = SpanContext(trace, span, is_sampled)
    assert context_of([(TRACEPARENT, context.traceparent.encode())]) == context


def test_what_goes_along() -> None:
    """A retry takes a context along behind all other headers; a delivery has nowhere to take it."""
    own = (("trace", b"\x00"), ("trace", b"again"))
    retry, _ = ended(record(conversion(7), own), Response(500))
    delivered, _ = ended(record(conversion(7), own), OK)
    passed = carrying(retry, CONTEXT)
    assert not hasattr(retry, "delay")
    assert carrying(delivered, CONTEXT) is delivered
    assert passed.message.headers == [*retry.message.headers, (TRACEPARENT, PARENT)]  # type: ignore[union-attr]
    assert passed.message._replace(headers=()) == retry.message._replace(headers=())  # type: ignore[union-attr]


def test_a_delivery() -> None:
    """A delivery is a consumer's span and a request's, of the attempt's time, by the conventions' names."""
    process, request = spans(event="purchase", payout="49.99")
    assert process == Span(
        "process conversions",
        SpanKind.CONSUMER,
        NOW - 0.25,
        NOW,
        {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": "conversions",
            "messaging.destination.partition.id": "3",
            "messaging.kafka.offset": 9,
            "messaging.consumer.group.name": "a-group",
            "postback.destination": "voluum",
            "postback.origin": "conversions/3/9",
            "postback.outcome": "delivered",
            "postback.attempts": 1,
            "postback.event_id": "e-7",
        },
    )
    assert request == Span(
        "GET",
        SpanKind.CLIENT,
        NOW - 0.25,
        NOW,
        {
            "http.request.method": "GET",
            "server.address": "partner.example",
            "server.port": 80,
            "url.full": "http://partner.example/REDACTED?measurement=REDACTED&click_id=REDACTED"
            "&event=REDACTED&payout=REDACTED",
            "http.response.status_code": 200,
        },
    )


def test_a_retry_on_a_tier() -> None:
    """A later attempt tells its group, its origin, how many there were, and how it failed."""
    headers = [("postback-attempts", b"1"), ("postback-origin", b"conversions/3/5")]
    process, request = spans(headers, Response(503), TIER)
    assert process.name == "process worker.retry.10s"
    assert process.error == "HTTP 503"
    wanted = {
        "messaging.consumer.group.name": "a-group.retry",
        "postback.origin": "conversions/3/5",
        "postback.outcome": "retry",
        "postback.attempts": 2,
        "error.type": "status",
    }
    assert wanted.items() <= process.attributes.items()
    assert request.error == "HTTP 503"
    assert {
        "http.request.resend_count": 1,
        "http.response.status_code": 503,
        "error.type": "503",
    }.items() <= request.attributes.items()


def test_no_answer() -> None:
    """A request without an answer has no status, and the kind of its failure."""
    _, request = spans((), Failure(FailureKind.TIMEOUT, "no answer within 10 s"))
    assert (request.error, request.attributes["error.type"]) == ("no answer within 10 s", "timeout")
    assert "http.response.status_code" not in request.attributes


def test_what_nobody_can_read() -> None:
    """What is no event is processed without an attempt, and has no event id."""
    ending, trial = ended(record(b"<order/>"), OK)
    process = process_span(ending, False, NOW, NOW, TRACED)
    assert trial is None
    assert (process.attributes["error.type"], process.attributes["postback.outcome"]) == (
        "undecodable",
        "dead",
    )
    assert "postback.event_id" not in process.attributes


def test_a_publish() -> None:
    """A publish is a producer's span; a refused one says so."""
    message = Outgoing(DLQ, b"key", b"value", ())
    taken, refused = send_span(message, 1.0, 2.0, None), send_span(message, 1.0, 2.0, "too large")
    assert (taken.name, taken.kind, taken.error) == (f"send {DLQ}", SpanKind.PRODUCER, None)
    assert taken.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": DLQ,
    }
    assert (refused.attributes["error.type"], refused.error) == ("refused", "too large")


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/", "/"),
        ("/pb/s3cret/c-1", "/REDACTED"),
        ("/?click_id=c-1&=s3cret&t0ken", "/?click_id=REDACTED&=REDACTED&REDACTED"),
        ("/p?", "/REDACTED?"),
    ],
)
def test_a_url(target: str, shown: str) -> None:
    """Of a URL host and parameters' names are shown, and no value."""
    request = Request(HttpOrigin("https", "partner.example", 443), target)
    assert scrubbed(request) == f"https://partner.example{shown}"


def test_no_click_id() -> None:
    """No span holds the click id, however the attempt ended."""
    for answer in (OK, Response(500), Response(410), Failure(FailureKind.CONNECTION, "connection refused")):
        told = json.dumps([str(span) for span in spans((), answer)])
        assert "c-7" not in told
