"""Single settings: what is taken, what is refused, and the rules between them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.settings import DESTINATION, read
from worker.core.body_pattern import BodyPattern
from worker.core.retry import Tier
from worker.settings import Deployment, Destination, Retry, Settings, SettingsError, effective
from worker.settings.advice import warnings
from worker.settings.values import LONGEST_SECONDS, format_duration, parse_duration


@pytest.mark.parametrize(
    ("given", "endpoint"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        (" http://collector:4318/ ", "http://collector:4318/v1/traces"),
        ("https://[::1]:4318/otlp/v1/traces", "https://[::1]:4318/otlp/v1/traces"),
        (" ", None),
    ],
)
def test_tracing_endpoint(given: str, endpoint: str | None) -> None:
    """A collector takes spans at /v1/traces, unless its URL says where."""
    assert read({"POSTBACK_TRACING__ENDPOINT": given}).tracing.endpoint == endpoint


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("10s", 10), ("5m", 300), ("2h", 7200), ("30d", 2_592_000), ("0s", 0), (" 1s ", 1)],
)
def test_duration(text: str, seconds: float) -> None:
    """A duration is a whole number and a unit."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "10 s", "1.5s", "-1s", "s", "10S", "1h30m", "٣s", "01s", "4000d", "1w"]
)
def test_no_duration(text: str) -> None:
    """Anything else, and more than ten years, is refused."""
    with pytest.raises(ValueError, match="must be"):
        parse_duration(text)


