"""librdkafka's errors, in words."""

from __future__ import annotations

import logging

import pytest
from confluent_kafka import KafkaError, KafkaException

from worker.adapters.kafka.errors import (
    LimitedLog,
    is_deadly,
    one_line,
    remedy,
)
from worker.adapters.kafka.producing import ClientRefused

REFUSED = "b:9092/1: Connect to ipv4#10.0.0.1:9092 failed: Connection refused"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KafkaError(KafkaError._TRANSPORT, f"{REFUSED} (after 3ms in state CONNECT)"), REFUSED),
        (KafkaException(KafkaError(KafkaError._FAIL, "two\nlines")), "two lines"),
        (
            KafkaError(
                KafkaError._TRANSPORT, f"{REFUSED} (after 1ms in CONNECT, 2 identical error(s) suppressed)"
            ),
            REFUSED,
        ),
        (
            KafkaError(KafkaError._FAIL, 'no token from "http://u:p@idp/t"'),
            'no token from "http://********@idp/t"',
        ),
        (ValueError("no"), "no"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_one_line(error: BaseException, line: str) -> None:
    """An error is one line, without what makes each repetition different, and without credentials."""
    assert one_line(error) == line


TWIN = "Broker: The instance ID is still used by another member in the consumer group"
FENCED = "Broker: Static consumer fenced by other consumer with same group.instance.id"
OTHER_PROTOCOL = "Broker: The group id does not exist"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            KafkaError(KafkaError._FATAL, f"Fatal error: {TWIN}: ConsumerGroupHeartbeat fatal error: {TWIN}"),
            (
                f"{TWIN}: it is tried again until that one has left, or its session has ended; "
                "if it is another worker, give each a group.instance.id of its own"
            ),
        ),
        (
            KafkaError(KafkaError._FATAL, f"Fatal error: {FENCED}: Fatal consumer error: {FENCED}"),
            f"{FENCED}: another member has the same group.instance.id: give each worker one of its own",
        ),
        (
            KafkaError(
                KafkaError.GROUP_ID_NOT_FOUND,
                f"Fatal error: {OTHER_PROTOCOL}: ConsumerGroupHeartbeat fatal error: {OTHER_PROTOCOL}",
            ),
            (
                f"{OTHER_PROTOCOL}: the group's members speak the other group.protocol: "
                "stop all of them before the first one with the new"
            ),
        ),
        (KafkaError(KafkaError._FATAL, "something else"), "something else"),
        (ValueError("no"), "no"),
    ],
)
def test_what_to_do(error: BaseException, line: str) -> None:
    """What ended a member is said once, and with what to do where its own words do not say it."""
    assert remedy(error) == line


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (KafkaError.INVALID_TIMESTAMP, "Broker: Invalid timestamp: this machine's clock"),
        (KafkaError.INVALID_RECORD, "Broker: Broker failed to validate record: is this machine's clock"),
        (KafkaError.NOT_ENOUGH_REPLICAS, "Broker: Not enough in-sync replicas"),
    ],
)
def test_what_may_be_behind_a_refusal(code: int, words: str) -> None:
    """A record that is refused for its time is told with the clock, also where it was one of a batch."""
    assert str(ClientRefused(KafkaError(code))).startswith(words)


def test_what_refuses_a_time() -> None:
    """Of a record that is refused for its time both settings are named that may refuse it."""
    told = str(ClientRefused(KafkaError(KafkaError.INVALID_TIMESTAMP)))
    assert "message.timestamp.after.max.ms" in told
    assert "message.timestamp.before.max.ms" in told


def test_what_is_fatal_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A fatal error is told to the client's owner, and not a second time in the log."""
    LimitedLog(logging.getLogger("quiet")).log(logging.CRITICAL, "FATAL [c#consumer-1] Fatal error: gone")
    assert caplog.records == []


@pytest.mark.parametrize(
    ("error", "deadly"),
    [
        (KafkaError(KafkaError.FENCED_INSTANCE_ID), True),
        (KafkaError(KafkaError._FATAL), True),
        (KafkaError(KafkaError._FAIL, "x", fatal=True), True),
        (KafkaError(KafkaError._ALL_BROKERS_DOWN), False),
        (KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED), False),
        (KafkaError(KafkaError._AUTHENTICATION), False),
    ],
)
def test_deadly(error: KafkaError, deadly: bool) -> None:
    """A client is dead when it is fenced or says so; what an operator can mend is trouble."""
    assert is_deadly(error) is deadly


def test_log(caplog: pytest.LogCaptureFixture) -> None:
    """A line that the client logs over and over is logged once."""
    log = LimitedLog(logging.getLogger("worker.kafka"))
    for milliseconds in range(5):
        log.log(logging.WARNING, "%s: %s", "FAIL", f"{REFUSED} (after {milliseconds}ms in state CONNECT)")
    assert caplog.messages == [f"FAIL: {REFUSED}"]


def test_log_without_credentials(caplog: pytest.LogCaptureFixture) -> None:
    """The client quotes a token's URL in its log: the credentials in it are masked."""
    log = LimitedLog(logging.getLogger("worker.kafka"))
    log.log(logging.ERROR, "OIDC: %s", 'no token from "https://u:p@idp/token?key=k": gone')
    assert caplog.messages == ['OIDC: no token from "https://********@idp/token?********": gone']
