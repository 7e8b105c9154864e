"""What a test writes to the topics of a destination, as workers do."""

from __future__ import annotations

import json
import time
from typing import Any

from schemas import DeadReason, RetryReason, WorkerHeaders
from schemas.journal import JournalStep, StepKind
from schemas.moment import format_time
from tests.support.kafka import Names, Write, create_topics, produce
from tests.support.settings import read
from worker.settings import Settings

PARTITIONS = 2
OCCURRED_AT = format_time(time.time() - 3600)


def settings_of(bootstrap: str, names: Names) -> Settings:
    """Settings of a destination with one tier."""
    return read(
        {
            "POSTBACK_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "POSTBACK_KAFKA__TOPIC": names.topic,
            "POSTBACK_KAFKA__GROUP_ID": names.group,
            "POSTBACK_RETRY__DELAYS": "10m",
        }
    )


def make_topics(bootstrap: str, names: Names) -> None:
    """Make all topics of that destination."""
    topics = [names.topic, names.dlq, names.journal, names.tier("10m")]
    create_topics(bootstrap, {**dict.fromkeys(topics, PARTITIONS), names.control: 1})


def value(event_id: str, **fields: Any) -> bytes:
    """An event."""
    told = {"event_id": event_id, "click_id": f"click-{event_id}", "occurred_at": OCCURRED_AT, **fields}
    return json.dumps(told).encode()


def letter(
    event_id: str,
    *,
    reason: DeadReason = DeadReason.REJECTED,
    status: int | None = 404,
    replays: int | None = None,
    ago: float = 60.0,
    **fields: Any,
) -> Write:
    """A dead letter."""
    headers = WorkerHeaders(
        attempts=1,
        origin="conversions/0/1",
        reason=reason,
        status=status,
        error=f"HTTP {status}",
        dead_at=time.time() - ago,
        replays=replays,
    ).write()
    return Write(value(event_id, **fields), None, tuple(headers), 0)


def retry(event_id: str, *, status: int = 500) -> Write:
    """A record of the tier."""
    due = time.time() + 600
    headers = WorkerHeaders(
        attempts=1,
        due_at=due,
        origin="conversions/0/1",
        reason=RetryReason.STATUS,
        status=status,
        error=f"HTTP {status}",
    ).write()
    return Write(value(event_id), None, tuple(headers), 0)


def step(event_id: str, kind: StepKind = StepKind.DELIVERED, **fields: Any) -> Write:
    """A step of the journal."""
    told = JournalStep(
        at=format_time(time.time()), step=kind, event_id=event_id, origin="conversions/0/1", **fields
    )
    return Write(told.to_json(), event_id.encode(), (), 0)


class Destination:
    """The topics of one destination, on a broker."""

    def __init__(self, bootstrap: str, names: Names) -> None:
        self.bootstrap, self.names = bootstrap, names
        self.settings = settings_of(bootstrap, names)

    def write(self, topic: str, *records: Write) -> None:
        """Write records to one of them."""
        produce(self.bootstrap, topic, records)
