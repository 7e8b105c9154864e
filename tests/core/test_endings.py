"""Histories and hops: what headers are believed, and what passes on unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import WorkerHeaders
from tests.core.examples import make_record
from tests.schemas.header_samples import NAMES
from worker.core.endings import History, onward, read_history
from worker.core.record import Header, Outgoing, Partition, Record

TIER = Partition("postback-worker.retry.10s", 2)
ALL: list[Header] = [
    ("postback-attempts", b"3"),
    ("postback-due-at", b"2026-01-10T00:00:00.000Z"),
    ("postback-first-attempt-at", b"2026-01-09T00:00:00.500Z"),
    ("postback-origin", b"conversions/1/42"),
    ("postback-reason", b"status"),
    ("postback-status", b"503"),
    ("postback-error", b"HTTP 503"),
    ("postback-dead-at", b"2026-01-10T00:00:00.000Z"),
    ("postback-replays", b"2"),
]


def on_tier(*headers: Header) -> History:
    """Return the history of a tier's record with these headers."""
    return read_history(make_record(headers=headers, at=TIER, offset=9), on_tier=True)


def test_record_text() -> None:
    """A record's origin is its topic, partition and offset, as its partition's text and the offset."""
    record = make_record(at=TIER, offset=9)
    assert record.origin == "postback-worker.retry.10s/2/9"
    assert str(record.at) == "postback-worker.retry.10s/2"


def test_on_the_source_only_replays_count() -> None:
    """On the source every worker header is ignored but the number of replays."""
    record = make_record(headers=ALL, offset=7)
    assert read_history(record, on_tier=False) == History(0, None, "conversions/3/7", 2)


def test_a_tier_is_read() -> None:
    """On a tier the history goes on where the last hop left it."""
    first = 1_767_916_800.5
    assert on_tier(*ALL) == History(3, first, "conversions/1/42", 2, 503, "HTTP 503")


@pytest.mark.parametrize("on_tier", [False, True])
def test_a_record_without_headers(on_tier: bool) -> None:
    """Without headers a record is its own origin; on a tier one attempt was made."""
    record = make_record(offset=7)
    assert read_history(record, on_tier) == History(int(on_tier), None, "conversions/3/7", None)


@pytest.mark.parametrize("value", [None, b"", b"x", b"-1", b"0", b"\xff", b"1.5", b"1" * 40])
def test_broken_headers_of_a_tier(value: bytes | None) -> None:
    """What can't be read on a tier means one attempt, this record as the origin, and nothing else known."""
    headers = [(name, value) for name in NAMES if name != "postback-error"]
    assert on_tier(*headers) == History(1, None, "postback-worker.retry.10s/2/9", None)


def test_the_last_of_repeated_headers_counts() -> None:
    """Of worker headers that repeat the last counts, also where it can't be read."""
    assert on_tier(("postback-attempts", b"3"), ("postback-attempts", b"5")).attempts == 5
    assert on_tier(("postback-attempts", b"3"), ("postback-attempts", b"?")).attempts == 1


own_names = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["traceparent", "POSTBACK-ATTEMPTS", "postback-", "postback-attempts2", "postback-key"]),
)
any_values = st.none() | st.binary(max_size=8)
any_headers = st.lists(st.tuples(st.one_of(own_names, st.sampled_from(NAMES)), any_values), max_size=12)


@given(any_headers, any_values, any_values, st.booleans())
def test_any_headers(
    headers: list[Header], key: bytes | None, value: bytes | None, from_source: bool
) -> None:
    """Reading never fails, and the onward record has key, value and own headers as they came, in order."""
    record = Record(TIER, 9, key, value, headers, 0.0)
    history = read_history(record, on_tier=not from_source)
    ours = WorkerHeaders(attempts=history.attempts, origin=history.origin)
    sent = onward(record, ours, "next")
    own = [header for header in headers if header[0] not in NAMES]
    assert sent == Outgoing("next", key, value, [*own, *ours.write()])
