"""Reads what a tier's record or a dead letter says about an undelivered conversion.

The rule: a conversion is identified by its event id, or by its value if it has none. Nothing in a record is
trusted; the last of repeated headers counts.
"""

from __future__ import annotations

from schemas import DeadReason, RetryReason, WorkerHeaders, parse_time
from schemas.dead_letter import fields_of
from schemas.headers import DEAD_AT, DUE_AT, ERROR, REASON, REPLAYS, STATUS
from worker.core.record import Record
from worker.core.undelivered import GroupKey, UndeliveredEntry, UndeliveredState

_MOST_KEYS = 4096
"""Group keys that are cached by the bytes that they were read from."""

_Said = tuple[UndeliveredState, bytes | None, bytes | None, bytes | None]


def identity_of(event_id: bytes) -> int:
    """A number that identifies a conversion by its event id, within one process."""
    return hash(event_id)


class UndeliveredReader:
    """Reads records; the few groups that most of them belong to are parsed once."""

    def __init__(self) -> None:
        self._keys: dict[_Said, GroupKey] = {}

    def letter(self, record: Record) -> UndeliveredEntry:
        """Read a dead letter."""
        said = dict(record.headers)
        at = _time(said.get(DEAD_AT))
        key = self._key(UndeliveredState.DEAD, said)
        return UndeliveredEntry(
            key, record.timestamp if at is None else at, None, _identity(record), _replays(said)
        )

    def retry(self, record: Record, delay: float) -> UndeliveredEntry:
        """Read a record of a tier with this delay in seconds."""
        said = dict(record.headers)
        due, latest = _time(said.get(DUE_AT)), record.timestamp + delay
        key = self._key(UndeliveredState.WAITING, said)
        due = record.timestamp if due is None else min(due, latest)
        return UndeliveredEntry(key, record.timestamp, due, _identity(record), _replays(said))

    def _key(self, kind: UndeliveredState, said: dict[str, bytes | None]) -> GroupKey:
        of = kind, said.get(REASON), said.get(STATUS), said.get(ERROR)
        key = self._keys.get(of)
        if key is None:
            if len(self._keys) >= _MOST_KEYS:
                self._keys.clear()
            key = self._keys[of] = _read(*of)
        return key


def _read(
    kind: UndeliveredState, reason: bytes | None, status: bytes | None, error: bytes | None
) -> GroupKey:
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
