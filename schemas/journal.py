"""A step in the life of a conversion, as it stands on the topic `{group}.journal`.

The rule: each field says one thing, and is left out if it has nothing to say. Readers ignore unknown fields,
so that the contract can grow. No field holds a secret.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, ValidationError


class StepKind(StrEnum):
    """What became of a record."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """It waits in a delay tier until `due_at`."""
    DEAD = "dead"
    DUPLICATE = "duplicate"
    CANCELLED = "cancelled"


class JournalStep(BaseModel):
    """One step; times are RFC 3339 UTC with milliseconds. None is a field that the step leaves out."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True)

    at: str
    step: StepKind
    event_id: str | None = None
    click_id: str | None = None
    order_id: str | None = None
    event: str | None = None
    payout: str | None = None
    currency: str | None = None
    attempt: int | None = None
    """Attempts made so far, this one included."""
    status: int | None = None
    reason: str | None = None
    error: str | None = None
    ms: int | None = None
    """How long the request took, in milliseconds."""
    url: str | None = None
    body: str | None = None
    """The first 512 characters of a refusal's body."""
    due_at: str | None = None
    tier: str | None = None
    origin: str
    """`topic/partition/offset` of the source record."""
    replays: int | None = None
    worker: str | None = None

    def to_json(self) -> bytes:
        """Write it as the worker does, without the fields that are None."""
        return self.model_dump_json(exclude_none=True).encode()


def read_step(value: bytes | None) -> JournalStep | None:
    """Read a record of the journal; None if it is no step. Never raises."""
    try:
        return JournalStep.model_validate_json(value or b"")
    except ValidationError:
        return None
