"""From an answer to a verdict: delivered, retry, rejected, or blocked before it was sent.

The rule: a success status is a delivery whatever its body holds, and every other status and every failure is
"not recorded", unless one of the operator's body rules says otherwise: RECORDED_BODY, TERMINAL_BODY, then
REJECT_BODY. They judge the bytes of the body that have come.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import NamedTuple

from schemas import RetryReason
from worker.core.admission.retry_after import parse_retry_after
from worker.core.answer import Answer, Failure, FailureKind, Response
from worker.core.body_pattern import BodyPattern

# Statuses that are about the destination, not this event: they shrink the limit and open the circuit.
PRESSURE_STATUSES = frozenset({408, 425, 429})
# Statuses whose Retry-After speaks for the whole destination.
RETRY_AFTER_STATUSES = frozenset({429, 503})
# Failures of the worker's configuration or machine: no request was made.
_OUR_OWN = frozenset({FailureKind.EGRESS, FailureKind.DESCRIPTORS})


class AnswerKind(Enum):
    """What happens next to the record."""

    DELIVERED = "delivered"
    RETRY = "retry"
    REJECTED = "rejected"
    BLOCKED = "blocked"


DELIVERED, BLOCKED = AnswerKind.DELIVERED, AnswerKind.BLOCKED
"""For the hot path: until Python 3.12, looking up a member by its class costs ten times as much."""


class AnswerVerdict(NamedTuple):
    """What an answer means. `label` is the `status` label of the attempts metric: the code or the kind."""

    kind: AnswerKind
    label: str
    reason: RetryReason | None = None
    status: int | None = None
    error: str = ""
    retry_after: float | None = None
    pressure: bool = False

    @property
    def too_many(self) -> bool:
        """Whether the destination said that it gets too many requests."""
        return self.status in RETRY_AFTER_STATUSES

    @property
    def is_shortage(self) -> bool:
        """Whether only this machine is short of something, for now."""
        return self.label == FailureKind.DESCRIPTORS

    @property
    def pause(self) -> float:
        """Seconds for which the destination asked to be left alone."""
        return (self.retry_after or 0.0) if self.too_many else 0.0


class BodyRules(NamedTuple):
    """The destination's rules for bodies, in the order in which they count."""

    recorded: BodyPattern | None = None
    """Delivered, whatever the status."""
    terminal: BodyPattern | None = None
    """Rejected, whatever the status."""
    reject: BodyPattern | None = None
    """Not recorded, though the status is a success."""


class AnswerRules(NamedTuple):
    """The destination's rules for answers; `bodies` is None if no body is looked at."""

    success: frozenset[int] = frozenset({200})
    terminal: frozenset[int] = frozenset()
    bodies: BodyRules | None = None

    @property
    def read_statuses(self) -> frozenset[int] | None:
        """The statuses whose bodies must be read; None for all."""
        if self.bodies is None:
            return frozenset()
        return self.success if self.bodies.recorded is None and self.bodies.terminal is None else None


def classify(answer: Answer, rules: AnswerRules, now: float) -> AnswerVerdict:
    """Judge an answer; `now` is for a Retry-After that is a date."""
    if isinstance(answer, Failure):
        return _failure(answer)
    if rules.bodies is not None:
        return _by_body(answer, rules, rules.bodies, now)
    return _delivered(answer.status) if answer.status in rules.success else _not_recorded(answer, rules, now)


def _by_body(answer: Response, rules: AnswerRules, bodies: BodyRules, now: float) -> AnswerVerdict:
    status, _, body = answer
    if bodies.recorded is not None and bodies.recorded.is_in(body):
        return _delivered(status)
    if bodies.terminal is not None and bodies.terminal.is_in(body):
        error = f"HTTP {status}, and its body matches TERMINAL_BODY"
        return AnswerVerdict(AnswerKind.REJECTED, str(status), RetryReason.REJECTED_BODY, status, error)
    if status not in rules.success:
        return _not_recorded(answer, rules, now)
    if bodies.reject is None or not bodies.reject.is_in(body):
        return _delivered(status)
    error = f"HTTP {status}, but its body matches REJECT_BODY"
    retry_after = parse_retry_after(answer.retry_after, now)
    return AnswerVerdict(AnswerKind.RETRY, str(status), RetryReason.REJECTED_BODY, status, error, retry_after)


@cache
def _delivered(status: int) -> AnswerVerdict:
    return AnswerVerdict(DELIVERED, str(status), status=status)


def _failure(answer: Failure) -> AnswerVerdict:
    if answer.kind in _OUR_OWN:
        return AnswerVerdict(BLOCKED, answer.kind, error=answer.error, pressure=True)
    return AnswerVerdict(
        AnswerKind.RETRY, answer.kind, RetryReason(answer.kind), error=answer.error, pressure=True
    )


def _not_recorded(answer: Response, rules: AnswerRules, now: float) -> AnswerVerdict:
    status = answer.status
    label = str(status)
    retry_after = parse_retry_after(answer.retry_after, now)
    if status in rules.terminal:
        return AnswerVerdict(
            AnswerKind.REJECTED, label, RetryReason.STATUS, status, f"HTTP {status} is configured as terminal"
        )
    pressure = status >= 500 or status in PRESSURE_STATUSES
    return AnswerVerdict(
        AnswerKind.RETRY, label, RetryReason.STATUS, status, f"HTTP {status}", retry_after, pressure
    )
