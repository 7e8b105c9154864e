"""librdkafka's errors, in words."""

from __future__ import annotations

import logging

import pytest
from confluent_kafka import KafkaError, KafkaException

from worker.adapters.kafka.errors import REPEAT_AFTER, LimitedLog, Troubles, is_deadly, one_line

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
        (ValueError("no"), "no"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_one_line(error: BaseException, line: str) -> None:
    """An error is one line, without what makes each repetition different."""
    assert one_line(error) == line


def test_troubles() -> None:
    """The same trouble is news again only after a while, whatever numbers it holds; another is at once."""
    troubles = Troubles()
    assert troubles.is_news("1/3 brokers are down", 0.0)
    assert not troubles.is_news("2/3 brokers are down", REPEAT_AFTER - 1)
    assert troubles.is_news("no such topic", 1.0)
    assert troubles.is_news("3/3 brokers are down", REPEAT_AFTER)


def test_troubles_are_bounded() -> None:
    """However many different troubles there are, few are remembered."""
    troubles = Troubles()
    for letter in range(1000):
        troubles.is_news(chr(0x4E00 + letter), 0.0)
    assert len(troubles._told) <= Troubles._MOST


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
