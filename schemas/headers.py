"""The worker's own record headers: what the hops of one conversion tell each other.

The rule: reading never fails and never trusts: a malformed value counts as absent. Writing is exact: what is
written is read back the same, with times to the millisecond and a due time never earlier than asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Final, NamedTuple

from schemas.moment import format_time, parse_time
from schemas.text import one_line

ATTEMPTS: Final = "postback-attempts"
DUE_AT: Final = "postback-due-at"
FIRST_ATTEMPT_AT: Final = "postback-first-attempt-at"
ORIGIN: Final = "postback-origin"
REASON: Final = "postback-reason"
STATUS: Final = "postback-status"
ERROR: Final = "postback-error"
DEAD_AT: Final = "postback-dead-at"
REPLAYS: Final = "postback-replays"
FOR: Final = "postback-for"

_STATUS: Final = re.compile(rb"[1-9][0-9]{2}")
_DESTINATION: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_ORIGIN: Final = re.compile(rb"[A-Za-z0-9._-]{1,249}/[0-9]{1,10}/[0-9]{1,19}")

Header = tuple[str, bytes | None]


class RetryReason(StrEnum):
    """Why an attempt is to be made again."""

    STATUS = "status"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    TLS = "tls"
    PROTOCOL = "protocol"
    REJECTED_BODY = "rejected_body"


class DeadReason(StrEnum):
    """Why no attempt will be made any more."""

    UNDECODABLE = "undecodable"
    INVALID = "invalid"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    REJECTED = "rejected"
    UNROUTED = "unrouted"
    CANCELLED = "cancelled"
    """An operator's order."""


class WorkerHeaders(NamedTuple):
    """The worker headers of one record; None if absent or unreadable. Times are epoch seconds."""

    attempts: int | None = None
    due_at: float | None = None
    first_attempt_at: float | None = None
    origin: str | None = None
    """`topic/partition/offset` of the source record."""
    reason: RetryReason | DeadReason | None = None
    status: int | None = None
    error: str | None = None
    dead_at: float | None = None
    replays: int | None = None
    replayed_for: str | None = None
    """The destination that a replay is for: the others pass over it."""

    @classmethod
    def read(cls, headers: Iterable[Header]) -> WorkerHeaders:
        """Read what can be read; the last of repeated headers counts. Never raises, whatever the bytes."""
        found: dict[str, Any] = {}
        for name, value in headers:
            form = _FORMS.get(name)
            if form is not None:
                found[form.field] = None if value is None else form.read(value)
        return cls(**found)

    def write(self) -> list[Header]:
        """Write those that are not None, in the order of the class; times as `format_time` does."""
        return [
            (name, form.write(value).encode())
            for (name, form), value in zip(_FORMS.items(), self, strict=True)
            if value is not None
        ]


def replays_of(headers: Iterable[Header]) -> int | None:
    """How often a record was replayed, None if it was not: all that worker headers tell on the source."""
    replays: int | None = None
    for name, value in headers:
        if name == REPLAYS:
            replays = None if value is None else _count(value)
    return replays


def without_worker_headers(headers: Iterable[Header]) -> list[Header]:
    """Return all headers but the worker's own: order, repetitions and empty values stay."""
    return [header for header in headers if header[0] not in _FORMS]


def _count(value: bytes) -> int | None:
    return (int(value) or None) if value.isdigit() and len(value) <= 6 else None


def _status(value: bytes) -> int | None:
    return int(value) if _STATUS.fullmatch(value) else None


def _time(value: bytes) -> float | None:
    text = _text(value)
    return None if text is None else parse_time(text)


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _origin(value: bytes) -> str | None:
    return value.decode() if _ORIGIN.fullmatch(value) else None


_REASONS: Final[dict[bytes, RetryReason | DeadReason]] = {
    reason.value.encode(): reason for reason in (*RetryReason, *DeadReason)
}


def _destination(value: bytes) -> str | None:
    return value.decode() if _DESTINATION.fullmatch(value) else None


def _error(value: bytes) -> str | None:
    text = _text(value)
    return None if text is None else one_line(text)


class _Form(NamedTuple):
    """How one header is read into a field and written from it."""

    field: str
    read: Callable[[bytes], Any]
    write: Callable[[Any], str] = str


_FORMS: Final = {
    ATTEMPTS: _Form("attempts", _count),
    DUE_AT: _Form("due_at", _time, format_time),
    FIRST_ATTEMPT_AT: _Form("first_attempt_at", _time, format_time),
    ORIGIN: _Form("origin", _origin),
    REASON: _Form("reason", _REASONS.get),
    STATUS: _Form("status", _status),
    ERROR: _Form("error", _error, one_line),
    DEAD_AT: _Form("dead_at", _time, format_time),
    REPLAYS: _Form("replays", _count),
    FOR: _Form("replayed_for", _destination),
}
"""One row per header, in the order of the fields of WorkerHeaders."""
