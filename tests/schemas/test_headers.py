"""The worker headers: written exactly, read without trust."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import DeadReason, RetryReason, WorkerHeaders, headers, without_worker_headers
from schemas.headers import REPLAYS, Header, replays_of
from tests.schemas.header_samples import EXHAUSTED, NAMES

ALL = EXHAUSTED._replace(
    attempts=3,
    due_at=1767323045.678,
    reason=RetryReason.STATUS,
    dead_at=1767323050.5,
    replayed_for="momentscience",
)


def test_written_headers() -> None:
    """Every header is written as UTF-8 text under its published name."""
    assert ALL.write() == [
        ("postback-attempts", b"3"),
        ("postback-due-at", b"2026-01-02T03:04:05.678Z"),
        ("postback-first-attempt-at", b"2026-01-02T03:04:00.000Z"),
        ("postback-origin", b"conversions/0/42"),
        ("postback-reason", b"status"),
        ("postback-status", b"503"),
        ("postback-error", b"the partner answered 503"),
        ("postback-dead-at", b"2026-01-02T03:04:10.500Z"),
        ("postback-replays", b"1"),
        ("postback-for", b"momentscience"),
    ]


def test_names() -> None:
    """The constants are the published names."""
    constants = [
        headers.ATTEMPTS,
        headers.DUE_AT,
        headers.FIRST_ATTEMPT_AT,
        headers.ORIGIN,
        headers.REASON,
        headers.STATUS,
        headers.ERROR,
        headers.DEAD_AT,
        headers.REPLAYS,
        headers.FOR,
    ]
    assert constants == list(NAMES)


def test_reasons() -> None:
    """The reasons are the published words, and no word is in both sets."""
    assert [*RetryReason] == ["status", "timeout", "connection", "tls", "protocol", "rejected_body"]
    ended = ["undecodable", "invalid", "expired", "exhausted", "rejected", "unrouted", "cancelled"]
    assert [*DeadReason] == ended


def test_what_is_none_is_not_written() -> None:
    """Only what is known becomes a header; no attempts made is known."""
    assert WorkerHeaders().write() == []
    assert WorkerHeaders(attempts=0).write() == [("postback-attempts", b"0")]


milliseconds = st.integers(-62_135_596_800_000, 253_402_300_799_999).map(lambda ms: ms / 1000)
counts = st.integers(1, 999_999)
printable = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=512)
known = st.builds(
    WorkerHeaders,
    attempts=st.none() | counts,
    due_at=st.none() | milliseconds,
    first_attempt_at=st.none() | milliseconds,
    origin=st.none() | st.from_regex(r"\A[A-Za-z0-9._-]{1,249}/[0-9]{1,10}/[0-9]{1,19}\Z"),
    reason=st.none() | st.sampled_from([*RetryReason, *DeadReason]),
    status=st.none() | st.integers(100, 599),
    error=st.none() | printable,
    dead_at=st.none() | milliseconds,
    replays=st.none() | counts,
    replayed_for=st.none() | st.from_regex(r"\A[A-Za-z0-9._-]{1,64}\Z"),
)


@given(known)
def test_round_trip(told: WorkerHeaders) -> None:
    """What is written is read back the same."""
    assert WorkerHeaders.read(told.write()) == told


@given(st.floats(-62_135_596_800, 253_402_300_799))
def test_due_times_are_never_early(due_at: float) -> None:
    """A due time is never read back as earlier than it was asked for."""
    read = WorkerHeaders.read(WorkerHeaders(due_at=due_at).write()).due_at
    assert read is not None
    assert read >= due_at


@given(st.lists(st.tuples(st.sampled_from(NAMES) | st.text(), st.none() | st.binary())))
def test_any_bytes(received: list[Header]) -> None:
    """Reading never raises, whatever the headers hold."""
    WorkerHeaders.read(received)


@pytest.mark.parametrize("name", NAMES[:-1])
@pytest.mark.parametrize(
    "value", [None, b"", b" ", b"\xff", b"\x00", b"-1", b"nan", b"1e3", b"1" * 5_000, "\u0661".encode()]
)
def test_broken_values(name: str, value: bytes | None) -> None:
    """A value that is not of its header's form counts as absent; only an error text is free."""
    read = WorkerHeaders.read([(name, value)])
    if name == "postback-error":
        assert read.error is None or read.error.isprintable()
    else:
        assert read == WorkerHeaders()


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (b"1", 1),
        (b"007", 7),
        (b"999999", 999_999),
        (b"0", None),
        (b"000000", None),
        (b"1000000", None),
        (b"0000001", None),
        (b"+1", None),
        (b" 1", None),
        (b"1 ", None),
        (b"1.0", None),
        (b"1_0", None),
        (b"\xb2", None),
    ],
)
def test_counts(value: bytes, count: int | None) -> None:
    """A count is ASCII digits, 1 to 999999."""
    read = WorkerHeaders.read([("postback-attempts", value), ("postback-replays", value)])
    assert (read.attempts, read.replays) == (count, count)


