"""What the pipeline gives up, and why."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import DeadReason, RetryReason, decode
from tests.core.examples import NOW, make_record
from tests.pipeline_steps import (
    CLICKED,
    ENDED,
    PIPELINE,
    PLAN,
    STARTED,
    WINDOW_ENDS,
    answered,
    attempt_of,
    dead_of,
    hop,
    retry_of,
    told,
    value_of,
)
from tests.schemas.header_samples import NAMES
from tests.test_pipeline import OWN
from worker.core.answer import Answer, Failure, FailureKind, Response
from worker.core.body_pattern import BodyPattern
from worker.core.classify import AnswerKind, AnswerRules, AnswerVerdict, BodyRules, classify
from worker.core.endings import Dead, Delivered, RetryLater
from worker.core.record import Header, Headers, Partition, Record
from worker.pipeline import Attempt, Pipeline


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


@pytest.mark.parametrize(("told_id", "event_id"), [("e-1", "e-1"), ("e" * 129, None), ("", None), (7, None)])
def test_event_ids_of_what_is_not_validated(told_id: object, event_id: str | None) -> None:
    """What is cancelled or unrouted has the event id that its step has: none where it has another form."""
    record = make_record(value_of(event_id=told_id))
    unrouted = Pipeline(PLAN._replace(unrouted=lambda _: True)).prepare(record, on_tier=False, now=NOW)
    assert isinstance(unrouted, Dead)
    assert unrouted.event_id == event_id
    assert PIPELINE.cancelled(record, on_tier=False, why="an order", now=NOW).event_id == event_id


@pytest.mark.parametrize("status", [200, 400, 503])
def test_rejected_by_its_body(status: int) -> None:
    """A body that means never kills at the first attempt, whatever the status."""
    rules = AnswerRules(bodies=BodyRules(terminal=BodyPattern("no such click")))
    verdict = classify(Response(status, None, b"no such click"), rules, ENDED)
    dead = PIPELINE.judge(attempt_of(make_record(value_of())), verdict, STARTED, ENDED)
    assert isinstance(dead, Dead)
    assert (dead.message.topic, dead.reason, dead.attempts) == ("worker.dlq", DeadReason.REJECTED, 1)
    assert told(dead.message).status == status


def test_another_currency() -> None:
    """An event in a currency that the destination does not take is invalid for it, and never sent."""
    dead = dead_of(make_record(value_of(event="lead", payout="500", currency="JPY")))
    assert (dead.reason, dead.attempts, dead.event_id) == (DeadReason.INVALID, 0, "e-1")
    assert dead.error == "currency is JPY, and this destination is configured for EUR, KWD, USD alone"


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


@pytest.mark.parametrize(
    ("seconds", "spoken"),
    [
        (86_400.0, "1 day"),
        (129_600.0, "36 hours"),
        (7_200.0, "2 hours"),
        (90.0, "90 seconds"),
        (0.5, "0.5 seconds"),
    ],
)
def test_short_windows(seconds: float, spoken: str) -> None:
    """A window is told in the unit that divides it, not as a broken number of days."""
    short = Pipeline(PLAN._replace(retry=PLAN.retry._replace(window=seconds)))
    dead = short.prepare(make_record(value_of()), False, WINDOW_ENDS)
    assert isinstance(dead, Dead)
    assert dead.error == f"the window of {spoken} from the click has closed"


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
header_names = st.sampled_from(["x", "postback-x", *NAMES])
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
    assert sorted(set(added), key=NAMES.index) == added
    assert (read.attempts or 0, read.reason) == (ending.attempts, ending.reason)
    assert (read.due_at is None, read.dead_at is None) == (
        isinstance(ending, Dead),
        isinstance(ending, RetryLater),
    )
    if ending.event_id is not None:
        assert decode(value, now=NOW).event_id == ending.event_id


def test_a_retry_needs_no_answer_text() -> None:
    """A verdict without words is a retry all the same, with an empty line as its error."""
    attempt = attempt_of(make_record(value_of()))
    verdict = AnswerVerdict(AnswerKind.RETRY, "timeout", RetryReason.TIMEOUT)
    ending = PIPELINE.judge(attempt, verdict, STARTED, ENDED)
    assert isinstance(ending, RetryLater)
    assert told(ending.message).error == ""
