"""The broker that the tests stand on keeps its promises."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.support.broker import Broker, BrokerFailed
from tests.support.kafka import (
    Names,
    Write,
    committed,
    create_topics,
    delete_topics,
    end_offsets,
    produce,
    read_all,
    wait_until,
)

pytestmark = pytest.mark.kafka

ORPHAN = """
import os, signal, sys
from pathlib import Path
from tests.support.broker import Broker
broker = Broker(Path(sys.argv[1]))
broker.start()
print(broker.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Broker]:
    """A broker of the test's own, to be mistreated."""
    with Broker(tmp_path / "broker") as broker:
        yield broker


def test_a_killed_broker_comes_back_with_its_address_and_its_data(own: Broker, names: Names) -> None:
    """A broker that was killed has, once started again, the same address and every acknowledged record."""
    address = own.bootstrap
    create_topics(own.bootstrap, {names.topic: 2})
    produce(own.bootstrap, names.topic, [b"one", b"two", b"three"])
    own.kill()
    own.start()
    assert own.bootstrap == address
    assert sorted(read.value or b"" for read in read_all(address, names.topic)) == [b"one", b"three", b"two"]
    own.restart()
    assert sum(end_offsets(address, names.topic).values()) == 3


def test_a_paused_broker_answers_again_when_resumed(own: Broker, names: Names) -> None:
    """A frozen process is stopped, not gone, and takes records again once it is thawed."""
    assert own.pid
    process = psutil.Process(own.pid)
    own.pause()
    wait_until("the process is frozen", lambda: process.status() == psutil.STATUS_STOPPED)
    own.resume()
    create_topics(own.bootstrap, {names.topic: 1})
    produce(own.bootstrap, names.topic, [b"thawed"])
    assert [read.value for read in read_all(own.bootstrap, names.topic)] == [b"thawed"]


def test_a_broker_never_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    """A broker dies with the process that started it, even if that one is killed."""
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    pid = int(done.stdout)
    wait_until("the broker has gone", lambda: not _runs(pid))


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    """A start that fails ends with the broker's own words and leaves no process."""
    broker = Broker(tmp_path, properties={"log.retention.ms": "no number"})
    with pytest.raises(BrokerFailed, match=r"log\.retention\.ms"):
        broker.start()
    assert broker.pid is None


def test_what_was_written_is_read_back_whole(kafka: str, names: Names) -> None:
    """Keys, nulls, headers and partitions come back as they were written, until the topic is deleted."""
    create_topics(kafka, {names.topic: 3}, {"max.message.bytes": "2000"})
    records = [
        Write(b"a", b"k", (("h", b"1"), ("h", None), ("h", b"2")), partition=2),
        Write(None, None, (), partition=0),
        Write(b"", b"", (), partition=0),
    ]
    produce(kafka, names.topic, records)
    with pytest.raises(AssertionError, match="1 refused"):
        produce(kafka, names.topic, [b"x" * 3000])
    found = read_all(kafka, names.topic)
    assert [(r.partition, r.offset, r.value, r.key, r.headers) for r in found] == [
        (0, 0, None, None, ()),
        (0, 1, b"", b"", ()),
        (2, 0, b"a", b"k", (("h", b"1"), ("h", None), ("h", b"2"))),
    ]
    assert found[2].header("h") == "2"
    assert end_offsets(kafka, names.topic) == {0: 2, 1: 0, 2: 1}
    delete_topics(kafka, [names.topic])


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_both_group_protocols_assign_and_commit(kafka: str, names: Names, protocol: str) -> None:
    """A member of either group protocol gets every partition, and its commit is seen with its metadata."""
    create_topics(kafka, {names.topic: 2})
    produce(kafka, names.topic, [Write(b"v", partition=1)])
    settings = {
        "bootstrap.servers": kafka,
        "group.id": names.group,
        "group.protocol": protocol,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    with Consumer(settings) as consumer:
        consumer.subscribe([names.topic])
        wait_until("the record has come", lambda: consumer.poll(1) is not None)
        assert {at.partition for at in consumer.assignment()} == {0, 1}
        consumer.commit(offsets=[TopicPartition(names.topic, 1, 1, "a map")], asynchronous=False)
    assert committed(kafka, names.group, names.topic) == {1: (1, "a map")}


def _runs(pid: int) -> bool:
    """Whether the process is there and is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