@pytest.mark.parametrize(
    ("value", "status"), [(b"100", 100), (b"999", 999), (b"99", None), (b"099", None), (b"2000", None)]
)
def test_statuses(value: bytes, status: int | None) -> None:
    """A status is three digits from 100 to 999."""
    assert WorkerHeaders.read([("postback-status", value)]).status == status


@pytest.mark.parametrize(
    "value",
    [
        b"t/0",
        b"t/0/",
        b"/0/0",
        b"t/-1/0",
        b"t/0/x",
        b"t u/0/0",
        b"t/0/0\n",
        b"t" * 250 + b"/0/0",
        "é/0/0".encode(),
    ],
)
def test_origins(value: bytes) -> None:
    """An origin is a Kafka topic, a partition and an offset, and nothing else."""
    assert WorkerHeaders.read([("postback-origin", value)]).origin is None


@pytest.mark.parametrize("value", [b"Status", b"status ", b"unknown", b"STATUS"])
def test_unknown_reasons(value: bytes) -> None:
    """A reason is one of the published words, exactly."""
    assert WorkerHeaders.read([("postback-reason", value)]).reason is None


def test_the_last_counts() -> None:
    """Of headers that repeat the last counts, also where it is broken."""
    first, last = ("postback-attempts", b"1"), ("postback-attempts", b"2")
    assert WorkerHeaders.read([first, last]).attempts == 2
    assert WorkerHeaders.read([first, ("postback-attempts", b"x")]).attempts is None
    assert WorkerHeaders.read([first, ("postback-attempts", None)]).attempts is None


def test_names_are_exact() -> None:
    """Header names are case-sensitive, as Kafka's are."""
    assert WorkerHeaders.read([("Postback-Attempts", b"1")]) == WorkerHeaders()


@pytest.mark.parametrize(
    ("error", "written"),
    [
        ("one\r\n\ttwo", "one two"),
        ("a\x00b\x7fc\x85d\u2028e\x1b[2Jf", "a b c d e [2Jf"),
        ("a\ud800b", "a b"),
        ("é" * 600, "é" * 512),
    ],
)
def test_error_texts(error: str, written: str) -> None:
    """An error is one line of at most 512 characters that can't steer a terminal, written or read."""
    assert WorkerHeaders(error=error).write() == [("postback-error", written.encode())]
    raw = error.encode(errors="replace").replace(b"a?b", b"a b")
    assert WorkerHeaders.read([("postback-error", raw)]).error == written


def test_only_the_workers_own_are_dropped() -> None:
    """Only the worker's names are dropped: the producer's own keep order, repetitions and empty values."""
    own: list[Header] = [
        ("trace", b"1"),
        ("trace", None),
        ("postback-other", b"x"),
        ("Postback-Attempts", b"x"),
        ("trace", b"\xff"),
        ("", b""),
    ]
    mixed = [own[0], *ALL.write(), *own[1:], ("postback-error", None)]
    assert without_worker_headers(mixed) == own


@pytest.mark.parametrize(
    ("told", "replays"),
    [
        ([], None),
        ([("network", b"binom"), ("traceparent", b"00-1")], None),
        ([(REPLAYS, b"2"), ("network", b"binom")], 2),
        ([(REPLAYS, b"2"), (REPLAYS, b"3")], 3),
        ([(REPLAYS, b"2"), (REPLAYS, b"two")], None),
        ([(REPLAYS, b"2"), (REPLAYS, None)], None),
    ],
)
def test_replays(told: list[Header], replays: int | None) -> None:
    """How often a record was replayed is read alone as it is read with the others."""
    assert replays_of(told) == WorkerHeaders.read(told).replays == replays
