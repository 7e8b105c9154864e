"""Dead letters as they are shown and exported: nothing of the record is lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import DeadLetter, RetryReason, WorkerHeaders
from schemas.headers import Header
from tests.schemas.header_samples import EXHAUSTED

HEADERS: list[Header] = [
    ("trace", b"\xff"),
    *EXHAUSTED.write(),
    ("trace", None),
]


def letter(
    value: bytes | None,
    headers: list[Header] = HEADERS,
    *,
    key: bytes | None = b"c-1",
    timestamp: float = 0.0,
) -> DeadLetter:
    """Build a dead letter that stands at one fixed place."""
    return DeadLetter.from_record("postback-worker.dlq", 3, 7, key, value, headers, timestamp)


def test_what_is_told() -> None:
    """A dead letter says where it stands, why it ended, what was tried, and whose conversion it is."""
    dead = letter(b'{"event_id":"e-1","click_id":"c-1"}')
    assert json.loads(dead.to_json()) == {
        "topic": "postback-worker.dlq",
        "partition": 3,
        "offset": 7,
        "reason": "exhausted",
        "attempts": 12,
        "status": 503,
        "error": "the partner answered 503",
        "event_id": "e-1",
        "click_id": "c-1",
        "origin": "conversions/0/42",
        "first_attempt_at": "2026-01-02T03:04:00.000Z",
        "dead_at": "2026-01-02T03:04:05.678Z",
        "replays": 1,
        "key": "c-1",
        "value": '{"event_id":"e-1","click_id":"c-1"}',
        "headers": [
            ["trace", {"base64": "/w=="}],
            ["postback-attempts", "12"],
            ["postback-first-attempt-at", "2026-01-02T03:04:00.000Z"],
            ["postback-origin", "conversions/0/42"],
            ["postback-reason", "exhausted"],
            ["postback-status", "503"],
            ["postback-error", "the partner answered 503"],
            ["postback-dead-at", "2026-01-02T03:04:05.678Z"],
            ["postback-replays", "1"],
            ["trace", None],
        ],
    }


def test_a_record_that_says_nothing() -> None:
    """A record without headers, key or value is a dead letter too."""
    dead = letter(None, [], key=None)
    assert (dead.reason, dead.attempts, dead.replays, dead.dead_at) == (None, 0, 0, None)
    assert DeadLetter.from_json(dead.to_json()) == dead


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (b'{"event_id":"e-1","click_id":"c-1","payout":-1}', ("e-1", "c-1")),
        (b'{"event_id":"e-1"}', ("e-1", None)),
        (b'{"event_id":5,"click_id":"a\\u0000"}', (None, None)),
        (b'["e-1"]', (None, None)),
        (b"{", (None, None)),
        (b"\xff", (None, None)),
        (b"", (None, None)),
        (None, (None, None)),
    ],
)
def test_ids(value: bytes | None, ids: tuple[str | None, str | None]) -> None:
    """The ids are shown wherever the value has them, also where it is no valid event."""
    dead = letter(value)
    assert (dead.event_id, dead.click_id) == ids


def test_a_retry_reason_is_no_ending() -> None:
    """A retry reason on a dead letter is broken, and so counts as absent."""
    assert letter(None, WorkerHeaders(reason=RetryReason.TLS).write()).reason is None


@pytest.mark.parametrize(
    ("timestamp", "dead_at"),
    [
        (1767323045.678, datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)),
        (0.0, None),
        (1e15, None),
        (-1e15, None),
        (float("nan"), None),
    ],
)
def test_without_a_time_kafkas_counts(timestamp: float, dead_at: datetime | None) -> None:
    """Where no header says when it died, the record's own timestamp does, if a calendar has it."""
    assert letter(None, [], timestamp=timestamp).dead_at == dead_at


payloads = st.none() | st.binary() | st.text(st.characters(exclude_categories=["Cs"])).map(str.encode)
names = st.text(st.characters(exclude_categories=["Cs"]))


@given(payloads, payloads, st.lists(st.tuples(names, payloads)), st.floats())
def test_nothing_is_lost(
    key: bytes | None, value: bytes | None, headers: list[Header], timestamp: float
) -> None:
    """Key, value and headers come back from JSON as the very bytes that they were, whatever they are."""
    dead = letter(value, headers, key=key, timestamp=timestamp)
    text = dead.to_json()
    again = DeadLetter.from_json(text)
    assert "\n" not in text
    assert again == dead
    assert (again.key, again.value, list(again.headers)) == (key, value, headers)


@pytest.mark.parametrize(
    "value", ['{"base64":"*"}', '{"base64":1}', '{"base64":"","x":""}', '{"hex":""}', "{}", "5", "[]", "true"]
)
def test_foreign_payloads(value: str) -> None:
    """Bytes in JSON have one of the two forms, and nothing else."""
    text = letter(None, []).to_json().replace('"value":null', f'"value":{value}')
    with pytest.raises(ValidationError):
        DeadLetter.from_json(text)
