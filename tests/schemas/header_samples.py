"""The worker's headers, by name, and a sample of all that a dead letter has."""

from __future__ import annotations

from typing import Final

from schemas import DeadReason, WorkerHeaders

NAMES: Final = (
    "postback-attempts",
    "postback-due-at",
    "postback-first-attempt-at",
    "postback-origin",
    "postback-reason",
    "postback-status",
    "postback-error",
    "postback-dead-at",
    "postback-replays",
    "postback-for",
)
"""The names of the headers that are the worker's, in the order in which they are written."""

EXHAUSTED: Final = WorkerHeaders(
    attempts=12,
    first_attempt_at=1767323040.0,
    origin="conversions/0/42",
    reason=DeadReason.EXHAUSTED,
    status=503,
    error="the partner answered 503",
    dead_at=1767323045.678,
    replays=1,
)
"""A dead letter's headers: the partner never took it."""
