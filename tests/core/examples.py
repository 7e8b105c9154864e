"""Records and events that several suites of the core start from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from schemas import ConversionEvent
from worker.core.binding import Binding, Identity, LogId
from worker.core.holding import Held, Holding
from worker.core.offsets import Offsets
from worker.core.record import Headers, Partition, Record

NOW: Final = datetime(2026, 1, 10, tzinfo=UTC).timestamp()
"""The wall clock of these suites, in epoch seconds."""

SOURCE: Final = Partition("conversions", 3)

BINDING: Final = Binding(LogId("cluster", "topic-id"), Identity("conversions", "partner"))
"""The log and the deployment of these suites."""

WORKER_HEADERS: Final = (
    "postback-attempts",
    "postback-due-at",
    "postback-first-attempt-at",
    "postback-origin",
    "postback-reason",
    "postback-status",
    "postback-error",
    "postback-dead-at",
    "postback-replays",
)
"""The names of the headers that are the worker's."""


def make_event(**fields: Any) -> ConversionEvent:
    """Return an event of nine days before NOW with the required fields, and these."""
    least = {"event_id": "e-1", "click_id": "c-1", "occurred_at": datetime(2026, 1, 1, tzinfo=UTC)}
    return ConversionEvent.model_validate(least | fields)


def make_record(
    value: bytes | None = b"{}",
    headers: Headers = (),
    *,
    at: Partition = SOURCE,
    offset: int = 7,
    key: bytes | None = b"k",
) -> Record:
    """Return a record with these parts."""
    return Record(at, offset, key, value, headers, NOW)


def make_holding(number: int = 0, topic: str = "conversions") -> Holding:
    """Return a partition that holds nothing yet."""
    return Holding(Partition(topic, number), None, Offsets(None), BINDING)


def hold(holding: Holding, offset: int, due: float = 0.0, *, at_once: bool = True) -> Held:
    """Return a record of this holding, due then."""
    return Held(make_record(at=holding.at, offset=offset), holding, due, at_once)
