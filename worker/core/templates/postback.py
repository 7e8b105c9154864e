"""Makes the request of an event for one destination, from one of two templates.

The rule: it is made from settings alone and never changes; new settings make a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from schemas import ConversionEvent
from worker.core.answer import Request
from worker.core.templates.fill import CompiledRequest, RequestTemplates, compile_request


class Postback(NamedTuple):
    """A destination's templates: `simple` for events with neither event nor payout, `event` for others."""

    simple: CompiledRequest
    event: CompiledRequest
    needs_attempt: bool = False
    """Whether a template names the attempt: then use `request_of`, else `request`."""

    @classmethod
    def compile(
        cls, simple: RequestTemplates, event: RequestTemplates, secrets: Mapping[str, str]
    ) -> Postback:
        """Compile both; raise KeyError for a missing secret."""
        one = compile_request(event, secrets)
        other = one if simple == event else compile_request(simple, secrets)
        return cls(other, one, simple.needs_attempt or event.needs_attempt)

    def request(self, event: ConversionEvent) -> Request:
        """Choose the template and fill it in; may raise CannotFill."""
        fields = event.__dict__  # as `is_simple` does, at the least cost
        if fields["event"] is None and fields["payout"] is None:
            return self.simple.fill(fields)
        return self.event.fill(fields)

    def request_of(self, event: ConversionEvent, attempt: int, now: float) -> Request:
        """The same for templates that name the attempt's number (from 1) or its time (epoch seconds)."""
        fields = {**event.__dict__, "attempt": attempt, "now": datetime.fromtimestamp(now, UTC)}
        return (self.simple if event.is_simple else self.event).fill(fields)
