"""Traces a destination: wraps the lanes' listener and the publisher, and records spans of what passes.

The rule: the wrappers exist only if tracing is on, and change nothing, except that they add a missing context
to a record. For an untraced delivery they only count, or glance at the producer's context.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple

from worker.core.assigned_partition import PendingRecord
from worker.core.endings import Delivered, Duplicate, Ending, Finished
from worker.core.journal import Ended
from worker.core.record import Outgoing
from worker.core.sampling import Sampling, asks_for_none, traceparent_of
from worker.core.tracing import (
    SpanContext,
    carrying,
    context_of,
    process_span,
    request_span,
    send_span,
)
from worker.core.trial import Trial
from worker.ports import Clock, Publisher, PublishRefused, Tracer
from worker.runner.lanes_listener import LanesListener, Tried
from worker.runner.parts import DestinationTracer, Surroundings


class _Parentage(NamedTuple):
    """Where a publish belongs: the attempt's span is its parent, with the same link."""

    parent: SpanContext
    link: SpanContext | None


# A publish is a task of its own, begun while its record ends, and inherits the value set then.
_ENDING: ContextVar[_Parentage | None] = ContextVar("ending", default=None)


def traced_listener(
    listener: LanesListener, tracing: DestinationTracer | None, around: Surroundings
) -> LanesListener:
    """The listener itself, or, if tracing is on, a wrapper that records attempts."""
    return listener if tracing is None else TracedListener(listener, tracing, around)


def traced_publisher(publisher: Publisher, tracing: DestinationTracer | None, clock: Clock) -> Publisher:
    """The publisher itself, or, if tracing is on, a wrapper that records publishes of traced records."""
    return publisher if tracing is None else TracedPublisher(publisher, tracing.tracer, clock)


class TracedListener:
    """Records attempts before its listener hears of them."""

    def __init__(self, listener: LanesListener, tracing: DestinationTracer, around: Surroundings) -> None:
        self._listener = listener
        self._tracer, self._traced = tracing
        self._observer = around.observer
        self._sampling = Sampling(self._traced.share, around.jitter)
        self._on_ended = listener.on_ended
        self.fence, self.copies = listener.fence, listener.copies
        self.on_taken = listener.on_taken
        self.on_idle = listener.on_idle
        self.on_probe = listener.on_probe
        self.on_waits = listener.on_waits
        self.on_given_back = listener.on_given_back
        self.on_still = listener.on_still
        self.on_failed = listener.on_failed

    def on_ended(
        self, pending: PendingRecord, ending: Ended | Finished, now: float, tried: Tried | None
    ) -> None:
        """Record the attempt, if it is traced, and pass the record on, with a context if it lacked one."""
        headers = pending.record.headers
        if isinstance(ending, Delivered):
            parent = traceparent_of(headers) if headers else None
            if parent is None and self._sampling.left_out:
                self._sampling.left_out -= 1
            elif parent is None or not asks_for_none(parent):
                self._ended(pending, ending, now, tried)
                return
            self._on_ended(pending, ending, now, tried)
        elif isinstance(ending, (Duplicate, Finished)):  # nothing was sent
            self._on_ended(pending, ending, now, tried)
        else:
            self._ended(pending, ending, now, tried)

    def _ended(self, pending: PendingRecord, ending: Ending, now: float, tried: Tried | None) -> None:
        """Decide whether an attempt is traced, and set the parent of what is published for it."""
        on_tier = pending.partition.tier is not None
        link, passed, place = context_of(pending.record.headers), ending, None
        if self._sampling.is_traced(link, on_tier):
            parent = self._record(ending, on_tier, now, tried, link)
            place, passed = _Parentage(parent, link), ending if link is not None else carrying(ending, parent)
        before = _ENDING.set(place)
        try:
            self._on_ended(pending, passed, now, tried)
        finally:
            _ENDING.reset(before)

    def _record(
        self, ending: Ending, on_tier: bool, now: float, tried: Tried | None, link: SpanContext | None
    ) -> SpanContext:
        """Record an attempt and its request; return the attempt's context."""
        seconds = 0.0 if tried is None else tried[1]
        span = process_span(ending, on_tier, now - seconds, now, self._traced)
        context = self._tracer.record(span, link=link)
        if tried is not None:
            (_, _, event, _, request), _, answer = tried
            trial = Trial(event, request, seconds, answer)
            self._tracer.record(request_span(trial, ending.attempts, now), parent=context)
            self._observer.traced(seconds, context, now)
        return context


class TracedPublisher:
    """Records each publish of a traced record."""

    def __init__(self, publisher: Publisher, tracer: Tracer, clock: Clock) -> None:
        self._publisher, self._tracer, self._clock = publisher, tracer, clock
        self.publish_batch = publisher.publish_batch
        self.take_back = publisher.take_back
        self.close = publisher.close

    async def publish(self, message: Outgoing) -> None:
        """Publish and record the outcome; raise PublishRefused."""
        place = _ENDING.get()
        if place is None:
            await self._publisher.publish(message)
            return
        start = self._clock.now()
        try:
            await self._publisher.publish(message)
        except PublishRefused as refusal:
            self._record(message, place, start, str(refusal))
            raise
        self._record(message, place, start, None)

    def _record(self, message: Outgoing, place: _Parentage, start: float, error: str | None) -> None:
        span = send_span(message, start, self._clock.now(), error)
        self._tracer.record(span, place.parent, place.link)
