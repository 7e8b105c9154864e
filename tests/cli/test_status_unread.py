"""`status` of a destination of which some partitions have no leader, because a broker is away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.adapters.kafka.mock import MockCluster
from tests.cli.invoke import kafka_env, run
from tests.support.kafka import Names, Write, produce
from tests.support.settings import NOTHING
from worker.adapters.kafka import group_state
from worker.core.record import Partition
from worker.core.worker_report import OpenCircuit, WorkerReport, write
from worker.ops.status import Watcher
from worker.settings import load_all

NAMES = Names("conversions", "g")
TIER = NAMES.tier("10s")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockCluster]:
    """A broker with the topics of a destination, two of whose records wait on the source, one in each."""
    monkeypatch.setattr(group_state, "LEADERS_WITHIN_SECONDS", 0.0)
    with MockCluster() as cluster:
        for topic in (NAMES.topic, TIER, NAMES.dlq, NAMES.journal):
            cluster.create(topic, 2)
        cluster.create(NAMES.control, 1)
        produce(cluster.bootstrap, NAMES.topic, [Write(b"{}", partition=number) for number in range(2)])
        report(cluster, WorkerReport("w", time.time()))
        yield cluster


def report(cluster: MockCluster, said: WorkerReport) -> None:
    """Have a worker report on itself; the embedded broker tells of no members, so that its report counts."""
    _, key, value, _, partition = write(said, NAMES.control)
    produce(cluster.bootstrap, NAMES.control, [Write(value, key, (), partition or 0)])


def take_leaders(cluster: MockCluster, *topics: str) -> list[str]:
    """Leave the second partition of these without a leader, and name it."""
    for topic in topics:
        cluster.lead(Partition(topic, 1), is_led=False)
    return [f"{topic}/1" for topic in topics]


def test_all_of_one_partition(cluster: MockCluster) -> None:
    """What can be read is told, what can't is named, and no verdict is guessed; exit 1."""
    env = kafka_env(cluster.bootstrap, NAMES)
    unread = take_leaders(cluster, NAMES.topic, TIER, NAMES.dlq, NAMES.journal)
    table, rows = run("status", env=env), run("status", "-o", "json", env=env)
    assert (table.exit_code, rows.exit_code) == (1, 1)
    (row,) = json.loads(rows.stdout)
    assert (row["verdict"], row["lag"], row["unread"]) == (None, 1, unread)
    assert row["why"] == "whether it is failing can't be told: g.journal/1: no leader"
    header, figures, *lines = table.stdout.splitlines()
    assert dict(zip(header.split(), figures.split(), strict=True)) == {
        "destination": "momentscience",
        "verdict": "unknown",
        "lag": "1+",
        "waiting": "0+",
        "late": "0s+",
        "ok/s": "0+",
        "bad/s": "0+",
        "dead/h": "0+",
        "workers": "1",
    }
    assert f"  can't be read: {', '.join(unread)}: no leader" in lines


def test_a_verdict_that_holds(cluster: MockCluster) -> None:
    """A verdict that no unread partition could refute is told, and its numbers are told as the least."""
    env = kafka_env(cluster.bootstrap, NAMES)
    report(cluster, WorkerReport("w", time.time(), circuit=OpenCircuit(time.time(), "503", "HTTP 503")))
    unread = take_leaders(cluster, NAMES.dlq)
    rows = run("status", "-o", "json", env=env)
    (row,) = json.loads(rows.stdout)
    assert (row["verdict"], row["unread"], rows.exit_code) == ("partner_down", unread, 1)


def test_a_leader_is_back(cluster: MockCluster) -> None:
    """The next look tells all, once there is a leader again."""
    take_leaders(cluster, NAMES.topic)
    deployment = load_all(environ=kafka_env(cluster.bootstrap, NAMES), dotenv=NOTHING)
    with Watcher(deployment) as watcher:
        (seen,) = watcher.look().found
        assert (seen.flow.lag, len(seen.flow.unread.every)) == (1, 1)
        cluster.lead(Partition(NAMES.topic, 1), is_led=True)
        (seen,) = watcher.look().found
        assert (seen.flow.lag, seen.flow.unread.every) == (2, [])