@given(st.integers(0, int(LONGEST_SECONDS * 1000)))
def test_duration_reads_back(milliseconds: int) -> None:
    """A duration that was written reads back as the same."""
    assert round(parse_duration(format_duration(milliseconds / 1000)) * 1000) == milliseconds


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("KAFKA__TOPIC", "a b", "letters, digits"),
        ("KAFKA__TOPIC", "..", "letters, digits"),
        ("KAFKA__TOPIC", "a" * 250, "1 to 249"),
        ("KAFKA__TOPIC", "postback-worker.dlq", "the source must be another"),
        ("KAFKA__TOPIC", "postback-worker.control", "the source must be another"),
        ("KAFKA__START", "yesterday", "earliest, latest, or a time such as"),
        ("KAFKA__START", "2026-01-31T00:00:00", "earliest, latest, or a time such as"),
        ("KAFKA__TOPIC", "postback-worker.retry.5m", "the source must be another"),
        ("KAFKA__GROUP_ID", "g" * 241, "2 characters too long"),
        ("KAFKA__GROUP_ID", "g/h", "letters, digits"),
        ("KAFKA__BOOTSTRAP_SERVERS", "", "host:port"),
        ("KAFKA__BOOTSTRAP_SERVERS", "a:9092,,b", "host:port"),
        ("KAFKA__BOOTSTRAP_SERVERS", "a:port", "host:port"),
        ("KAFKA__BOOTSTRAP_SERVERS", "a:65536", "1 to 65535"),
        ("KAFKA__BOOTSTRAP_SERVERS", "a:0", "1 to 65535"),
        ("KAFKA__BOOTSTRAP_SERVERS", "a..b:9092", "host:port"),
        ("TRACING__ENDPOINT", "http://collector:99999", "a collector's URL"),
        ("HTTP__HOST", "a..b", "a host name or an IP address"),
        ("HTTP__HOST", "a" * 64, "a host name or an IP address"),
        ("HTTP__HOST", "a." * 127 + "a", "a host name or an IP address"),
        ("HTTP__HOST", "127.0.0.1:8080", "a host name or an IP address"),
        ("CONSOLE__HOST", ".", "a host name or an IP address"),
        ("DESTINATION__NAME", "", "letters, digits"),
        ("DESTINATION__SIMPLE_URL", "ftp://x/?a={click_id}", "http:// or https://"),
        ("DESTINATION__SIMPLE_URL", "https://x/?a={clik_id}", "unknown macro"),
        ("DESTINATION__EVENT_URL", "https://x/?measurement=1&click_id={click_id}", "missing: event, payout"),
        ("DESTINATION__CURRENCIES", "", "at least one"),
        ("DESTINATION__CURRENCIES", "usd", "in capitals, such as USD, EUR or JPY"),
        ("DESTINATION__CURRENCIES", "EUR,EUX", "'EUX' is none"),
        ("DESTINATION__CURRENCIES", "EUR,", "'' is none"),
        ("DESTINATION__TIMEOUT", "0s", "longer than zero"),
        ("DESTINATION__CONCURRENCY", "0", "1"),
        ("DESTINATION__CONCURRENCY", "10001", "10000"),
        ("DESTINATION__TRANSPORT", "carrier-pigeon", "'direct' or 'session'"),
        ("DESTINATION__PROXY", "http://proxy:3128", "DESTINATION__TRANSPORT=session"),
        ("DESTINATION__PROXY", "https://proxy", "http://"),
        ("DESTINATION__PROXY", "http://proxy:65536", "host:port"),
        ("DESTINATION__RATE", "0", "greater than 0"),
        ("DESTINATION__RATE", "inf", "finite"),
        ("DESTINATION__RATE", "fast", "must be a number"),
        ("DESTINATION__SUCCESS_STATUSES", "", "at least one"),
        ("DESTINATION__SUCCESS_STATUSES", "1xx", "classes from 2xx to 5xx"),
        ("DESTINATION__SUCCESS_STATUSES", "6xx", "classes from 2xx to 5xx"),
        ("DESTINATION__SUCCESS_STATUSES", "20x", "classes from 2xx to 5xx"),
        ("DESTINATION__SUCCESS_STATUSES", "99", "100 to 999"),
        ("DESTINATION__TERMINAL_STATUSES", "400,200", "200 is in POSTBACK_DESTINATION__SUCCESS_STATUSES too"),
        ("DESTINATION__REJECT_BODY", "(", "not a regular expression"),
        ("DESTINATION__RECORDED_BODY", "(", "not a regular expression"),
        ("DESTINATION__TERMINAL_BODY", "[a", "not a regular expression"),
        ("DESTINATION__RECORDED_BODY", "duplicate|", "matches an empty body"),
        ("DESTINATION__TERMINAL_BODY", ".*", "matches an empty body"),
        ("DESTINATION__HEADERS__HOST", "x", "Host is the worker's own and cannot be set: leave it out"),
        ("DESTINATION__HEADERS__CONTENT_LENGTH", "1", "Content-Length is the worker's own"),
        ("DESTINATION__HEADERS__ACCEPT_ENCODING", "gzip", "Accept-Encoding is the worker's own"),
        ("DESTINATION__HEADERS__X", "a\r\nY: b", "one line of UTF-8"),
        ("DESTINATION__HEADERS__X", " a", "one line of UTF-8"),
        ("DESTINATION__HEADERS__X", "", "one line of UTF-8"),
        ("DESTINATION__HEADERS__X()", "a", "not a header name"),
        ("DESTINATION__ALLOW_PRIVATE_ADDRESSES", "maybe", "true or false"),
        ("RETRY__DELAYS", "", "at least one"),
        ("RETRY__DELAYS", "1m,10s", "10s comes after 1m"),
        ("RETRY__DELAYS", "60s,1m", "1m comes after 60s"),
        ("RETRY__DELAYS", "0s,1m", "longer than zero"),
        ("RETRY__DELAYS", "10s,", "with a unit"),
        ("RETRY__MAX_ATTEMPTS", "0", "1"),
        ("RETRY__WINDOW", "0d", "longer than zero"),
        ("MAX_OUTSTANDING", "1001", "1000"),
        ("MAX_OUTSTANDING", "0", "1"),
        (
            "MAX_HELD_BYTES",
            "64mb",
            "a whole number of bytes, or one with a unit: 512kB, 64MB, 1GB, 64MiB or 1GiB",
        ),
        ("MAX_HELD_BYTES", "1.5MB", "a whole number of bytes"),
        ("MAX_HELD_BYTES", "-1", "a whole number of bytes"),
        ("MAX_HELD_BYTES", "999999", "at least 1MB"),
        ("DRAIN_TIMEOUT", "4m", "below 4m"),
        ("CIRCUIT__FAILURE_SHARE", "1.1", "1"),
        ("CIRCUIT__MIN_FAILURES", "0", "1"),
        ("CIRCUIT__PROBE_PAUSE", "1m", "POSTBACK_CIRCUIT__PROBE_PAUSE_MAX"),
        ("HTTP__HOST", "", "a host name or an IP address"),
        ("HTTP__PORT", "65536", "65535"),
        ("LOG__LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("LOG__FORMAT", "xml", "'auto', 'json' or 'console'"),
        ("TRACING__ENDPOINT", "collector:4318", "a collector's URL, without user name and query: http://"),
        ("TRACING__ENDPOINT", "http://me:s3cret@collector:4318", "without user name and query"),
        ("TRACING__ENDPOINT", "http://collector:4318/v1/traces?key=s3cret", "without user name and query"),
        ("TRACING__ENDPOINT", "grpc://collector:4317", "a collector's URL"),
        ("TRACING__SAMPLE", "1.01", "1"),
        ("TRACING__SAMPLE", "1%", "a number"),
    ],
)
def test_refused(name: str, text: str, says: str) -> None:
    """A wrong value is one line that starts with its variable and says what would be right."""
    with pytest.raises(SettingsError) as caught:
        read({f"POSTBACK_{name}": text})
    (line,) = caught.value.problems
    assert line.startswith(f"POSTBACK_{name}: ")
    assert says in line


def test_empty_means_none() -> None:
    """An optional setting that is given empty is not given."""
    settings = read(
        {f"{DESTINATION}{name}": "" for name in ("PROXY", "RATE", "REJECT_BODY", "TERMINAL_STATUSES")}
    )
    assert settings.destination == read({}).destination


@pytest.mark.parametrize(
    ("given", "start"),
    [
        ("Latest ", "latest"),
        ("EARLIEST", "earliest"),
        (" 2026-01-31T00:00:00Z ", "2026-01-31T00:00:00Z"),
        ("2026-01-31T00:00:00.5+02:00", "2026-01-31T00:00:00.5+02:00"),
    ],
)
def test_where_a_group_begins(given: str, start: str) -> None:
    """A group may begin at an end of the source, in any case, or at a time."""
    assert read({"POSTBACK_KAFKA__START": given}).kafka.start == start


