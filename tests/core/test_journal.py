"""A step says what became of a record, and no secret."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas import DeadReason, RetryReason, WorkerHeaders, decode
from schemas.journal import JournalStep, StepKind, read_step
from tests.runner.harness import DLQ, POSTBACK, SHORT, TIER_TOPICS, conversion
from worker.core.answer import Answer, Failure, FailureKind, HttpOrigin, Request, Response
from worker.core.classify import AnswerRules, classify
from worker.core.endings import Delivered, Ending
from worker.core.journal import MOST_STEP_BYTES, MOST_URL_CHARACTERS, DestinationJournal, step_of
from worker.core.masking import MASK, masked
from worker.core.record import Headers, Outgoing, Partition, Record
from worker.core.retry import RetryPolicy
from worker.core.trial import Trial
from worker.pipeline import Attempt, CompiledSettings, Pipeline

OK = Response(200)
NOW = 1_700_000_000.0
AT = Partition("conversions", 3)
TIER = Partition("worker.retry.10s", 0)
RULES = AnswerRules(terminal=frozenset({410}))
PIPELINE = Pipeline(
    CompiledSettings(POSTBACK, RULES, RetryPolicy(tuple(TIER_TOPICS), 3, 30 * 86400.0), TIER_TOPICS, DLQ)
)
JOURNALED = DestinationJournal("w.journal", "w-1", ("s3cret",))


def record(value: bytes | None, headers: Headers = (), at: Partition = AT) -> Record:
    """A record at offset 9."""
    return Record(at, 9, b"key", value, headers, NOW)


def ended(one: Record, answer: Answer, seconds: float = 0.25) -> tuple[Ending, Trial | None]:
    """What becomes of a record that gets this answer."""
    attempt = PIPELINE.prepare(one, one.at == TIER, NOW)
    if not isinstance(attempt, Attempt):
        return attempt, None
    ending = PIPELINE.judge(attempt, classify(answer, RULES, NOW), NOW - seconds, NOW)
    return ending, Trial(attempt.event, attempt.request, seconds, answer)


def outgoing(one: Record, answer: Answer = OK, journaled: DestinationJournal = JOURNALED) -> Outgoing:
    """The record of the journal for one that gets this answer."""
    ending, trial = ended(one, answer)
    return step_of(ending, trial, NOW, one.at == TIER, journaled)


def step(one: Record, answer: Answer = OK, journaled: DestinationJournal = JOURNALED) -> JournalStep:
    """The step of a record that gets this answer."""
    read = read_step(outgoing(one, answer, journaled).value)
    assert read is not None
    return read


def test_delivered() -> None:
    """A delivery has its attempt, its answer and its event, and stands in the partition of its origin."""
    value = conversion(1, event="purchase", payout="49.9", order_id="o-1")
    sent = outgoing(record(value))
    assert (sent.topic, sent.key, sent.headers, sent.partition) == ("w.journal", b"e-1", (), 3)
    assert read_step(sent.value) == JournalStep(
        at="2023-11-14T22:13:20.000Z",
        step=StepKind.DELIVERED,
        event_id="e-1",
        click_id="c-1",
        order_id="o-1",
        event="purchase",
        payout="49.90",
        currency="USD",
        attempt=1,
        status=200,
        ms=250,
        url="http://partner.example/postback?measurement=1&click_id=c-1&event=purchase&payout=49.90",
        origin="conversions/3/9",
        worker="w-1",
    )


def test_retry() -> None:
    """A retry says which tier it waits in, until when, and why, with the beginning of the refusal's body."""
    told = step(record(conversion(1)), Response(503, None, b" try \n again \xff"))
    assert (told.step, told.attempt, told.status, told.reason) == (StepKind.RETRY, 1, 503, "status")
    assert (told.tier, told.due_at) == ("10s", "2023-11-14T22:13:30.000Z")
    assert (told.error, told.body) == ("HTTP 503", "try   again \ufffd")
    assert told.event is told.payout is told.currency is None


def test_without_an_answer() -> None:
    """A failure has no status and no body."""
    told = step(record(conversion(1)), Failure(FailureKind.TIMEOUT, "no answer within 10 s"))
    assert (told.status, told.body, told.reason) == (None, None, "timeout")
    assert told.error == "no answer within 10 s"


def test_dead() -> None:
    """A dead letter says the reason, and after how many attempts."""
    headers = WorkerHeaders(attempts=2, origin="conversions/5/77", replays=1).write()
    told = step(record(conversion(1), headers, TIER), Response(500))
    assert (told.step, told.reason, told.attempt) == (StepKind.DEAD, "exhausted", 3)
    assert (told.origin, told.replays, told.due_at) == ("conversions/5/77", 1, None)
    assert outgoing(record(conversion(1), headers, TIER), Response(500)).partition == 5


