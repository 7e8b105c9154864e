"""One record, start to ending: every hop's headers, every reason, both URLs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import DeadReason, RetryReason, WorkerHeaders, decode
from tests.core.examples import NOW, WORKER_HEADERS, make_record
from worker.core.answer import Answer, Failure, FailureKind, Response
from worker.core.classify import Kind, Rules, Verdict, classify
from worker.core.endings import Dead, Delivered, Retry
from worker.core.record import Header, Headers, Outgoing, Partition, Record
from worker.core.retry import RetryPolicy, Tier
from worker.core.url_template import Postback, Template
from worker.pipeline import Attempt, Ending, Pipeline, Plan

TIERS = (Tier("10s", 10), Tier("1m", 60), Tier("5m", 300))
PLAN = Plan(
    postback=Postback(
        Template.compile("https://partner.example/postback?click_id={click_id}"),
        Template.compile("https://partner.example/postback?measurement=1&event={event}&payout={payout}"),
    ),
    rules=Rules(terminal=frozenset({410})),
    retry=RetryPolicy(TIERS, max_attempts=5, window=30 * 86400.0),
    tier_topics={tier: f"worker.retry.{tier.label}" for tier in TIERS},
    dlq_topic="worker.dlq",
)
PIPELINE = Pipeline(PLAN)
CLICKED = "2026-01-01T00:00:00Z"
WINDOW_ENDS = NOW + 21 * 86400.0
STARTED = NOW + 0.25
"""An attempt starts a little after the record was taken, and ends at ENDED."""
ENDED = NOW + 0.75

OWN: list[Header] = [
    ("traceparent", b"00-1"),
    ("x", b"\xff\x00"),
    ("x", b"2"),
    ("empty", b""),
    ("none", None),
    ("Postback-Attempts", b"9"),
]


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


def retry_of(attempt: Attempt, answer: Answer) -> Retry:
    """Judge an attempt that is to be made again."""
    retry = answered(attempt, answer)
    assert isinstance(retry, Retry)
    return retry


def hop(message: Outgoing, offset: int = 0) -> Record:
    """Return a published record as the next consumer reads it."""
    return Record(Partition(message.topic, 3), offset, message.key, message.value, message.headers, NOW)


def told(message: Outgoing) -> WorkerHeaders:
    """Read the worker headers of a published record."""
    return WorkerHeaders.read(message.headers)


# --- attempts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "target"),
    [
        ({}, "/postback?click_id=c-1"),
        ({"event": None, "payout": None, "order_id": "5"}, "/postback?click_id=c-1"),
        ({"event": "sale", "payout": "5"}, "/postback?measurement=1&event=sale&payout=5.00"),
        ({"event": "sale", "payout": 1e2}, "/postback?measurement=1&event=sale&payout=100.00"),
        ({"event": "lead", "payout": 0}, "/postback?measurement=1&event=lead&payout=0.00"),
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
        assert isinstance(ending, Retry | Dead)
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


def test_exhausted() -> None:
    """After the last attempt the event is dead, with the last error and status."""
    record = make_record(value_of(), [("postback-attempts", b"4")], at=Partition("worker.retry.5m", 0))
    dead = answered(attempt_of(record, on_tier=True), Response(502))
    assert isinstance(dead, Dead)
    assert (dead.reason, dead.attempts, dead.event_id) == (DeadReason.EXHAUSTED, 5, "e-1")
    headers = told(dead.message)
    assert (headers.reason, headers.status, headers.dead_at) == (DeadReason.EXHAUSTED, 502, ENDED)
    assert headers.error == dead.error == "all attempts used up, 5; the last: HTTP 502"
    assert headers.due_at is None


def test_rejected() -> None:
    """A terminal status kills at the first attempt."""
    dead = answered(attempt_of(make_record(value_of())), Response(410))
    assert isinstance(dead, Dead)
    assert (dead.message.topic, dead.reason, dead.attempts) == ("worker.dlq", DeadReason.REJECTED, 1)
    headers = told(dead.message)
    assert (headers.status, headers.first_attempt_at) == (410, STARTED)
    assert headers.error == "HTTP 410 is configured as terminal"


UNDECODABLE = {"tombstone": None, "not JSON": b"{", "not UTF-8": b'{"event_id": "\xff"}', "empty": b""}


@pytest.mark.parametrize("value", UNDECODABLE.values(), ids=[*UNDECODABLE])
def test_undecodable(value: bytes | None) -> None:
    """A value that no parser reads is dead before an attempt, its bytes and headers kept."""
    dead = dead_of(make_record(value, OWN))
    assert (dead.reason, dead.attempts, dead.event_id) == (DeadReason.UNDECODABLE, 0, None)
    assert (dead.message.topic, dead.message.key, dead.message.value) == ("worker.dlq", b"k", value)
    assert list(dead.message.headers[: len(OWN)]) == OWN
    headers = told(dead.message)
    assert (headers.origin, headers.dead_at) == ("conversions/3/7", NOW)
    assert (headers.first_attempt_at, headers.status) == (None, None)


@pytest.mark.parametrize(
    ("value", "event_id", "says"),
    [
        (b"[]", None, "JSON object"),
        (value_of(click_id=""), None, "click_id"),
        (value_of(occurred_at="2026-01-11T00:00:01Z"), None, "24 h"),
        (value_of(event="sale"), "e-1", "{payout}"),
        (value_of(payout="5"), "e-1", "{event}"),
    ],
)
def test_invalid(value: bytes, event_id: str | None, says: str) -> None:
    """JSON that is no event, or has no value for its URL, is dead before an attempt, and says why."""
    dead = dead_of(make_record(value))
    assert (dead.reason, dead.event_id) == (DeadReason.INVALID, event_id)
    assert says in dead.error
    assert told(dead.message).error == dead.error


def test_a_tier_is_validated_again() -> None:
    """A tier's topic is open to others: what is no event there is dead too, with the history of its hops."""
    headers: Headers = [
        ("postback-attempts", b"2"),
        ("postback-status", b"503"),
        ("postback-error", b"HTTP 503"),
        ("postback-origin", b"conversions/0/1"),
    ]
    dead = dead_of(make_record(b"[]", headers), on_tier=True)
    read = told(dead.message)
    assert (dead.reason, read.attempts, read.status, read.origin) == ("invalid", 2, 503, "conversions/0/1")
    assert read.error == dead.error


