"""A pipeline, and the steps of a record through it."""

from __future__ import annotations

import json
from typing import Any

from schemas import WorkerHeaders
from tests.core.examples import NOW
from tests.core.templates.compiled import template
from worker.core.answer import Answer
from worker.core.classify import AnswerRules, classify
from worker.core.endings import Dead, Ending, RetryLater
from worker.core.record import Outgoing, Partition, Record
from worker.core.retry import RetryPolicy, Tier
from worker.core.templates import Postback
from worker.pipeline import Attempt, CompiledSettings, Pipeline

TIERS = (Tier("10s", 10), Tier("1m", 60), Tier("5m", 300))
PLAN = CompiledSettings(
    postback=Postback(
        template("https://partner.example/postback?click_id={click_id}"),
        template("https://partner.example/postback?measurement=1&event={event}&payout={payout}"),
    ),
    rules=AnswerRules(terminal=frozenset({410})),
    retry=RetryPolicy(TIERS, max_attempts=5, window=30 * 86400.0),
    tier_topics={tier: f"worker.retry.{tier.label}" for tier in TIERS},
    dlq_topic="worker.dlq",
    currencies=frozenset({"USD", "EUR", "KWD"}),
)
PIPELINE = Pipeline(PLAN)
CLICKED = "2026-01-01T00:00:00Z"
WINDOW_ENDS = NOW + 21 * 86400.0
STARTED = NOW + 0.25
"""An attempt starts a little after the record was taken, and ends at ENDED."""
ENDED = NOW + 0.75


def value_of(**fields: Any) -> bytes:
    """Return the value of an event of nine days ago, with these fields."""
    least = {"event_id": "e-1", "click_id": "c-1", "occurred_at": CLICKED}
    return json.dumps(least | fields).encode()


def attempt_of(record: Record, *, on_tier: bool = False, now: float = NOW) -> Attempt:
    """Prepare a record that is to be attempted."""
    attempt = PIPELINE.prepare(record, on_tier, now)
    assert isinstance(attempt, Attempt)
    return attempt


def dead_of(record: Record, *, on_tier: bool = False, now: float = NOW) -> Dead:
    """Prepare a record that is dead before it is attempted."""
    dead = PIPELINE.prepare(record, on_tier, now)
    assert isinstance(dead, Dead)
    return dead


def answered(attempt: Attempt, answer: Answer, *, later: float = 0.0) -> Ending:
    """Judge an attempt by its answer."""
    verdict = classify(answer, PLAN.rules, ENDED + later)
    return PIPELINE.judge(attempt, verdict, STARTED + later, ENDED + later)


def retry_of(attempt: Attempt, answer: Answer) -> RetryLater:
    """Judge an attempt that is to be made again."""
    retry = answered(attempt, answer)
    assert isinstance(retry, RetryLater)
    return retry


def hop(message: Outgoing, offset: int = 0) -> Record:
    """Return a published record as the next consumer reads it."""
    return Record(Partition(message.topic, 3), offset, message.key, message.value, message.headers, NOW)


def told(message: Outgoing) -> WorkerHeaders:
    """Read the worker headers of a published record."""
    return WorkerHeaders.read(message.headers)


# --- attempts ----------------------------------------------------------------------------------