def test_words_in_any_case() -> None:
    """Words such as a log level are taken in any case."""
    settings = read({"POSTBACK_LOG__LEVEL": "WARNING", f"{DESTINATION}TRANSPORT": "Session"})
    assert (settings.log.level, settings.destination.transport) == ("warning", "session")


@pytest.mark.parametrize("name", ["REJECT_BODY", "RECORDED_BODY", "TERMINAL_BODY"])
def test_patterns_of_bodies(name: str) -> None:
    """A pattern is looked for in the body's bytes, as it was written."""
    pattern = getattr(read({f"{DESTINATION}{name}": "(?i)unknown click é"}).destination, name.lower())
    assert pattern.is_in('{"error":"Unknown Click é"}'.encode())
    assert not pattern.is_in(b"unknown")


def test_a_success_that_says_nothing() -> None:
    """A success without a body may be refused: REJECT_BODY may ask for what a body must say."""
    assert read({f"{DESTINATION}REJECT_BODY": "^(?!OK)"}).destination.reject_body == BodyPattern("^(?!OK)")


def test_classes_of_statuses() -> None:
    """Classes stand beside codes, in any case; a code of one list may be of a class of the other."""
    given = {f"{DESTINATION}SUCCESS_STATUSES": "2XX, 409", f"{DESTINATION}TERMINAL_STATUSES": "4xx,204"}
    settings = read(given)
    assert settings.destination.success_statuses == {"2xx", 409}
    assert settings.destination.terminal_statuses == {"4xx", 204}
    shown = {row.variable: row.value for row in effective(Deployment.of(settings))}
    assert (shown[f"{DESTINATION}SUCCESS_STATUSES"], shown[f"{DESTINATION}TERMINAL_STATUSES"]) == (
        "2xx,409",
        "204,4xx",
    )


def test_a_class_in_both_lists() -> None:
    """A class can be in one of the lists alone, as a code can."""
    with pytest.raises(SettingsError, match="2xx is in POSTBACK_DESTINATION__SUCCESS_STATUSES too"):
        read({f"{DESTINATION}SUCCESS_STATUSES": "2xx", f"{DESTINATION}TERMINAL_STATUSES": "2xx"})


def test_topics() -> None:
    """Tiers and dead letters have the group's name; a label is kept as written."""
    settings = read({"POSTBACK_KAFKA__GROUP_ID": "g", "POSTBACK_RETRY__DELAYS": "90s, 120m"})
    assert [settings.tier_topic(tier) for tier in settings.tiers] == ["g.retry.90s", "g.retry.120m"]
    assert [tier.seconds for tier in settings.tiers] == [90, 7200]
    assert settings.dlq_topic == "g.dlq"


def test_longest_group() -> None:
    """A group may be as long as its longest topic name allows, and no longer."""
    assert (
        len(read({"POSTBACK_KAFKA__GROUP_ID": "g" * 237, "POSTBACK_RETRY__DELAYS": "24h"}).dlq_topic) == 241
    )


def test_python_values() -> None:
    """Made directly, settings take Python's own values, checked like texts."""
    delays = (Tier("1s", 1.0),)
    destination = Destination(
        rate=5, success_statuses=frozenset({204}), reject_body=BodyPattern("no"), timeout=0.5
    )
    settings = Settings(retry=Retry(delays=delays), destination=destination, drain_timeout=1)
    assert settings.tiers == delays
    assert settings.destination.success_statuses == {204}
    with pytest.raises(ValidationError):
        Settings(drain_timeout=-1)


def test_defaults_need_no_advice() -> None:
    """There is nothing to warn of in the defaults."""
    assert warnings(Settings()) == []


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        (
            {
                f"{DESTINATION}SIMPLE_URL": "http://x/?a={click_id}",
                f"{DESTINATION}EVENT_URL": "https://x/?a={click_id}",
            },
            ["POSTBACK_DESTINATION__SIMPLE_URL"],
        ),
        ({"POSTBACK_DRAIN_TIMEOUT": "5s"}, ["POSTBACK_DRAIN_TIMEOUT"]),
        ({"POSTBACK_RETRY__MAX_ATTEMPTS": "7"}, ["POSTBACK_RETRY__MAX_ATTEMPTS"]),
        ({"POSTBACK_RETRY__MAX_ATTEMPTS": "8"}, []),
        ({"POSTBACK_RETRY__MAX_ATTEMPTS": "100"}, ["POSTBACK_RETRY__MAX_ATTEMPTS"]),
        ({"POSTBACK_RETRY__MAX_ATTEMPTS": "1"}, ["POSTBACK_RETRY__MAX_ATTEMPTS"]),
    ],
)
def test_advice(environ: Mapping[str, str], names: list[str]) -> None:
    """What may not be meant is a warning that starts with the variable."""
    assert [line.split(":")[0] for line in warnings(read(environ))] == names
