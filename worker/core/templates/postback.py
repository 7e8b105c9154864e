"""What makes the request of an event for one destination: one of two templates, by what the event has.

The rule: it is made of settings alone and never changes; new settings make a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from schemas import ConversionEvent
from worker.core.answer import Request
from worker.core.templates.request import Parts, Template, compile_request


class Postback(NamedTuple):
    """The templates of a destination, for events with neither event nor payout, and for all others."""

    simple: Template
    event: Template
    needs_attempt: bool = False
    """Whether a template names the attempt: then `request_of` makes the request, else `request` does."""

    @classmethod
    def compile(cls, simple: Parts, event: Parts, secrets: Mapping[str, str]) -> Postback:
        """Compile both; raise KeyError for a secret that is not there."""
        one = compile_request(event, secrets)
        other = one if simple == event else compile_request(simple, secrets)
        return cls(other, one, simple.needs_attempt or event.needs_attempt)

    def request(self, event: ConversionEvent) -> Request:
        """Choose the template (event or payout given: the event's) and fill it in; may raise CannotFill."""
        fields = event.__dict__  # the rule is `is_simple`'s, read where it costs least
        if fields["event"] is None and fields["payout"] is None:
            return self.simple.fill(fields)
        return self.event.fill(fields)

    def request_of(self, event: ConversionEvent, attempt: int, now: float) -> Request:
        """The same for a numbered attempt (from 1) at a time in epoch seconds, which templates may name."""
        fields = {**event.__dict__, "attempt": attempt, "now": datetime.fromtimestamp(now, UTC)}
        return (self.simple if event.is_simple else self.event).fill(fields)
