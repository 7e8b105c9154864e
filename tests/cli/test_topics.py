"""`topics`: made once, checked as often as one likes."""

from __future__ import annotations

import json

import pytest
from confluent_kafka.admin import AdminClient

from tests.cli.invoke import NOBODY, kafka_env, run, run_json
from tests.support.kafka import WITHIN, Names, create_topics, wait_until


def partitions(bootstrap: str, topic: str) -> int:
    """How many the broker shows; 0 without the topic."""
    found = AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=WITHIN).topics
    return len(found[topic].partitions) if topic in found else 0


@pytest.mark.kafka
def test_create_is_idempotent(kafka: str, names: Names) -> None:
    """`create` makes what is missing, with partitions as the source; a second time all exists."""
    create_topics(kafka, {names.topic: 3})
    env = kafka_env(kafka, names)
    rows = run_json("topics", "create", env=env)
    own = [(names.tier("10s"), 3, "created"), (names.dlq, 3, "created")]
    assert [(row["topic"], row["partitions"], row["result"]) for row in rows] == [
        (names.topic, 3, "exists"),
        *own,
    ]
    assert rows[1]["retention_seconds"] > 10
    assert run("topics", "check", env=env).exit_code == 0
    assert {row["result"] for row in run_json("topics", "create", env=env)} == {"exists"}


@pytest.mark.kafka
def test_grows_its_own(kafka: str, names: Names) -> None:
    """Where the source has more partitions by now, the worker's topics get as many and the source is left."""
    create_topics(kafka, {names.topic: 4, names.dlq: 2, names.tier("10s"): 6})
    env = kafka_env(kafka, names)
    assert run("topics", "check", env=env).exit_code == 1
    results = {row["topic"]: row["result"] for row in run_json("topics", "create", env=env)}
    assert results == {names.topic: "exists", names.dlq: "grown from 2", names.tier("10s"): "exists"}
    assert [partitions(kafka, topic) for topic in results] == [4, 6, 4]


@pytest.mark.kafka
def test_without_source(kafka: str, names: Names) -> None:
    """Without the source topic `create` makes nothing: exit 1, and the hint is how to make it, too."""
    env = kafka_env(kafka, names)
    result = run("topics", "create", env=env)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[0] == f"error: the source topic {names.topic} does not exist"
    assert "--with-source" in result.stderr
    assert partitions(kafka, names.dlq) == 0


@pytest.mark.kafka
def test_with_source(kafka: str, names: Names) -> None:
    """`--with-source` makes the source topic first; one that exists is left as it is, with a warning."""
    env = kafka_env(kafka, names)
    result = run("topics", "create", "--with-source", "--partitions", "3", env=env)
    assert result.exit_code == 0, result.stderr
    wait_until("all topics", lambda: {partitions(kafka, name) for name in (names.topic, names.dlq)} == {3})
    again = run("topics", "create", "--with-source", "--partitions", "5", env=env)
    assert again.exit_code == 0
    assert again.stderr == f"warning: topic {names.topic} exists with 3 partitions and is left as it is\n"
    assert partitions(kafka, names.topic) == 3


@pytest.mark.kafka
def test_check_tells_problems(kafka: str, names: Names) -> None:
    """`check` is exit 1 with the problems of each topic, and warns of tiers that the settings forgot."""
    create_topics(kafka, {names.topic: 2, names.tier("7m"): 2})
    create_topics(kafka, {names.tier("10s"): 2}, {"retention.ms": "1000"})
    result = run("topics", "check", "-o", "json", env=kafka_env(kafka, names))
    found = {row["topic"]: row["problems"] for row in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert found[names.topic] == []
    assert found[names.dlq] == ["does not exist"]
    assert found[names.tier("10s")][0].startswith("keeps records 1 s")
    assert f"warning: topic {names.tier('7m')} is a delay tier that" in result.stderr


@pytest.mark.kafka
def test_create_leaves_settings(kafka: str, names: Names) -> None:
    """What `create` does not change by itself, a retention that is too short, it warns of."""
    create_topics(kafka, {names.topic: 1})
    create_topics(kafka, {names.tier("10s"): 1}, {"retention.ms": "1000"})
    result = run("topics", "create", env=kafka_env(kafka, names))
    assert result.exit_code == 0
    assert f"warning: {names.tier('10s')}: keeps records 1 s" in result.stderr


@pytest.mark.parametrize("command", ["create", "check"])
def test_no_broker(command: str, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that can't be reached is exit 1 and one line that says why."""
    monkeypatch.setattr("worker.cli.broker.TIMEOUT", 1.0)
    result = run("topics", command, env=kafka_env(NOBODY, names))
    assert (result.exit_code, result.stdout) == (1, "")
    error, hint = result.stderr.splitlines()
    assert error.startswith("error: ")
    assert "refused" in error
    assert hint.startswith("hint: ")


def test_numbers_need_a_source(names: Names) -> None:
    """`--partitions` without `--with-source` would mean nothing: exit 2."""
    result = run("topics", "create", "--partitions", "3", env=kafka_env(NOBODY, names))
    assert (result.exit_code, result.stdout) == (2, "")
