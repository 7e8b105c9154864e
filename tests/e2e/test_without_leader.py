"""A broker of two is killed: what it held rests, and all else flows; then nothing is sent twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.broker import Broker
from tests.support.kafka import Names, Write, committed, create_topics, produce, wait_until
from tests.support.needed import needs_kafka
from tests.support.second_broker import FIRST, SECOND, SecondBroker

pytestmark = [pytest.mark.kafka, pytest.mark.process, pytest.mark.long]


@pytest.fixture
def brokers(names: Names) -> Iterator[tuple[Broker, SecondBroker]]:
    """A cluster of two, whose first broker has the source and coordinates all groups."""
    with needs_kafka(), Broker() as first:
        create_topics(first.bootstrap, {names.topic: 2})
        committed(first.bootstrap, names.group, names.topic)  # has the topic of the groups' offsets made
        with SecondBroker(first) as second:
            yield first, second


def create(bootstrap: str, topic: str, *brokers: int) -> None:
    """Make a topic with a partition on each of these brokers."""
    new = NewTopic(topic, replica_assignment=[[broker] for broker in brokers], num_partitions=len(brokers))
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for made in admin.create_topics([new]).values():
        made.result()


def write(bootstrap: str, topic: str, word: str, partition: int) -> list[str]:
    """Write forty events to a partition; return their clicks."""
    clicks = [f"{word}-{number}" for number in range(40)]
    produce(
        bootstrap,
        topic,
        [Write(value(f"e-{click}", click), click.encode(), (), partition) for click in clicks],
    )
    return clicks


def test_a_broker_of_two(
    brokers: tuple[Broker, SecondBroker], names: Names, tmp_path: Path, tracker: Tracker
) -> None:
    """Partitions with a leader flow, a status names the others; once the broker is back each is sent once."""
    first, second = brokers
    create(first.bootstrap, names.journal, FIRST, SECOND)
    create(first.bootstrap, names.tier("2s"), FIRST, FIRST)
    create(first.bootstrap, names.dlq, FIRST, FIRST)
    create(first.bootstrap, names.control, FIRST)
    env = settings(first.bootstrap, names, tracker, RETRY__DELAYS="2s")
    with Program(env, tmp_path) as worker:
        worker.ready()
        before = [*write(first.bootstrap, names.topic, "a", 0), *write(first.bootstrap, names.topic, "b", 1)]
        wait_until("both flow", lambda: {*tracker.clicks} >= {*before})
        second.kill()
        resting = f"{names.topic}/1 rests: its journal can't be read: Broker: Leader not available"
        wait_until("it rests", lambda: any(line["event"] == resting for line in worker.log))
        flowing, waiting = (write(first.bootstrap, names.topic, word, at) for at, word in enumerate("cd"))
        wait_until("the other flows", lambda: {*tracker.clicks} >= {*flowing})
        status = call("status", "-o", "json", env=env, at=tmp_path)
        (row,) = json.loads(status.stdout)
        assert (status.returncode, status.stderr, row["unread"]) == (1, "", [f"{names.journal}/1"])
        assert row["verdict"] not in {"flowing", "idle"}
        assert (row["members"], row["circuit"]) == ({"source": 1, "tiers": 1}, "closed")
        assert not {*tracker.clicks} & {*waiting}
        second.start()
        wait_until("what rested flows", lambda: {*tracker.clicks} >= {*waiting})
        assert Counter(tracker.clicks).most_common(1)[0][1] == 1


def test_a_group_that_begins_then(
    brokers: tuple[Broker, SecondBroker], names: Names, tmp_path: Path, tracker: Tracker
) -> None:
    """A new group begins with the partitions that have a leader, and with another once it has one."""
    first, second = brokers
    source = f"{names.topic}-2"
    create(first.bootstrap, source, FIRST, SECOND)
    for topic in (names.tier("2s"), names.dlq, names.journal):
        create(first.bootstrap, topic, FIRST, FIRST)
    create(first.bootstrap, names.control, FIRST)
    flowing, waiting = (write(first.bootstrap, source, word, at) for at, word in enumerate("ab"))
    second.kill()
    env = settings(first.bootstrap, names, tracker, RETRY__DELAYS="2s", KAFKA__TOPIC=source)
    with Program(env, tmp_path) as worker:
        wait_until("the other flows", lambda: {*tracker.clicks} >= {*flowing})
        status, reasons = worker.get("/readyz")
        assert (status, f"{source}/1: no leader" in reasons) == (503, True)
        assert not {*tracker.clicks} & {*waiting}
        flowing += write(first.bootstrap, source, "c", 0)
        wait_until("it flows on", lambda: {*tracker.clicks} >= {*flowing})
        second.start()
        wait_until("what waited flows", lambda: {*tracker.clicks} >= {*waiting})
        worker.ready()
        assert Counter(tracker.clicks).most_common(1)[0][1] == 1
