"""What records of tiers and dead letters tell."""

from __future__ import annotations

import pytest

from schemas import DeadReason, RetryReason, WorkerHeaders
from schemas.headers import DEAD_AT, DUE_AT, REASON, REPLAYS, STATUS
from worker.core.record import Headers, Partition, Record
from worker.core.undelivered import GroupKey, UndeliveredEntry, UndeliveredState
from worker.core.undelivered_reader import identity_of, read_letter, read_retry

VALUE = b'{"event_id": "e-1", "attributes": {"event_id": "e-2"}}'
ONE = identity_of(b"e-1")


def record(headers: Headers, value: bytes | None = VALUE) -> Record:
    """A record that was written at 100 s."""
    return Record(Partition("g.dlq", 0), 7, b"key", value, headers, 100.0)


def test_a_letter() -> None:
    """A dead letter tells why it died, when, of which conversion, and how often that was replayed."""
    told = WorkerHeaders(reason=DeadReason.REJECTED, status=404, error="HTTP 404", dead_at=90.0, replays=2)
    key = GroupKey(UndeliveredState.DEAD, "rejected", 404, "HTTP 404")
    assert read_letter(record(told.write())) == UndeliveredEntry(key, 90.0, None, ONE, 2)
    assert read_letter(record(told.write())).key is read_letter(record(told.write())).key


def test_a_retry() -> None:
    """A retry tells why it waits, and until when: no longer than its tier's delay after it was written."""
    told = WorkerHeaders(reason=RetryReason.TIMEOUT, due_at=105.0, error="no answer")
    key = GroupKey(UndeliveredState.WAITING, "timeout", None, "no answer")
    assert read_retry(record(told.write()), 10.0) == UndeliveredEntry(key, 100.0, 105.0, ONE)
    assert read_retry(record(told.write()), 2.0).due == 102.0
    assert read_retry(record([]), 10.0).due == 100.0


@pytest.mark.parametrize(
    "headers",
    [
        [(REASON, b"status"), (STATUS, b"abc"), (DEAD_AT, b"soon"), (REPLAYS, b"many")],
        [(REASON, None), (STATUS, None), (DEAD_AT, b"\xff"), (REPLAYS, None)],
        [(DUE_AT, b"x")],
    ],
)
def test_what_is_not_of_its_form(headers: Headers) -> None:
    """What is of another form, or a retry's, counts as not told by a dead letter."""
    nothing = GroupKey(UndeliveredState.DEAD, None, None, None)
    assert read_letter(record(headers)) == UndeliveredEntry(nothing, 100.0, None, ONE)


def test_the_last_of_a_header_counts() -> None:
    """Of headers that repeat the last one is believed."""
    headers = [(STATUS, b"500"), (STATUS, b"404")]
    assert read_letter(record(headers)).key.status == 404


def test_without_an_event_id() -> None:
    """What has no event id is told from others by its value, or by where it lies."""
    broken, other = record([], b"{"), record([], b"[]")
    assert read_letter(broken).identity == read_letter(broken._replace(offset=8)).identity
    assert read_letter(broken).identity != read_letter(other).identity
    nothing = record([], None)
    assert read_letter(nothing).identity != read_letter(nothing._replace(offset=8)).identity
