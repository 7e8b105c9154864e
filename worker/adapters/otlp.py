"""Sends spans to an OpenTelemetry collector, by OTLP over HTTP; only this file knows the libraries of `otel`.

The rule: tracing never stops anything. Spans that can't be sent are dropped, and one line a minute says so.
The libraries' own variables (`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_RESOURCE_ATTRIBUTES` and the like) set
whatever is not set here.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from worker.core.tracing import Attributes, Span, SpanContext, SpanKind

CLOSE_SECONDS = 2.0
"""How long the end of the process waits for the last spans."""

REPEAT_AFTER_SECONDS = 60.0
"""Seconds before another line says that spans can't be sent."""

_NAME = "postback-worker"
_MOST_ATTRIBUTES = 32  # more than any span of ours has
_KINDS = {
    SpanKind.CONSUMER: trace.SpanKind.CONSUMER,
    SpanKind.CLIENT: trace.SpanKind.CLIENT,
    SpanKind.PRODUCER: trace.SpanKind.PRODUCER,
}
_UNSET = trace.Status(trace.StatusCode.UNSET)
_SAMPLED, _NOT_SAMPLED = trace.TraceFlags(trace.TraceFlags.SAMPLED), trace.TraceFlags.get_default()


class OtlpTracer:
    """A Tracer that sends to an endpoint, in a thread of its own; `instance` names this process.

    What is recorded has ended, so it is made as what the libraries make of a span in the end: one that they
    start, fill and end costs six times as much here, and more where it is sent.
    """

    def __init__(self, endpoint: str, instance: str) -> None:
        _tell_rarely()
        self._processor = BatchSpanProcessor(OTLPSpanExporter(endpoint))
        self._resource, self._scope = _resource(instance), InstrumentationScope(_NAME, version(_NAME))
        self._ids, self._bounded = RandomIdGenerator(), _bounds()

    def record(
        self, span: Span, parent: SpanContext | None = None, link: SpanContext | None = None
    ) -> SpanContext:
        """Take a span that has ended, to be sent in a batch; return its context."""
        trace_id = self._ids.generate_trace_id() if parent is None else parent.trace_id
        own = SpanContext(trace_id, self._ids.generate_span_id())
        made = ReadableSpan(
            span.name,
            _foreign(own),
            None if parent is None else _foreign(parent),
            self._resource,
            span.attributes if self._bounded is None else self._bounded(span.attributes),
            links=() if link is None else (trace.Link(_foreign(link, is_remote=True)),),
            kind=_KINDS[span.kind],
            status=_UNSET if span.error is None else trace.Status(trace.StatusCode.ERROR, span.error),
            start_time=_nanoseconds(span.start),
            end_time=_nanoseconds(span.end),
            instrumentation_scope=self._scope,
        )
        self._processor.on_end(made)
        return own

    async def close(self) -> None:
        """Send what is left, within CLOSE_SECONDS."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._processor.shutdown()  # type: ignore[no-untyped-call]
            try:
                loop.call_soon_threadsafe(done.set)
            except RuntimeError:  # the loop has ended
                return

        # A daemon, because the end of the process would wait for any other thread as long as it takes.
        threading.Thread(target=shut_down, name="otlp-close", daemon=True).start()
        try:
            await asyncio.wait_for(done.wait(), CLOSE_SECONDS)
        except TimeoutError:
            return


class _Sender(Resource):
    """A resource that computes its hash once: the libraries ask for it for each span."""

    def __init__(self, of: Resource) -> None:
        super().__init__(of.attributes, of.schema_url)
        self._hash = super().__hash__()

    def __hash__(self) -> int:
        return self._hash


def _resource(instance: str) -> Resource:
    """Describes this sender; the operator's own name for it wins."""
    named = "OTEL_SERVICE_NAME" in os.environ or SERVICE_NAME in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    name = {} if named else {SERVICE_NAME: _NAME}
    return _Sender(Resource.create({**name, SERVICE_VERSION: version(_NAME), SERVICE_INSTANCE_ID: instance}))


def _nanoseconds(seconds: float) -> int:
    """Rounded to the microsecond, the precision of a float for today's time."""
    return round(seconds * 1_000_000) * 1000


def _foreign(context: SpanContext, is_remote: bool = False) -> trace.SpanContext:
    flags = _SAMPLED if context.is_sampled else _NOT_SAMPLED
    state = trace.TraceState.from_header([context.state]) if context.state else None
    return trace.SpanContext(context.trace_id, context.span_id, is_remote, flags, state)


def _bounds() -> Callable[[Attributes], BoundedAttributes] | None:
    """What keeps attributes within the limits of `OTEL_SPAN_ATTRIBUTE_…`; None where ours reach none."""
    limits = SpanLimits()
    most, longest = limits.max_span_attributes, limits.max_span_attribute_length
    if longest is None and (most is None or most >= _MOST_ATTRIBUTES):
        return None
    return lambda attributes: BoundedAttributes(most, attributes, max_value_len=longest)


def _tell_rarely() -> None:
    """Send the libraries' lines to the worker's own log, one in a while, because they repeat themselves."""
    log = logging.getLogger("opentelemetry")
    if not log.handlers:
        log.addHandler(_Rarely())
        log.propagate = False


class _Rarely(logging.Handler):
    """Passes a line on to the root's handlers, unless it passed one a short time ago."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told = float("-inf")

    def emit(self, record: logging.LogRecord) -> None:
        """Pass it on as a warning, without a stack trace."""
        now = time.monotonic()
        if now - self._told < REPEAT_AFTER_SECONDS:
            return
        self._told = now
        text = f"spans can't be sent to POSTBACK_TRACING__ENDPOINT: {record.getMessage()}"
        logging.getLogger("worker.tracing").warning("%s", " ".join(text.split()))
