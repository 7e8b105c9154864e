"""Records and events that several suites of the core start from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from schemas import ConversionEvent
from worker.core.assigned_partition import AssignedPartition, PendingRecord
from worker.core.binding import Binding, Identity, LogId
from worker.core.offsets import Offsets
from worker.core.record import Headers, Partition, Record

NOW: Final = datetime(2026, 1, 10, tzinfo=UTC).timestamp()
"""The wall clock of these suites, in epoch seconds."""

SOURCE: Final = Partition("conversions", 3)

BINDING: Final = Binding(LogId("cluster", "topic-id"), Identity("conversions", "partner"))
"""The log and the deployment of these suites."""


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


def make_partition(number: int = 0, topic: str = "conversions") -> AssignedPartition:
    """Return a partition that holds nothing yet."""
    return AssignedPartition(Partition(topic, number), None, Offsets(None), BINDING)


def pending_record(
    partition: AssignedPartition, offset: int, due: float = 0.0, *, at_once: bool = True
) -> PendingRecord:
    """Return a record of this holding, due then."""
    return PendingRecord(make_record(at=partition.at, offset=offset), partition, due, at_once)
