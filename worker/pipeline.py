"""The steps of one record: read its history, validate it, make the request, judge the answer.

The rule: before the attempt, every record becomes either an attempt or a dead letter; after it, a delivery, a
retry or a dead letter. No I/O here; time is an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from schemas import BadRecord, ConversionEvent, DeadReason, WorkerHeaders, decode
from schemas.currency import USD
from schemas.dead_letter import event_id_of, fields_of
from worker.core.answer import Request
from worker.core.classify import DELIVERED, AnswerKind, AnswerRules, AnswerVerdict
from worker.core.currencies import foreign_currency
from worker.core.endings import (
    Dead,
    Delivered,
    Ending,
    History,
    RetryLater,
    onward,
    partition_of,
    read_history,
)
from worker.core.record import Record, make
from worker.core.retry import RetryPolicy, Tier
from worker.core.templates import CannotFill, Postback


class CompiledSettings(NamedTuple):
    """One destination's compiled settings: templates, rules, retries, their topics, currencies."""

    postback: Postback
    rules: AnswerRules
    retry: RetryPolicy
    tier_topics: dict[Tier, str]
    dlq_topic: str
    currencies: frozenset[str] = frozenset({USD})
    unrouted: Callable[[Record], bool] | None = None
    """Whether no destination wants a source record; None if that can't happen."""
    secrets: tuple[str, ...] = ()
    """Secrets to mask wherever parts of a request are written."""


class Attempt(NamedTuple):
    """A valid record that is due and within its window, with its request."""

    record: Record
    on_tier: bool
    event: ConversionEvent
    occurred_at: float
    """When the user converted, in epoch seconds."""
    request: Request


class Pipeline:
    """The steps of a record, for one destination's settings."""

    def __init__(self, compiled: CompiledSettings) -> None:
        self._compiled = compiled
        self._unrouted = compiled.unrouted

    def prepare(self, record: Record, on_tier: bool, now: float) -> Attempt | Dead:
        """Validate a due record (of a tier too, because others can write to its topic)."""
        if self._unrouted is not None and not on_tier and self._unrouted(record):
            return self._dead_unrouted(record, now)
        compiled = self._compiled
        try:
            event = decode(record.value, now=now, fields=record.fields)
        except BadRecord as error:
            reason = DeadReason(error.reason)
            return self._dead(record, read_history(record, on_tier), None, reason, str(error), now)
        fields = event.__dict__  # pydantic's attributes cost several times as much
        occurred_at, clicked_at = fields["occurred_at"].timestamp(), fields["clicked_at"]
        window_start = occurred_at if clicked_at is None else clicked_at.timestamp()
        if compiled.retry.expired(window_start, now):
            return self._expired(record, read_history(record, on_tier), event, now)
        if fields["currency"] not in compiled.currencies:
            foreign = foreign_currency(event, compiled.currencies)
            if foreign is not None:
                history = read_history(record, on_tier)
                return self._dead(record, history, event.event_id, DeadReason.INVALID, foreign, now)
        try:
            if compiled.postback.needs_attempt:
                number = read_history(record, on_tier).attempts + 1
                request = compiled.postback.request_of(event, number, now)
            else:
                request = compiled.postback.request(event)
            return make(Attempt, (record, on_tier, event, occurred_at, request))
        except CannotFill as error:
            history = read_history(record, on_tier)
            return self._dead(record, history, event.event_id, DeadReason.INVALID, str(error), now)

    def cancelled(self, record: Record, on_tier: bool, why: str, now: float) -> Dead:
        """End a record because of an order, whatever it holds; `why` describes the order."""
        history, event_id = read_history(record, on_tier), event_id_of(fields_of(record.value))
        return self._dead(record, history, event_id, DeadReason.CANCELLED, why, now)

    def judge(self, attempt: Attempt, verdict: AnswerVerdict, started: float, now: float) -> Ending:
        """Decide what becomes of a record after an attempt that counts; times in epoch seconds."""
        record, on_tier, event, occurred_at, _ = attempt
        if verdict.kind is DELIVERED:
            attempts = 1 + read_history(record, on_tier).attempts if on_tier else 1
            delay = now - occurred_at
            if delay < 0:
                delay = 0.0
            event_id = event.__dict__["event_id"]  # as in `prepare`
            return make(Delivered, (record, event_id, attempts, verdict.status or 0, delay))
        history = read_history(record, on_tier)
        attempts = history.attempts + 1
        made = history._replace(
            attempts=attempts,
            first_attempt_at=history.first_attempt_at or started,
            status=verdict.status,
            error=verdict.error,
        )
        if verdict.kind is AnswerKind.REJECTED:
            return self._dead(record, made, event.event_id, DeadReason.REJECTED, verdict.error, now)
        tier = self._compiled.retry.next_tier(attempts, verdict.retry_after)
        if tier is None:
            error = f"all attempts used up, {attempts}; the last: {verdict.error}"
            return self._dead(record, made, event.event_id, DeadReason.EXHAUSTED, error, now)
        return self._retry(attempt, made, verdict, tier, now)

    def _retry(
        self, attempt: Attempt, made: History, verdict: AnswerVerdict, tier: Tier, now: float
    ) -> RetryLater:
        if verdict.reason is None:
            raise ValueError(f"a retry without a reason: {verdict.kind}")
        headers = WorkerHeaders(
            attempts=made.attempts,
            due_at=now + tier.seconds,
            first_attempt_at=made.first_attempt_at,
            origin=made.origin,
            reason=verdict.reason,
            status=verdict.status,
            error=verdict.error,
            replays=made.replays,
        )
        # The same number as the journal's partition, so that one worker knows all steps of a conversion.
        number = partition_of(made.origin)
        message = onward(attempt.record, headers, self._compiled.tier_topics[tier], number)
        event_id = attempt.event.event_id
        return RetryLater(
            attempt.record, event_id, made.attempts, tier, verdict.reason, verdict.error, message
        )

    def _dead_unrouted(self, record: Record, now: float) -> Dead:
        error = "no destination's WHEN fits it, and there is no fallback"
        event_id = event_id_of(fields_of(record.value))
        history = read_history(record, on_tier=False)
        return self._dead(record, history, event_id, DeadReason.UNROUTED, error, now)

    def _expired(self, record: Record, history: History, event: ConversionEvent, now: float) -> Dead:
        error = f"the window of {_spoken(self._compiled.retry.window)} from the click has closed"
        if history.error:
            error += f"; the last attempt: {history.error}"
        return self._dead(record, history, event.event_id, DeadReason.EXPIRED, error, now)

    def _dead(
        self,
        record: Record,
        history: History,
        event_id: str | None,
        reason: DeadReason,
        error: str,
        now: float,
    ) -> Dead:
        headers = WorkerHeaders(
            attempts=history.attempts,
            first_attempt_at=history.first_attempt_at,
            origin=history.origin,
            reason=reason,
            status=history.status,
            error=error,
            dead_at=now,
            replays=history.replays,
        )
        message = onward(record, headers, self._compiled.dlq_topic)
        return Dead(record, event_id, history.attempts, reason, error, message)


def _spoken(seconds: float) -> str:
    """A duration in the largest unit that divides it: `30 days`, `36 hours`, `0.5 seconds`."""
    units = (("day", 86_400), ("hour", 3_600), ("minute", 60))
    name, size = next((unit for unit in units if seconds >= unit[1] and not seconds % unit[1]), ("second", 1))
    return f"{seconds / size:g} {name}{'s' * (seconds != size)}"
