"""A dead letter as people and scripts see it: what the record carried, and why it ended there.

The rule: nothing of the record is lost on the way to JSON and back. UTF-8 bytes are written as text, other
bytes as `{"base64": "…"}`, and an absent value as `null`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, TypeAdapter
from pydantic_core import from_json

from schemas.event import ClickId, EventId
from schemas.headers import DeadReason, Header, WorkerHeaders
from schemas.moment import Moment, format_time

_CLICK_ID: Final[TypeAdapter[str]] = TypeAdapter(ClickId)
_EVENT_ID: Final[TypeAdapter[str]] = TypeAdapter(EventId)


def _to_bytes(value: object) -> object:
    """Undo `_from_bytes`; the field's own type refuses anything else."""
    match value:
        case str():
            return value.encode()
        case {"base64": str() as text, **others} if not others:
            return base64.b64decode(text, validate=True)
    return value


def _from_bytes(value: bytes | None) -> str | dict[str, str] | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


Payload = Annotated[bytes | None, BeforeValidator(_to_bytes), PlainSerializer(_from_bytes, when_used="json")]
"""Bytes of a record: themselves in Python, text or base64 in JSON."""

Time = Annotated[Moment, PlainSerializer(lambda moment: format_time(moment.timestamp()), when_used="json")]
"""A time of a worker header: in JSON with milliseconds, as the header has it."""


class DeadLetter(BaseModel):
    """One record of the dead-letter topic.

    `key`, `value` and `headers` are the record's own, whole and in order, worker headers included. The other
    fields are read from them: None, or 0 of `attempts` and `replays`, if the record does not say.
    """

    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True, defer_build=True)

    topic: str
    partition: int
    offset: int
    reason: DeadReason | None = None
    attempts: int = 0
    status: int | None = None
    error: str | None = None
    event_id: str | None = None
    click_id: str | None = None
    origin: str | None = None
    """`topic/partition/offset` of the source record."""
    first_attempt_at: Time | None = None
    dead_at: Time | None = None
    """When it was given up; when Kafka stored it, if no header says."""
    replays: int = 0
    key: Payload
    value: Payload
    headers: tuple[tuple[str, Payload], ...]

    @classmethod
    def from_record(
        cls,
        topic: str,
        partition: int,
        offset: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[Header],
        timestamp: float,
    ) -> DeadLetter:
        """Build it from a record's parts, whatever is in them; `timestamp` is Kafka's, in epoch seconds."""
        told = WorkerHeaders.read(headers)
        fields = fields_of(value)
        return cls(
            topic=topic,
            partition=partition,
            offset=offset,
            reason=told.reason if isinstance(told.reason, DeadReason) else None,
            attempts=told.attempts or 0,
            status=told.status,
            error=told.error,
            event_id=event_id_of(fields),
            click_id=_text_under(_CLICK_ID, fields.get("click_id")),
            origin=told.origin,
            first_attempt_at=_moment(told.first_attempt_at),
            dead_at=_moment(timestamp or None if told.dead_at is None else told.dead_at),
            replays=told.replays or 0,
            key=key,
            value=value,
            headers=tuple(headers),
        )

    def to_json(self) -> str:
        """Write it as one line of JSON, every field present."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> DeadLetter:
        """Read what `to_json` wrote, with the record's bytes as they were; else ValidationError."""
        return cls.model_validate_json(text)


def fields_of(value: bytes | None) -> dict[str, Any]:
    """Read the value's fields, even of an invalid event: an operator wants to find it by its ids."""
    try:
        fields = from_json(value or b"", allow_inf_nan=False)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def event_id_of(fields: Mapping[str, Any]) -> str | None:
    """The event id among a value's fields; None if it is absent or of another form."""
    return _text_under(_EVENT_ID, fields.get("event_id"))


def _text_under(rule: TypeAdapter[str], value: object) -> str | None:
    try:
        return rule.validate_python(value, strict=True)
    except ValueError:
        return None


def _moment(epoch_s: float | None) -> datetime | None:
    """Return the moment to the millisecond; None for a time outside the calendar (Kafka takes any number)."""
    try:
        return None if epoch_s is None else datetime.fromisoformat(format_time(epoch_s))
    except (OverflowError, ValueError):
        return None
