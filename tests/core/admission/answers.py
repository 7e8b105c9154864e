"""Answers of a partner, as the gate hears of them."""

from __future__ import annotations

from tests.core.examples import make_partition, pending_record
from worker.core.admission.circuit import CircuitPolicy
from worker.core.admission.gate import Gate
from worker.core.answer import Answer, Failure, FailureKind, Response
from worker.core.assigned_partition import PendingRecord
from worker.core.classify import AnswerRules, AnswerVerdict, classify

POLICY = CircuitPolicy(window=10.0, failure_share=0.5, min_failures=4, pause=1.0, pause_max=8.0)
RULES = AnswerRules(terminal=frozenset({410}))

ANSWERS: dict[str, Answer] = {
    "ok": Response(200),
    "bad event": Response(400),
    "terminal": Response(410),
    "down": Response(500),
    "too many": Response(429),
    "hold": Response(503, "3"),
    "hold for an hour": Response(503, "3600"),
    "timeout": Failure(FailureKind.TIMEOUT, "no answer"),
    "blocked": Failure(FailureKind.EGRESS, "loopback"),
}
VERDICTS: dict[str, AnswerVerdict] = {name: classify(answer, RULES, 0.0) for name, answer in ANSWERS.items()}


def some(number: int = 0) -> PendingRecord:
    """Return a record of a partition of its own."""
    return pending_record(make_partition(number), 7)


def answer(gate: Gate, name: str, now: float, times: int = 1) -> list[bool]:
    """Start so many requests and answer each at once; return whether they count."""
    counts = []
    for _ in range(times):
        gate.starting(now)
        counts.append(gate.ended(VERDICTS[name], some(), now, now, 0.0))
    return counts
