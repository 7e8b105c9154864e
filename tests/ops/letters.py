"""Dead letters without a broker."""

from __future__ import annotations

import json

from schemas import DeadLetter, DeadReason, WorkerHeaders

NOW = 1_800_000_000.0


def letter(
    name: str,
    offset: int = 0,
    *,
    dead_at: float | None = NOW,
    status: int | None = 503,
    replays: int = 0,
    reason: DeadReason = DeadReason.EXHAUSTED,
    error: str | None = None,
    origin: str | None = None,
    **fields: str,
) -> DeadLetter:
    """The dead letter of the event `name`."""
    headers = WorkerHeaders(
        attempts=12,
        reason=reason,
        status=status,
        dead_at=dead_at,
        replays=replays or None,
        error=error,
        origin=origin,
    ).write()
    value = json.dumps({"event_id": name, "click_id": f"click-{name}", **fields}).encode()
    return DeadLetter.from_record("g.dlq", 0, offset, None, value, headers, 0.0)


STRANGE = DeadLetter.from_record("g.dlq", 0, 0, None, None, (), 0.0)
"""A record that tells nothing."""
