"""The contents of spans: a trace for each attempt, linked to where the conversion came from.

The rules: the producer's `traceparent` passes every hop unchanged; without one, the first traced attempt adds
its own, so that all later ones link to it. A link, not a parent, because a tier may hold a record for a day.
No span holds a click id, a secret, or a value of a URL. Names follow OpenTelemetry's semantic conventions
(messaging, HTTP); others begin with `postback.`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple

from worker.core.answer import Failure, Request
from worker.core.endings import Dead, Delivered, Ending, RetryLater, read_history
from worker.core.record import Header, Outgoing
from worker.core.trial import Trial

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"

REDACTED = "REDACTED"
"""Replaces a value of a URL."""

# W3C Trace Context: version, trace id, span id, flags; later versions may append more.
_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_FIRST_VERSION, _NO_VERSION = b"00", b"ff"
_SAMPLED = 1
_MOST_STATE_BYTES = 512

Attributes = Mapping[str, str | int]

_OUTCOMES: Mapping[type[Ending], str] = {Delivered: "delivered", RetryLater: "retry", Dead: "dead"}


class SpanContext(NamedTuple):
    """A span's ids, and whether it is sampled; `state` is W3C's `tracestate`."""

    trace_id: int
    span_id: int
    is_sampled: bool = True
    state: str = ""

    @property
    def traceparent(self) -> str:
        """As the header has it."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.is_sampled:02x}"


class SpanKind(Enum):
    """The kind of a span."""

    CONSUMER = "consumer"
    CLIENT = "client"
    PRODUCER = "producer"


class Span(NamedTuple):
    """An operation that has ended; times in epoch seconds. `error` is a line, or None."""

    name: str
    kind: SpanKind
    start: float
    end: float
    attributes: Attributes
    error: str | None = None


class SpanOwner(NamedTuple):
    """The owner of spans: the destination, its two groups, and the share of conversions to trace."""

    destination: str
    group: str
    retry_group: str
    share: float


def context_of(headers: Iterable[Header]) -> SpanContext | None:
    """Read the context that a record carries; None if it is absent or unreadable."""
    parent = state = None
    for name, value in headers:  # the last of repeated headers counts
        if name == TRACEPARENT:
            parent = value
        elif name == TRACESTATE:
            state = value
    if parent is None:
        return None
    found = _TRACEPARENT.fullmatch(parent)
    if found is None or found[1] == _NO_VERSION or (found[1] == _FIRST_VERSION and found[5]):
        return None
    trace_id, span_id, flags = (int(found[number], 16) for number in (2, 3, 4))
    if not (trace_id and span_id):
        return None
    return SpanContext(trace_id, span_id, bool(flags & _SAMPLED), _text(state))


def carrying(ending: Ending, context: SpanContext) -> Ending:
    """The ending with this context in the record to publish, which must carry none yet."""
    if isinstance(ending, Delivered):
        return ending
    headers = [*ending.message.headers, (TRACEPARENT, context.traceparent.encode())]
    return ending._replace(message=ending.message._replace(headers=headers))


# --- spans -----------------------------------------------------------------------------------------


def process_span(ending: Ending, on_tier: bool, start: float, end: float, traced: SpanOwner) -> Span:
    """The span of a record from the start of its attempt to its ending."""
    record = ending.record
    attributes: dict[str, str | int] = {
        **_messaging("process", record.at.topic),
        "messaging.destination.partition.id": str(record.at.number),
        "messaging.kafka.offset": record.offset,
        "messaging.consumer.group.name": traced.retry_group if on_tier else traced.group,
        "postback.destination": traced.destination,
        "postback.origin": read_history(record, on_tier).origin,
        "postback.outcome": _OUTCOMES[type(ending)],
        "postback.attempts": ending.attempts,
    }
    if ending.event_id is not None:
        attributes["postback.event_id"] = ending.event_id
    if isinstance(ending, Delivered):
        return Span(f"process {record.at.topic}", SpanKind.CONSUMER, start, end, attributes)
    attributes["error.type"] = ending.reason.value
    return Span(f"process {record.at.topic}", SpanKind.CONSUMER, start, end, attributes, ending.error)


def request_span(trial: Trial, attempts: int, end: float) -> Span:
    """The span of a request; `attempts` is its number for the conversion."""
    _, request, seconds, answer = trial
    attributes: dict[str, str | int] = {
        "http.request.method": request.method,
        "server.address": request.origin.host,
        "server.port": request.origin.port,
        "url.full": scrubbed(request),
    }
    if attempts > 1:
        attributes["http.request.resend_count"] = attempts - 1
    error = None
    if isinstance(answer, Failure):
        attributes["error.type"], error = answer.kind.value, answer.error
    else:
        attributes["http.response.status_code"] = answer.status
        if answer.status >= 400:
            attributes["error.type"], error = str(answer.status), f"HTTP {answer.status}"
    return Span(request.method, SpanKind.CLIENT, end - seconds, end, attributes, error)


def send_span(message: Outgoing, start: float, end: float, error: str | None) -> Span:
    """The span of a publish to one of the worker's own topics; `error` if the broker refused it."""
    attributes = _messaging("send", message.topic)
    if error is not None:
        attributes["error.type"] = "refused"
    return Span(f"send {message.topic}", SpanKind.PRODUCER, start, end, attributes, error)


def scrubbed(request: Request) -> str:
    """The URL of a request, with everything but the host and the parameters' names redacted."""
    path, question, query = request.target.partition("?")
    hidden = path if path == "/" else f"/{REDACTED}"
    return f"{request.origin}{hidden}{question}" + "&".join(_pair(pair) for pair in query.split("&") if query)


def _pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={REDACTED}" if equals else REDACTED


def _messaging(operation: str, topic: str) -> dict[str, str | int]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
    }


def _text(state: bytes | None) -> str:
    """A usable `tracestate`, or an empty one."""
    if state is None or len(state) > _MOST_STATE_BYTES or not state.isascii():
        return ""
    return state.decode("ascii")
