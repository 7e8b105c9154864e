"""Reads what a tier's record or a dead letter says about an undelivered conversion.

The rule: a conversion is identified by its event id, or by its value if it has none. Nothing in a record is
trusted; the last of repeated headers counts.
"""

from __future__ import annotations

from functools import lru_cache

from schemas import DeadReason, RetryReason, WorkerHeaders, parse_time
from schemas.dead_letter import fields_of
from schemas.headers import DEAD_AT, DUE_AT, ERROR, REASON, REPLAYS, STATUS
from worker.core.record import Record
from worker.core.undelivered import GroupKey, UndeliveredEntry, UndeliveredState

_MOST_KEYS = 4096
"""Groups that are remembered by the bytes that they were read from."""


def identity_of(event_id: bytes) -> int:
    """A number that identifies a conversion by its event id, within one process."""
    return hash(event_id)


def read_letter(record: Record) -> UndeliveredEntry:
    """Read a dead letter."""
    said = dict(record.headers)
    at = _time(said.get(DEAD_AT))
    key = _key(UndeliveredState.DEAD, said.get(REASON), said.get(STATUS), said.get(ERROR))
    return UndeliveredEntry(
        key, record.timestamp if at is None else at, None, _identity(record), _replays(said)
    )


def read_retry(record: Record, delay: float) -> UndeliveredEntry:
    """Read a record of a tier with this delay in seconds."""
    said = dict(record.headers)
    due, latest = _time(said.get(DUE_AT)), record.timestamp + delay
    key = _key(UndeliveredState.WAITING, said.get(REASON), said.get(STATUS), said.get(ERROR))
    due = record.timestamp if due is None else min(due, latest)
    return UndeliveredEntry(key, record.timestamp, due, _identity(record), _replays(said))


@lru_cache(_MOST_KEYS)
def _key(kind: UndeliveredState, reason: bytes | None, status: bytes | None, error: bytes | None) -> GroupKey:
    """The group; most records belong to few, so these are parsed once."""
    carried = WorkerHeaders.read([(REASON, reason), (STATUS, status), (ERROR, error)])
    reasons = DeadReason if kind is UndeliveredState.DEAD else RetryReason
    return GroupKey(
        kind,
        carried.reason.value if isinstance(carried.reason, reasons) else None,
        carried.status,
        carried.error,
    )


def _identity(record: Record) -> int:
    event_id = fields_of(record.value).get("event_id")
    if isinstance(event_id, str):
        return identity_of(event_id.encode())
    return hash(record.value or record.origin)


def _replays(said: dict[str, bytes | None]) -> int:
    value = said.get(REPLAYS)
    return 0 if value is None else WorkerHeaders.read([(REPLAYS, value)]).replays or 0


def _time(value: bytes | None) -> float | None:
    try:
        return None if value is None else parse_time(value.decode())
    except UnicodeDecodeError:
        return None
