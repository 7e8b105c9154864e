"""What becomes of a record: its ending, and the record to publish for it.

The rule: key, value and the producer's headers pass unchanged; worker headers are replaced, never trusted and
never duplicated. On the source all but the number of replays is ignored; on a tier unreadable headers mean
one attempt and this record as its own origin.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas import DeadReason, RetryReason, WorkerHeaders, without_worker_headers
from schemas.headers import replays_of
from worker.core.record import Outgoing, Record
from worker.core.retry import Tier


class History(NamedTuple):
    """What a record's headers say about its earlier hops."""

    attempts: int
    first_attempt_at: float | None
    origin: str
    replays: int | None
    status: int | None = None
    error: str | None = None


class Delivered(NamedTuple):
    """The partner recorded it. `delay` is in seconds from `occurred_at`."""

    record: Record
    event_id: str
    attempts: int
    status: int
    delay: float


class RetryLater(NamedTuple):
    """It is to be tried again: `message` goes to the tier's topic."""

    record: Record
    event_id: str
    attempts: int
    tier: Tier
    reason: RetryReason
    error: str
    message: Outgoing


class Dead(NamedTuple):
    """It is given up: `message` goes to the dead-letter topic. `event_id` is None if unreadable."""

    record: Record
    event_id: str | None
    attempts: int
    reason: DeadReason
    error: str
    message: Outgoing


class Duplicate(NamedTuple):
    """A copy: another record of the event is delivered, waiting or dead, so it is not sent."""

    record: Record
    event_id: str | None
    attempts: int = 0


Ending = Delivered | RetryLater | Dead
"""The endings that an attempt may have."""


class Finished(NamedTuple):
    """It has had its ending, or has moved on to another tier: there is nothing left to do."""

    record: Record


class WaitsForCopy(NamedTuple):
    """Another record of its event is under way: it is decided anew when that one has ended."""

    record: Record


def read_history(record: Record, on_tier: bool) -> History:
    """Read what the worker needs to know of earlier hops."""
    if not record.headers:
        return History(1 if on_tier else 0, None, record.origin, None)
    if not on_tier:
        return History(0, None, record.origin, replays_of(record.headers))
    headers = WorkerHeaders.read(record.headers)
    return History(
        headers.attempts or 1,
        headers.first_attempt_at,
        headers.origin or record.origin,
        headers.replays,
        headers.status,
        headers.error,
    )


def onward(record: Record, headers: WorkerHeaders, topic: str, partition: int | None = None) -> Outgoing:
    """Make the record to publish: the producer's part, then the worker's headers.

    `partition` is the number of the partition that it goes to; if None, the key decides.
    """
    kept = without_worker_headers(record.headers) if record.headers else []
    return Outgoing(topic, record.key, record.value, [*kept, *headers.write()], partition)


def partition_of(origin: str) -> int:
    """The number of the source partition that an origin names."""
    return int(origin.split("/")[1])