@pytest.mark.parametrize(
    ("now", "fields"),
    [
        (WINDOW_ENDS, {}),
        (WINDOW_ENDS + 5.0, {"clicked_at": "2026-01-01T00:00:06Z"}),
        (WINDOW_ENDS - 5.0, {"clicked_at": "2025-12-31T23:59:55Z"}),
    ],
)
def test_the_window_is_open_to_its_end(now: float, fields: dict[str, Any]) -> None:
    """Until the window from the click has passed an event is attempted."""
    attempt_of(make_record(value_of(**fields)), now=now)


@pytest.mark.parametrize(
    ("now", "fields"),
    [(WINDOW_ENDS + 0.001, {}), (WINDOW_ENDS - 4.0, {"clicked_at": "2025-12-31T23:59:55Z"})],
)
def test_expired(now: float, fields: dict[str, Any]) -> None:
    """After the window, from the click where that is known, an event is dead and not attempted."""
    dead = dead_of(make_record(value_of(**fields)), now=now)
    assert (dead.reason, dead.attempts, dead.event_id) == (DeadReason.EXPIRED, 0, "e-1")
    assert dead.error == "the window of 30 days from the click has closed"
    assert told(dead.message).dead_at == pytest.approx(now, abs=0.001)


def test_expired_on_a_tier() -> None:
    """An event that expires between attempts keeps what is known of them."""
    retry = retry_of(attempt_of(make_record(value_of())), Response(503))
    dead = dead_of(hop(retry.message), on_tier=True, now=WINDOW_ENDS + 1.0)
    headers = told(dead.message)
    assert dead.error == "the window of 30 days from the click has closed; the last attempt: HTTP 503"
    assert (headers.attempts, headers.status, headers.first_attempt_at) == (1, 503, STARTED)
    assert headers.origin == "conversions/3/7"


# --- anything ----------------------------------------------------------------------------------

values = st.one_of(
    st.none(),
    st.binary(max_size=30),
    st.builds(
        value_of,
        event=st.none() | st.text(max_size=3),
        payout=st.none() | st.sampled_from(["5", "5.00", "-1", 7, 1e2, 0.001]),
        occurred_at=st.sampled_from([CLICKED, "2025-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "x"]),
    ),
)
header_names = st.sampled_from(["x", "postback-x", *WORKER_HEADERS])
header_values = st.none() | st.binary(max_size=5) | st.integers(0, 99).map(lambda n: str(n).encode())
answers = st.one_of(
    st.builds(Response, st.integers(100, 599), st.none() | st.sampled_from(["5", "100", "soon"])),
    st.builds(Failure, st.sampled_from([*FailureKind][:4]), st.text(max_size=600)),
)


@given(
    values,
    st.lists(st.tuples(header_names, header_values), max_size=6),
    st.none() | st.binary(max_size=4),
    st.booleans(),
    answers,
)
def test_any_record(
    value: bytes | None, headers: list[Header], key: bytes | None, on_tier: bool, answer: Answer
) -> None:
    """Every record has one ending; what is published for it is the record with readable worker headers."""
    record = Record(Partition("t", 0), 1, key, value, headers, NOW)
    step = PIPELINE.prepare(record, on_tier, NOW)
    ending = answered(step, answer) if isinstance(step, Attempt) else step
    if isinstance(ending, Delivered):
        assert isinstance(answer, Response)
        assert answer.status == 200
        return
    assert (ending.message.key, ending.message.value) == (key, value)
    own = [header for header in headers if header[0] in {"x", "postback-x"}]
    assert list(ending.message.headers[: len(own)]) == own
    read = told(ending.message)
    added = [name for name, _ in ending.message.headers[len(own) :]]
    assert sorted(set(added), key=WORKER_HEADERS.index) == added
    assert (read.attempts or 0, read.reason) == (ending.attempts, ending.reason)
    assert (read.due_at is None, read.dead_at is None) == (
        isinstance(ending, Dead),
        isinstance(ending, Retry),
    )
    if ending.event_id is not None:
        assert decode(value, now=NOW).event_id == ending.event_id


def test_a_retry_needs_no_answer_text() -> None:
    """A verdict without words is a retry all the same, with an empty line as its error."""
    attempt = attempt_of(make_record(value_of()))
    verdict = Verdict(Kind.RETRY, "timeout", RetryReason.TIMEOUT)
    ending = PIPELINE.judge(attempt, verdict, STARTED, ENDED)
    assert isinstance(ending, Retry)
    assert told(ending.message).error == ""
