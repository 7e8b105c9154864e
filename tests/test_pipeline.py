"""One record, start to ending: every hop's headers, every reason, both URLs."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import RetryReason
from tests.core.examples import NOW, make_record
from tests.pipeline_steps import (
    ENDED,
    PIPELINE,
    PLAN,
    STARTED,
    TIERS,
    answered,
    attempt_of,
    hop,
    retry_of,
    told,
    value_of,
)
from worker.core.answer import Failure, FailureKind, Response
from worker.core.classify import classify
from worker.core.endings import Dead, Delivered, RetryLater
from worker.core.record import Header, Headers, Outgoing, Partition

OWN: list[Header] = [
    ("traceparent", b"00-1"),
    ("x", b"\xff\x00"),
    ("x", b"2"),
    ("empty", b""),
    ("none", None),
    ("Postback-Attempts", b"9"),
]


@pytest.mark.parametrize(
    ("fields", "target"),
    [
        ({}, "/postback?click_id=c-1"),
        ({"event": None, "payout": None, "order_id": "5"}, "/postback?click_id=c-1"),
        ({"event": "sale", "payout": "5"}, "/postback?measurement=1&event=sale&payout=5.00"),
        ({"event": "sale", "payout": 1e2}, "/postback?measurement=1&event=sale&payout=100.00"),
        ({"event": "lead", "payout": 0}, "/postback?measurement=1&event=lead&payout=0.00"),
        (
            {"event": "lead", "payout": "5.0", "currency": "EUR"},
            "/postback?measurement=1&event=lead&payout=5.00",
        ),
        (
            {"event": "lead", "payout": "5", "currency": "KWD"},
            "/postback?measurement=1&event=lead&payout=5.000",
        ),
    ],
)
def test_the_url_is_chosen_by_event_and_payout(fields: dict[str, Any], target: str) -> None:
    """With an event or a payout the event URL is due, with neither the simple one."""
    attempt = attempt_of(make_record(value_of(**fields)))
    assert attempt.request.url == f"https://partner.example{target}"


@pytest.mark.parametrize(("sent", "delay"), [(ENDED, 777_600.75), (NOW - 800_000, 0.0)])
def test_delivered(sent: float, delay: float) -> None:
    """A delivery says the event, its attempts, the status, and the seconds since it occurred, if any."""
    record = make_record(value_of())
    ending = PIPELINE.judge(attempt_of(record), classify(Response(200), PLAN.rules, sent), sent, sent)
    assert ending == Delivered(record, "e-1", 1, 200, delay)


# --- retries -----------------------------------------------------------------------------------


def test_first_retry() -> None:
    """A retry carries the record unchanged and what is known of its way."""
    record = make_record(value_of(), OWN, offset=7)
    retry = retry_of(attempt_of(record), Response(503))
    assert (retry.tier, retry.attempts, retry.reason, retry.event_id) == (TIERS[0], 1, "status", "e-1")
    assert (retry.record, retry.error) == (record, "HTTP 503")
    assert retry.message == Outgoing(
        "worker.retry.10s",
        b"k",
        record.value,
        [
            *OWN,
            ("postback-attempts", b"1"),
            ("postback-due-at", b"2026-01-10T00:00:10.750Z"),
            ("postback-first-attempt-at", b"2026-01-10T00:00:00.250Z"),
            ("postback-origin", b"conversions/3/7"),
            ("postback-reason", b"status"),
            ("postback-status", b"503"),
            ("postback-error", b"HTTP 503"),
        ],
        partition=3,
    )


@pytest.mark.parametrize("kind", [*FailureKind][:4])
def test_retry_after_a_failure(kind: FailureKind) -> None:
    """A failure without an answer has its own reason, and no status."""
    retry = retry_of(attempt_of(make_record(value_of())), Failure(kind, "no answer"))
    headers = told(retry.message)
    assert (headers.reason, headers.status, headers.error) == (RetryReason(kind.value), None, "no answer")


def test_the_whole_way() -> None:
    """Over all hops attempts rise; origin, first attempt and replays stay; worker headers never pile up."""
    forged: Headers = [("postback-replays", b"2"), ("postback-attempts", b"77")]
    record = make_record(value_of(), [*OWN, *forged], offset=7)
    topics, on_tier = [], False
    for attempts in range(1, 6):
        ending = answered(attempt_of(record, on_tier=on_tier), Response(500), later=attempts - 1.0)
        assert isinstance(ending, RetryLater | Dead)
        topics.append(ending.message.topic)
        headers = told(ending.message)
        assert headers.attempts == ending.attempts == attempts
        assert (headers.origin, headers.first_attempt_at, headers.replays) == ("conversions/3/7", STARTED, 2)
        names = [name for name, _ in ending.message.headers]
        assert len(names) == len(OWN) + len(headers.write())
        assert list(ending.message.headers[: len(OWN)]) == OWN
        assert (ending.message.key, ending.message.value) == (b"k", value_of())
        record, on_tier = hop(ending.message, offset=attempts), True
    labels = [topic.removeprefix("worker.") for topic in topics]
    assert labels == ["retry.10s", "retry.1m", "retry.5m", "retry.5m", "dlq"]


def test_retry_after_chooses_the_tier() -> None:
    """A Retry-After that is longer than the schedule moves the record to a longer tier, due when that is."""
    retry = retry_of(attempt_of(make_record(value_of())), Response(429, "61"))
    assert retry.message.topic == "worker.retry.5m"
    assert told(retry.message).due_at == ENDED + 300


def test_source_headers_are_not_believed() -> None:
    """On the source forged worker headers change nothing, and are replaced."""
    forged: Headers = [
        ("postback-attempts", b"5"),
        ("postback-first-attempt-at", b"2020-01-01T00:00:00Z"),
        ("postback-origin", b"elsewhere/1/1"),
        ("postback-dead-at", b"2020-01-01T00:00:00Z"),
    ]
    plain = retry_of(attempt_of(make_record(value_of())), Response(500))
    assert retry_of(attempt_of(make_record(value_of(), forged)), Response(500)).message == plain.message


def test_broken_headers_on_a_tier() -> None:
    """A tier's record with unreadable headers had one attempt, and is its own origin."""
    broken: Headers = [("postback-attempts", b"many"), ("postback-origin", None), ("postback-due-at", b"?")]
    record = make_record(value_of(), broken, at=Partition("worker.retry.10s", 0), offset=5)
    headers = told(retry_of(attempt_of(record, on_tier=True), Response(500)).message)
    assert (headers.attempts, headers.origin) == (2, "worker.retry.10s/0/5")
    assert headers.first_attempt_at == STARTED


def test_a_blocked_verdict_is_no_ending() -> None:
    """What was never sent is given back: to judge it as a retry is the caller's mistake."""
    with pytest.raises(ValueError, match="without a reason"):
        answered(attempt_of(make_record(value_of())), Failure(FailureKind.EGRESS, "loopback"))


# --- dead letters ------------------------------------------------------------------------------
