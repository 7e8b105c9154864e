"""`topics`: made once, checked as often as one likes."""

from __future__ import annotations

import json

import pytest
from confluent_kafka.admin import AdminClient, NewTopic, TopicMetadata  # type: ignore[attr-defined]

from tests.cli.invoke import NOBODY, kafka_env, run, run_json
from tests.support.kafka import WITHIN, Names, create_topics, wait_until
from worker.adapters.kafka import own_topics, topic_descriptions
from worker.adapters.kafka.topic_descriptions import TopicConfig
from worker.core.topics import DAY_SECONDS, Topic


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
    wide = (names.tier("10s"), names.dlq, names.journal)
    own = [*((name, 3, "created") for name in wide), (names.control, 1, "created")]
    assert [(row["topic"], row["partitions"], row["result"]) for row in rows] == [
        (names.topic, 3, "exists"),
        *own,
    ]
    assert rows[1]["retention_seconds"] > 10
    assert [row["retention_seconds"] for row in rows[-3:]] == [90 * DAY_SECONDS, 31 * DAY_SECONDS, None]
    checked = run_json("topics", "check", env=env)
    assert [row["retention_seconds"] for row in checked] == [row["retention_seconds"] for row in rows]
    assert {row["result"] for row in run_json("topics", "create", env=env)} == {"exists"}


