"""Verdicts: what each answer means for the event, and for the destination."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import RetryReason
from worker.core.answer import Failure, FailureKind, Response
from worker.core.body_pattern import BodyPattern
from worker.core.classify import AnswerKind, AnswerRules, AnswerVerdict, BodyRules, classify

NOW = 1_767_323_045.0  # 2026-01-02T03:04:05Z
RULES = AnswerRules()
LONG_STATUSES = st.integers(100, 999)


def judged(
    status: int, rules: AnswerRules = RULES, retry_after: str | None = None, body: bytes = b""
) -> AnswerVerdict:
    """Return the verdict on a response."""
    return classify(Response(status, retry_after, body), rules, NOW)


@pytest.mark.parametrize(
    ("status", "kind", "pressure"),
    [
        (200, AnswerKind.DELIVERED, False),
        (201, AnswerKind.RETRY, False),
        (204, AnswerKind.RETRY, False),
        (301, AnswerKind.RETRY, False),
        (302, AnswerKind.RETRY, False),
        (400, AnswerKind.RETRY, False),
        (401, AnswerKind.RETRY, False),
        (403, AnswerKind.RETRY, False),
        (404, AnswerKind.RETRY, False),
        (408, AnswerKind.RETRY, True),
        (410, AnswerKind.RETRY, False),
        (418, AnswerKind.RETRY, False),
        (422, AnswerKind.RETRY, False),
        (425, AnswerKind.RETRY, True),
        (429, AnswerKind.RETRY, True),
        (499, AnswerKind.RETRY, False),
        (500, AnswerKind.RETRY, True),
        (502, AnswerKind.RETRY, True),
        (503, AnswerKind.RETRY, True),
        (504, AnswerKind.RETRY, True),
        (599, AnswerKind.RETRY, True),
    ],
)
def test_statuses(status: int, kind: AnswerKind, pressure: bool) -> None:
    """200 is recorded and any other status is not; 408, 425, 429 and 5xx speak of the destination."""
    verdict = judged(status)
    assert (verdict.kind, verdict.pressure) == (kind, pressure)
    assert (verdict.label, verdict.status) == (str(status), status)


@given(LONG_STATUSES)
def test_every_status_has_a_verdict(status: int) -> None:
    """Every status but a success is tried again, with a reason and a line that names it."""
    verdict = judged(status)
    if status == 200:
        assert (verdict.kind, verdict.reason, verdict.error) == (AnswerKind.DELIVERED, None, "")
    else:
        told = (verdict.kind, verdict.reason, verdict.error)
        assert told == (AnswerKind.RETRY, RetryReason.STATUS, f"HTTP {status}")


@given(LONG_STATUSES, st.frozensets(LONG_STATUSES), st.frozensets(LONG_STATUSES))
def test_configured_statuses(status: int, success: frozenset[int], terminal: frozenset[int]) -> None:
    """A success status delivers, a terminal one rejects without pressure, the rest is tried again."""
    verdict = judged(status, AnswerRules(success, terminal))
    if status in success:
        assert verdict.kind is AnswerKind.DELIVERED
    elif status in terminal:
        assert (verdict.kind, verdict.pressure) == (AnswerKind.REJECTED, False)
        assert verdict.error == f"HTTP {status} is configured as terminal"
    else:
        assert verdict.kind is AnswerKind.RETRY


@pytest.mark.parametrize("body", [b"", b"error: invalid", b"\xff\x00" * 2048])
def test_a_body_changes_nothing(body: bytes) -> None:
    """A 200 is a delivery whatever its body holds."""
    assert judged(200, body=body).kind is AnswerKind.DELIVERED


REJECTING = AnswerRules(
    frozenset({200, 204}), frozenset({410}), BodyRules(reject=BodyPattern("(?i)invalid click"))
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (200, b"... Invalid click ...", AnswerKind.RETRY, RetryReason.REJECTED_BODY),
        (204, b"invalid click", AnswerKind.RETRY, RetryReason.REJECTED_BODY),
        (200, b"OK", AnswerKind.DELIVERED, None),
        (500, b"invalid click", AnswerKind.RETRY, RetryReason.STATUS),
        (410, b"invalid click", AnswerKind.REJECTED, RetryReason.STATUS),
    ],
)
def test_reject_body(status: int, body: bytes, kind: AnswerKind, reason: RetryReason | None) -> None:
    """A success whose body matches REJECT_BODY is tried again under its own word; the rest stays."""
    verdict = judged(status, REJECTING, body=body)
    assert (verdict.kind, verdict.reason, verdict.status) == (kind, reason, status)


def test_a_rejected_body_is_no_pressure() -> None:
    """A rejected body speaks of the event: it is answered, says so, and does not shrink the limit."""
    verdict = judged(200, REJECTING, body=b"invalid click")
    assert not verdict.pressure
    assert verdict.error == "HTTP 200, but its body matches REJECT_BODY"


BODILY = AnswerRules(
    frozenset({200}),
    frozenset({410}),
    BodyRules(BodyPattern("twice|all"), BodyPattern("never|all"), BodyPattern("invalid|all")),
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (200, b"", AnswerKind.DELIVERED, None),
        (200, b"twice", AnswerKind.DELIVERED, None),
        (400, b"twice", AnswerKind.DELIVERED, None),
        (410, b"twice", AnswerKind.DELIVERED, None),
        (503, b"twice", AnswerKind.DELIVERED, None),
        (302, b"twice", AnswerKind.DELIVERED, None),
        (200, b"never", AnswerKind.REJECTED, RetryReason.REJECTED_BODY),
        (400, b"never", AnswerKind.REJECTED, RetryReason.REJECTED_BODY),
        (503, b"never", AnswerKind.REJECTED, RetryReason.REJECTED_BODY),
        (200, b"invalid", AnswerKind.RETRY, RetryReason.REJECTED_BODY),
        (400, b"invalid", AnswerKind.RETRY, RetryReason.STATUS),
        (410, b"invalid", AnswerKind.REJECTED, RetryReason.STATUS),
        (400, b"", AnswerKind.RETRY, RetryReason.STATUS),
        (200, b"all", AnswerKind.DELIVERED, None),
        (200, b"never, invalid", AnswerKind.REJECTED, RetryReason.REJECTED_BODY),
    ],
)
def test_body_rules(status: int, body: bytes, kind: AnswerKind, reason: RetryReason | None) -> None:
    """RECORDED_BODY and TERMINAL_BODY count whatever the status, REJECT_BODY of a success, in this order."""
    verdict = judged(status, BODILY, body=body)
    assert (verdict.kind, verdict.reason, verdict.status, verdict.label) == (
        kind,
        reason,
        status,
        str(status),
    )


@pytest.mark.parametrize("rule", ["recorded", "terminal", "reject"])
def test_one_body_rule_alone(rule: str) -> None:
    """A body rule that is not set matches nothing."""
    rules = AnswerRules(frozenset({200}), frozenset(), BodyRules(**{rule: BodyPattern("other")}))
    assert judged(200, rules, body=b"thanks").kind is AnswerKind.DELIVERED


@pytest.mark.parametrize("status", [200, 429, 500, 503])
@pytest.mark.parametrize("body", [b"twice", b"never"])
def test_an_ending_is_no_pressure(status: int, body: bytes) -> None:
    """What a body ends was answered by a partner that is up: it does not count for the circuit."""
    verdict = judged(status, BODILY, body=body, retry_after="60")
    assert (verdict.pressure, verdict.retry_after) == (False, None)
    assert verdict.error == ("" if body == b"twice" else f"HTTP {status}, and its body matches TERMINAL_BODY")


@pytest.mark.parametrize(
    ("bodies", "read"),
    [
        (None, frozenset()),
        (BodyRules(reject=BodyPattern("x")), frozenset({200, 204})),
        (BodyRules(recorded=BodyPattern("x"), reject=BodyPattern("x")), None),
        (BodyRules(terminal=BodyPattern("x")), None),
    ],
)
def test_whose_bodies_are_read(bodies: BodyRules | None, read: frozenset[int] | None) -> None:
    """A body is read only where a rule needs it: REJECT_BODY asks for those of successes alone."""
    assert AnswerRules(frozenset({200, 204}), frozenset(), bodies).read_statuses == read


OUR_OWN = (FailureKind.EGRESS, FailureKind.DESCRIPTORS)
RETRIED = [kind for kind in FailureKind if kind not in OUR_OWN]


@pytest.mark.parametrize("kind", RETRIED)
def test_failures(kind: FailureKind) -> None:
    """A failure is tried again under its own word, and speaks of the destination."""
    verdict = classify(Failure(kind, "no answer"), RULES, NOW)
    assert verdict == AnswerVerdict(
        AnswerKind.RETRY, kind.value, RetryReason(kind.value), None, "no answer", None, True
    )


def test_egress() -> None:
    """A forbidden address blocks: no attempt, no reason to retry, the destination's trouble."""
    verdict = classify(Failure(FailureKind.EGRESS, "loopback"), RULES, NOW)
    assert verdict == AnswerVerdict(AnswerKind.BLOCKED, "egress", None, None, "loopback", None, True)


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds", "pause"),
    [
        (429, "120", 120.0, 120.0),
        (503, "Fri, 02 Jan 2026 03:05:05 GMT", 60.0, 60.0),
        (500, "120", 120.0, 0.0),
        (400, "120", 120.0, 0.0),
        (429, None, None, 0.0),
        (503, "soon", None, 0.0),
        (200, "120", None, 0.0),
    ],
)
def test_retry_after(status: int, retry_after: str | None, seconds: float | None, pause: float) -> None:
    """Retry-After counts for the event on every retry; on 429 and 503 it holds the destination too."""
    verdict = judged(status, retry_after=retry_after)
    assert (verdict.retry_after, verdict.pause) == (seconds, pause)


def test_a_shortage() -> None:
    """Too few descriptors are blocked as well, and told apart: it is this machine's, for now."""
    verdict = classify(Failure(FailureKind.DESCRIPTORS, "too few"), RULES, NOW)
    assert (verdict.kind, verdict.is_shortage, verdict.error) == (AnswerKind.BLOCKED, True, "too few")
    assert not classify(Failure(FailureKind.EGRESS, "loopback"), RULES, NOW).is_shortage
