"""Spans to an OpenTelemetry collector, by OTLP over HTTP; only this file knows the libraries of `otel`.

The rule: tracing never stops anything. Spans that can't be sent are dropped, and one line a minute says so.
What is not set here is what the libraries' own variables say (`OTEL_EXPORTER_OTLP_HEADERS`,
`OTEL_RESOURCE_ATTRIBUTES` and their kin).
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from worker.core.tracing import Kind, Span, SpanContext

CLOSE_SECONDS = 2.0
"""How long the end of the process waits for the last spans."""

REPEAT_AFTER_SECONDS = 60.0
"""Before it is said again that spans can't be sent."""

_NAME = "postback-worker"
_KINDS = {
    Kind.CONSUMER: trace.SpanKind.CONSUMER,
    Kind.CLIENT: trace.SpanKind.CLIENT,
    Kind.PRODUCER: trace.SpanKind.PRODUCER,
}


class OtlpTracer:
    """A Tracer that sends to an endpoint, in a thread of its own; `instance` names this process."""

    def __init__(self, endpoint: str, instance: str) -> None:
        _tell_rarely()
        # What is sampled is decided before a span is recorded: here all are.
        self._provider = TracerProvider(ALWAYS_ON, _resource(instance), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
        self._tracer = self._provider.get_tracer(_NAME, version(_NAME))

    def record(
        self, span: Span, parent: SpanContext | None = None, link: SpanContext | None = None
    ) -> SpanContext:
        """Take a span that has ended, to be sent with others; return its own context."""
        context = Context()
        if parent is not None:
            context = trace.set_span_in_context(trace.NonRecordingSpan(_foreign(parent)), context)
        made = self._tracer.start_span(
            span.name,
            context,
            _KINDS[span.kind],
            dict(span.attributes),
            [] if link is None else [trace.Link(_foreign(link))],
            _nanoseconds(span.start),
        )
        if span.error is not None:
            made.set_status(trace.StatusCode.ERROR, span.error)
        made.end(_nanoseconds(span.end))
        own = made.get_span_context()
        return SpanContext(own.trace_id, own.span_id, own.trace_flags.sampled)

    async def close(self) -> None:
        """Send what was taken, CLOSE_SECONDS at most."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            try:
                loop.call_soon_threadsafe(done.set)
            except RuntimeError:  # the loop has ended, and nobody waits any more
                return

        # Of a thread that is no daemon the end of the process would wait for as long as it takes.
        threading.Thread(target=shut_down, name="otlp-close", daemon=True).start()
        try:
            await asyncio.wait_for(done.wait(), CLOSE_SECONDS)
        except TimeoutError:
            return


def _resource(instance: str) -> Resource:
    """Who sends: a name of the operator's own wins."""
    named = "OTEL_SERVICE_NAME" in os.environ or SERVICE_NAME in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    name = {} if named else {SERVICE_NAME: _NAME}
    return Resource.create({**name, SERVICE_VERSION: version(_NAME), SERVICE_INSTANCE_ID: instance})


def _nanoseconds(seconds: float) -> int:
    """To the microsecond, which is what a float of today's time can tell."""
    return round(seconds * 1_000_000) * 1000


def _foreign(context: SpanContext) -> trace.SpanContext:
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if context.is_sampled else trace.TraceFlags.DEFAULT)
    state = trace.TraceState.from_header([context.state]) if context.state else None
    return trace.SpanContext(
        context.trace_id, context.span_id, is_remote=True, trace_flags=flags, trace_state=state
    )


def _tell_rarely() -> None:
    """Have the libraries' lines pass the worker's own log, one in a while: they repeat themselves."""
    log = logging.getLogger("opentelemetry")
    if not log.handlers:
        log.addHandler(_Rarely())
        log.propagate = False


class _Rarely(logging.Handler):
    """Hands a line on to the root's handlers, unless one was a short time ago."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told = float("-inf")

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it on as a warning, without a trace of the stack."""
        now = time.monotonic()
        if now - self._told < REPEAT_AFTER_SECONDS:
            return
        self._told = now
        text = f"spans can't be sent to POSTBACK_TRACING__ENDPOINT: {record.getMessage()}"
        logging.getLogger("worker.tracing").warning("%s", " ".join(text.split()))
