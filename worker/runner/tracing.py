"""Tracing a destination: what stands between the parts of a run and has spans recorded of what passes.

The rule: it stands there only where tracing is on, and changes nothing that passes but for a context that a
record lacks. Of what is not traced it does no more than ask whether it is.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple

from worker.core.assigned_partition import PendingRecord
from worker.core.endings import Delivered, Duplicate, Finished
from worker.core.journal import Ended
from worker.core.record import Outgoing
from worker.core.tracing import (
    SpanContext,
    carrying,
    context_of,
    is_traced,
    process_span,
    request_span,
    send_span,
)
from worker.core.trial import Trial
from worker.pipeline import Ending
from worker.ports import Clock, Publisher, PublishRefused, Tracer
from worker.runner.lanes_listener import LanesListener, Tried
from worker.runner.parts import Surroundings, Tracing


class _Place(NamedTuple):
    """Where in a story a publish belongs: below an attempt's span, beside what that is linked to."""

    parent: SpanContext
    link: SpanContext | None


# A publish is a task of its own, which is begun while its record ends and keeps what holds then.
_ENDING: ContextVar[_Place | None] = ContextVar("ending", default=None)


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
        self._observer, _, self._jitter = around
        self.fence, self.copies = listener.fence, listener.copies
        self.on_taken = listener.on_taken
        self.on_idle = listener.on_idle
        self.on_probe = listener.on_probe
        self.on_given_back = listener.on_given_back
        self.on_still = listener.on_still
        self.on_failed = listener.on_failed

    def on_ended(
        self, pending: PendingRecord, ending: Ended | Finished, now: float, tried: Tried | None
    ) -> None:
        """Record the attempt, if it is traced, and hand the record on, with a context if it lacks one.

        Nothing is recorded of what is not sent because its event was.
        """
        if isinstance(ending, Duplicate | Finished):
            self._listener.on_ended(pending, ending, now, tried)
            return
        headers, on_tier = pending.record.headers, pending.partition.tier is not None
        link = context_of(headers) if headers else None
        if is_traced(link, on_tier, self._traced.share, self._jitter()):
            parent = self._record(ending, on_tier, now, tried, link)
            place, passed = _Place(parent, link), ending if link is not None else carrying(ending, parent)
        elif isinstance(ending, Delivered):
            self._listener.on_ended(pending, ending, now, tried)
            return
        else:
            place, passed = None, ending
        before = _ENDING.set(place)
        try:
            self._listener.on_ended(pending, passed, now, tried)
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

    def _record(self, message: Outgoing, place: _Place, start: float, error: str | None) -> None:
        span = send_span(message, start, self._clock.now(), error)
        self._tracer.record(span, place.parent, place.link)
