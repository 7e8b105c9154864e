"""Where events would be routed, and which ones no destination could send.

The rule: an event is judged as the workers judge it, by the same routing, currencies and templates.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from schemas import ConversionEvent
from worker.compiled import make_postback
from worker.core.currencies import foreign_currency
from worker.core.record import Partition, Record
from worker.core.routing import Router
from worker.core.templates import CannotFill, Postback
from worker.ops.jsonl import BadLine, EventLine, event_of
from worker.settings import Deployment


class RoutingResult(NamedTuple):
    """Where one event would go: which destinations would send it, and why others that take it could not."""

    sent_by: list[str]
    refused: dict[str, str]


class _Destination(NamedTuple):
    name: str
    router: Router
    currencies: frozenset[str]
    postback: Postback


class Routes:
    """The destinations of a deployment, for events without headers."""

    def __init__(self, deployment: Deployment) -> None:
        self._topic = deployment.common.kafka.topic
        self._destinations = [
            _Destination(
                one.destination.name,
                deployment.router(one),
                one.destination.currencies,
                make_postback(one.destination),
            )
            for one in deployment.destinations
        ]

    def event_of(self, line: EventLine) -> ConversionEvent:
        """Read the event of a line; raise BadLine if there is none, or none that anybody could send."""
        event = event_of(line)
        route = self.route(line, event)
        if not route.sent_by:
            why = "; ".join(f"{name}: {text}" for name, text in route.refused.items())
            raise BadLine([f"{line}: no destination could send it: {why}"])
        return event

    def route(self, line: EventLine, event: ConversionEvent) -> RoutingResult:
        """Where the event of a line would go."""
        record = Record(Partition(self._topic, 0), 0, None, line.value, (), 0.0)
        taking = [one for one in self._destinations if one.router.takes(record)]
        refused = {one.name: why for one in taking if (why := _why_not(one, record, event)) is not None}
        return RoutingResult([one.name for one in taking if one.name not in refused], refused)

    def described(self, line: EventLine) -> Iterator[str]:
        """Where the event of a line would go, in words; raise BadLine as `event_of` does."""
        route = self.route(line, self.event_of(line))
        yield f"{line}: to {', '.join(route.sent_by)}"
        for name, why in route.refused.items():
            yield f"{line}: not to {name}: {why}"


def _why_not(one: _Destination, record: Record, event: ConversionEvent) -> str | None:
    """Why a destination that takes an event could not send it, or None."""
    if one.router.is_unrouted(record):
        return "no destination's WHEN fits it"
    foreign = foreign_currency(event, one.currencies)
    if foreign is not None:
        return foreign
    try:
        one.postback.request_of(event, 1, time.time())
    except CannotFill as error:
        return str(error)
    return None
