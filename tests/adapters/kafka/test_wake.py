"""What is resumed is read at once, and a client that is woken keeps the login that it has."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.adapters.kafka.mock import MockCluster
from tests.support.kafka import Write, produce, wait_until
from worker.adapters.kafka import consumer_config
from worker.adapters.kafka.client_pauses import ClientPauses
from worker.adapters.kafka.config import Config
from worker.adapters.kafka.login import KafkaLogin
from worker.adapters.kafka.pause_reasons import PausedPartitions
from worker.adapters.kafka.wake import wake
from worker.core.record import Partition

AT = Partition("conversions", 0)
TIMES = 6
QUIET_SECONDS = 0.15
"""Seconds without a record after which a client's thread has nothing to wait for, and sleeps."""


class Waking:
    """A consumer that notes whom it was to log in as."""

    def __init__(self) -> None:
        self.logins: list[tuple[str, str]] = []

    def set_sasl_credentials(self, username: str, password: str) -> None:
        """Note them."""
        self.logins.append((username, password))


def woken(config: Config) -> list[tuple[str, str]]:
    """Whom a client of this configuration is to log in as when it is woken."""
    consumer = Waking()
    wake(consumer, config)  # type: ignore[arg-type]
    return consumer.logins


def seconds_until_read(consumer: Consumer, pause: Callable[[], None], resume: Callable[[], None]) -> float:
    """How long the only partition takes after a resume until a record comes: the median."""
    seconds: list[float] = []
    for _ in range(TIMES):
        wait_until("a record", lambda: consumer.poll(0.05) is not None, within=10.0)
        pause()
        wait_until("it sleeps", lambda: consumer.poll(QUIET_SECONDS) is None, within=10.0)
        resume()
        began = time.monotonic()
        wait_until("a record after it", lambda: consumer.poll(0.05) is not None, within=10.0)
        seconds.append(time.monotonic() - began)
    return median(seconds)


def test_read_at_once(cluster: MockCluster) -> None:
    """The only partition of a broker is read several times sooner than by a client that is not woken."""
    cluster.create(AT.topic, 1)
    produce(cluster.bootstrap, AT.topic, [Write(b"a", partition=0)] * 1_000)
    config = {**consumer_config(cluster.bootstrap, "group", "client", {}), "fetch.wait.max.ms": 10}
    consumer = Consumer(config)
    place = TopicPartition(*AT, 0)
    consumer.assign([place])
    wanted = PausedPartitions()
    pauses = ClientPauses(wanted, config)

    def order(change: Callable[[Partition], None]) -> None:
        change(AT)
        pauses.set(consumer, [AT])

    ours = seconds_until_read(consumer, lambda: order(wanted.order), lambda: order(wanted.resume))
    bare = seconds_until_read(consumer, lambda: consumer.pause([place]), lambda: consumer.resume([place]))
    consumer.close()
    assert ours < bare / 2


@pytest.mark.parametrize(
    ("properties", "logins"),
    [
        ({}, [("", "")]),
        ({"security.protocol": "SSL"}, [("", "")]),
        (
            {
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "PLAIN",
                "sasl.username": "ann",
                "sasl.password": "s3cret",
            },
            [("ann", "s3cret")],
        ),
        ({"security.protocol": "sasl_ssl", "sasl.mechanisms": "OAUTHBEARER"}, [("", "")]),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI"}, []),
        ({"security.protocol": "SASL_PLAINTEXT"}, []),
    ],
)
def test_whom_it_logs_in_as(properties: Config, logins: list[tuple[str, str]]) -> None:
    """It is given the user that it has; where that is not in its configuration it is left alone."""
    assert woken(properties) == logins


def test_after_a_renewal() -> None:
    """It is given the password that counts now, not the one that it began with."""
    login = KafkaLogin()
    config = login.keep({"sasl.username": "ann", "sasl.password": "before"})
    login.renew({"sasl.username": "ann", "sasl.password": "after"}, ["sasl.password"])
    assert woken(config) == [("ann", "after")]