def test_expired() -> None:
    """What expires between attempts has no request, but what is known of its event, and its attempts."""
    old = conversion(1, clicked_at="2023-01-01T00:00:00Z", order_id="o-1")
    told = step(record(old, WorkerHeaders(attempts=4, origin="conversions/5/77").write(), TIER))
    assert (told.reason, told.attempt, told.url, told.ms) == ("expired", 4, None, None)
    assert (told.event_id, told.order_id) == ("e-1", "o-1")


def test_invalid() -> None:
    """An invalid event stands under its event id, where that can be read, with what can be read of it."""
    sent = outgoing(record(conversion(1, payout="1,0")))
    told = read_step(sent.value)
    assert told is not None
    assert (sent.key, told.event_id, told.click_id, told.reason) == (b"e-1", "e-1", "c-1", "invalid")
    assert told.error is not None
    assert told.error.startswith("payout ")


def test_undecodable() -> None:
    """What can't be read stands under its origin."""
    sent = outgoing(record(b"\xff"))
    told = read_step(sent.value)
    assert told is not None
    assert (sent.key, told.event_id, told.click_id, told.reason) == (
        b"conversions/3/9",
        None,
        None,
        "undecodable",
    )


def test_replayed() -> None:
    """A replay says how often it was replayed."""
    assert step(record(conversion(1), [("postback-replays", b"2")])).replays == 2
    assert step(record(conversion(1), [("own", b"x")])).replays is None


def test_secrets() -> None:
    """A known secret is masked in the URL, in the error, and in the body, also where it is cut off."""
    echo = step(record(conversion(1, click_id="s3cret")), Response(500, None, b"x" * 508 + b"s3cret"))
    assert echo.url == f"http://partner.example/postback?click_id={MASK}"
    assert echo.body == "x" * 508 + MASK[:4]
    ending, trial = ended(record(conversion(1)), Response(500))
    assert not isinstance(ending, Delivered)
    told = read_step(step_of(ending._replace(error="no s3cret"), trial, NOW, False, JOURNALED).value)
    assert told is not None
    assert told.error == f"no {MASK}"
    assert masked("nothing", ()) == "nothing"


def test_without_bodies() -> None:
    """Where bodies are not wanted none is told."""
    told = step(record(conversion(1)), Response(500, None, b"no"), JOURNALED._replace(bodies=False))
    assert told.body is None
    assert step(record(conversion(1)), Response(500, None, b" \n")).body is None


def test_bounded() -> None:
    """The largest step fits in its bound."""
    click = "\u2028" * 512
    event = {"event_id": '"' * 128, "click_id": click, "event": "\u2028" * 64, "order_id": '"' * 128}
    one = record(conversion(1, **event, payout="1.00"))
    ending, trial = ended(one, Response(500, None, b"\xff" * 4096))
    assert trial is not None
    assert not isinstance(ending, Delivered)
    long = trial._replace(request=Request(HttpOrigin("https", "p", 443), "/" + '"' * 10_000))
    sent = step_of(ending._replace(error='"' * 600), long, NOW, False, JOURNALED).value
    assert sent is not None
    assert len(sent) <= MOST_STEP_BYTES
    told = read_step(sent)
    assert told is not None
    assert told.url is not None
    assert len(told.url) == MOST_URL_CHARACTERS


@given(
    fields=st.fixed_dictionaries(
        {"event": st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)},
        optional={
            "event_id": st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=128),
            "click_id": st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40),
            "order_id": st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=20),
        },
    ),
    body=st.binary(max_size=40),
    status=st.sampled_from([200, 204, 410, 429, 500]),
)
def test_reads_back(fields: dict[str, Any], body: bytes, status: int) -> None:
    """Whatever an event and an answer hold, the step is JSON that says the same of them."""
    value = conversion(1, payout="1.00", **fields)
    event = decode(value, now=math.inf)
    told = step(record(value), Response(status, None, body), JOURNALED._replace(secrets=()))
    assert (told.event_id, told.click_id, told.order_id, told.event) == (
        event.event_id,
        event.click_id,
        event.order_id,
        event.event,
    )
    assert told.status == status


def test_contract() -> None:
    """A step has no field that the contract does not name, and reasons are those of the headers."""
    told = set(JournalStep.model_fields)
    for answer in (Response(200), Response(500, None, b"no"), Response(410)):
        value = outgoing(record(conversion(1, event="e", payout="1.00", order_id="o")), answer).value
        assert json.loads(value or b"").keys() <= told
    assert {"status", "exhausted"} <= {*RetryReason, *DeadReason}
    assert SHORT.label == "10s"