@pytest.mark.kafka
def test_grows_its_own(kafka: str, names: Names) -> None:
    """Where the source has more partitions by now, the worker's topics get as many and the source is left."""
    create_topics(kafka, {names.topic: 4, names.dlq: 2, names.tier("10s"): 6})
    env = kafka_env(kafka, names)
    assert run("topics", "check", env=env).exit_code == 1
    results = {row["topic"]: row["result"] for row in run_json("topics", "create", env=env)}
    assert results == {
        names.topic: "exists",
        names.dlq: "grown from 2",
        names.tier("10s"): "exists",
        names.journal: "created",
        names.control: "created",
    }
    wait_until("all are seen", lambda: [partitions(kafka, one) for one in results] == [4, 6, 4, 4, 1])


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
    made = run_json("topics", "create", "--with-source", "--partitions", "3", env=env)
    assert {row["result"] for row in made} == {"created"}
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
def test_check_tells_what_would_be_refused(kafka: str, names: Names) -> None:
    """`check` names topics and settings that would refuse what the source takes, with what is right."""
    create_topics(kafka, {names.topic: 1}, {"max.message.bytes": "2000000", "compression.type": "producer"})
    create_topics(kafka, {names.tier("10s"): 1}, {"max.message.bytes": "2000000"})
    create_topics(kafka, {names.dlq: 1}, {"max.message.bytes": "3000000", "compression.type": "uncompressed"})
    env = kafka_env(kafka, names, POSTBACK_KAFKA__PROPERTIES__MESSAGE_MAX_BYTES="1500000")
    result = run("topics", "check", "-o", "json", env=env)
    found = {row["topic"]: row["problems"] for row in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert found[names.topic][0].endswith("MESSAGE_MAX_BYTES is 1500000, not 2065536 or more")
    assert found[names.tier("10s")] == ["max.message.bytes is 2000000, not 2065536 or more"]
    assert found[names.dlq][0].startswith("compression.type is uncompressed")


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
    monkeypatch.setattr("worker.ops.broker.TIMEOUT_SECONDS", 1.0)
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


def left_out(monkeypatch: pytest.MonkeyPatch, *entries: str) -> None:
    """Have the broker's answers lack these entries of DescribeConfigs, as other brokers' do."""
    read = topic_descriptions.read_topic

    def read_less(name: str, listed: TopicMetadata, settings: TopicConfig) -> Topic:
        said = {key: value for key, value in settings.entries.items() if key not in entries}
        return read(name, listed, settings._replace(entries=said))

    monkeypatch.setattr(own_topics, "read_topic", read_less)


@pytest.mark.kafka
def test_a_broker_that_leaves_entries_out(kafka: str, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a broker does not say is printed as unknown; it is no problem, and topics are made."""
    left_out(monkeypatch, "min.insync.replicas", "retention.ms", "max.message.bytes", "cleanup.policy")
    create_topics(kafka, {names.topic: 2})
    env = kafka_env(kafka, names)
    made = run_json("topics", "create", env=env)
    assert [(row["result"], row["retention_seconds"]) for row in made][:1] == [("exists", "unknown")]
    assert {row["result"] for row in made[1:]} == {"created"}
    rows = run_json("topics", "check", env=env)
    assert [(row["retention_seconds"], row["max_message_bytes"], row["problems"]) for row in rows] == [
        ("unknown", "unknown", [])
    ] * 5
    assert run("topics", "check", env=env).stdout.count("unknown") == 10


@pytest.mark.kafka
def test_one_replica_is_enough(kafka: str, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """`create` and `check` warn of each own topic that took min.insync.replicas=1 from a source with more."""
    read = topic_descriptions.read_topic
    monkeypatch.setattr(own_topics, "read_topic", lambda *said: read(*said)._replace(replication=3))
    monkeypatch.setattr(
        own_topics, "NewTopic", lambda name, number, _, config: NewTopic(name, number, 1, config=config)
    )
    create_topics(kafka, {names.topic: 1}, {"min.insync.replicas": "1"})
    env = kafka_env(kafka, names)
    for command in ("create", "check", "create"):
        result = run("topics", command, env=env)
        assert result.exit_code == 0, result.stderr
        starts = [line.partition(" replicas: ")[0] for line in result.stderr.splitlines()]
        own = [names.tier("10s"), names.dlq, names.journal, names.control]
        assert starts == [f"warning: {name}: min.insync.replicas is 1 of 3" for name in own]


@pytest.mark.kafka
def test_a_limit_in_bytes(kafka: str, names: Names) -> None:
    """`check` names a topic whose retention.bytes removes records before their time; `create` makes none."""
    create_topics(kafka, {names.topic: 1})
    create_topics(kafka, {names.dlq: 1}, {"retention.bytes": "1048576", "max.message.bytes": "3000000"})
    env = kafka_env(kafka, names)
    run_json("topics", "create", env=env)
    result = run("topics", "check", "-o", "json", env=env)
    found = {row["topic"]: row["problems"] for row in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert [name for name in found if found[name]] == [names.dlq]
    assert found[names.dlq][0].startswith("retention.bytes is 1048576, ")
    assert found[names.dlq][0].endswith("it must be -1")


def said(stderr: str) -> set[str]:
    """The lines that warn."""
    return {line.removeprefix("warning: ") for line in stderr.splitlines() if line.startswith("warning: ")}


@pytest.mark.kafka
def test_commands_agree(kafka: str, names: Names) -> None:
    """What is wrong with a topic is said in the same words by `topics check`, `create` and `config check`."""
    tier, former = names.tier("10s"), names.tier("7m")
    narrow = {"retention.ms": "1000", "max.message.bytes": "2000"}
    create_topics(kafka, {names.topic: 2, names.journal: 2}, {"retention.ms": "-1"})
    create_topics(kafka, {tier: 1, names.dlq: 5, former: 2}, {**narrow, "compression.type": "gzip"})
    elsewhere = "https://8.8.8.8/?click_id={click_id}"
    env = kafka_env(
        *(kafka, names),
        POSTBACK_DESTINATION__SIMPLE_URL=elsewhere,
        POSTBACK_DESTINATION__EVENT_URL=elsewhere,
        POSTBACK_KAFKA__PROPERTIES__MESSAGE_MAX_BYTES="1000000",
    )
    checked = run("topics", "check", "-o", "json", env=env)
    problems = {row["topic"]: row["problems"] for row in json.loads(checked.stdout)}
    assert [len(problems[name]) for name in (names.topic, tier, names.dlq)] == [1, 4, 2]
    assert said(checked.stderr) == {
        line for line in said(checked.stderr) if line.startswith(f"topic {former} ")
    }
    wrong = {f"{name}: {text}" for name in (names.topic, tier, names.dlq) for text in problems[name]}
    memory = f"topic {names.control} {problems[names.control][0]}"
    online = run("config", "check", "--online", env=env)
    assert (checked.exit_code, online.exit_code) == (1, 0)
    assert said(online.stderr) == {*wrong, memory, *said(checked.stderr)}
    made = run("topics", "create", env=env)
    mended = {f"{tier}: has 1 partitions, the source 2"}
    assert said(made.stderr) == (wrong - mended) | said(checked.stderr)


@pytest.mark.kafka
def test_manifests(kafka: str, names: Names) -> None:
    """With -o strimzi it prints what an operator is to make, as large as the source, and makes nothing."""
    create_topics(kafka, {names.topic: 3})
    items = run_json_of("topics", "create", "-o", "strimzi", "--cluster", "main", env=kafka_env(kafka, names))
    made = {one["spec"]["topicName"]: one["spec"]["partitions"] for one in items[:-1]}
    own = {names.tier("10s"): 3, names.dlq: 3, names.journal: 3, names.control: 1}
    assert made == own
    checked = run("topics", "check", env=kafka_env(kafka, names))
    assert "does not exist" in checked.stdout


def run_json_of(*arguments: str, env: dict[str, str]) -> list[dict[str, dict[str, object]]]:
    """The items of the list that a command printed."""
    result = run(*arguments, env=env)
    assert result.exit_code == 0, result.stderr
    items: list[dict[str, dict[str, object]]] = json.loads(result.stdout)["items"]
    return items
