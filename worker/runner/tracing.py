"""Tracing a destination: what stands between the parts of a run and has spans recorded of what passes.

The rule: it stands there only where tracing is on, and changes nothing that passes but for a context that a
record lacks. Of what is delivered and not traced it only counts, or glances at the producer's context.
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
from worker.runner.parts import Surroundings, Tracing


class _Parentage(NamedTuple):
    """Where in a story a publish belongs: below an attempt's span, beside what that is linked to."""

    parent: SpanContext
    link: SpanContext | None


# A publish is a task of its own, which is begun while its record ends and keeps what holds then.
_ENDING: ContextVar[_Parentage | None] = ContextVar("ending", default=None)


def traced_listener(listener: LanesListener, tracing: Tracing | None, around: Surroundings) -> LanesListener:
    """The listener, or where tracing is on who records the attempts that it hears of."""
    return listener if tracing is None else TracedListener(listener, tracing, around)


def traced_publisher(publisher: Publisher, tracing: Tracing | None, clock: Clock) -> Publisher:
    """The publisher, or where tracing is on who records what it publishes of traced records."""
    return publisher if tracing is None else TracedPublisher(publisher, tracing.tracer, clock)


class TracedListener:
    """Records the attempts that its listener hears of, before it does."""

    def __init__(self, listener: LanesListener, tracing: Tracing, around: Surroundings) -> None:
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
        """Record the attempt, if it is traced, and hand the record on, with a context if it lacks one."""
        headers = pending.record.headers
        if isinstance(ending, Delivered):
            parent = traceparent_of(headers) if headers else None
            if parent is None and self._sampling.left_out:
                self._sampling.left_out -= 1
            elif parent is None or not asks_for_none(parent):
                self._ended(pending, ending, now, tried)
                return
            self._on_ended(pending, ending, now, tried)
        elif isinstance(ending, (Duplicate, Finished)):  # nothing is sent, as its event was
            self._on_ended(pending, ending, now, tried)
        else:
            self._ended(pending, ending, now, tried)

    def _ended(self, pending: PendingRecord, ending: Ending, now: float, tried: Tried | None) -> None:
        """Find out whether an attempt is traced; what is published of it belongs to it, or to no other."""
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
        """Publish, and record how that ended; raise PublishRefused where it was refused."""
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
