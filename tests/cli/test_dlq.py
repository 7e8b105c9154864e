"""`dlq`: what lies in the dead-letter topic, for people and scripts; the group never notices."""

from __future__ import annotations

import json
import re
import time

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas import DeadLetter, DeadReason, WorkerHeaders
from tests.cli.invoke import NOBODY, kafka_env, run, run_json
from tests.support.kafka import WITHIN, Names, Write, committed, create_topics, produce


def dead(name: str, partition: int = 0, age: float = 0, status: int | None = None, **more: str) -> Write:
    """A dead letter of the event `name`, given up `age` seconds ago."""
    reason = DeadReason(more.get("reason", "exhausted"))
    error = more.get("error", "HTTP 503")
    headers = WorkerHeaders(
        attempts=12, reason=reason, status=status, error=error, dead_at=time.time() - age, origin="c/0/7"
    ).write()
    event = {name: text for name, text in more.items() if name not in {"reason", "error"}}
    value = json.dumps({"event_id": name, "click_id": f"click-{name}", **event}).encode()
    return Write(value, f"click-{name}".encode(), (("trace", b"\xff"), *headers), partition)


@pytest.fixture
def env(kafka: str, names: Names) -> dict[str, str]:
    """The variables for a dead-letter topic of two partitions that holds three letters."""
    create_topics(kafka, {names.dlq: 2})
    letters = [
        dead("old", 1, age=7200, reason="expired"),
        dead("middle", 0, age=3600, status=503),
        dead("new", 1),
    ]
    produce(kafka, names.dlq, letters)
    return kafka_env(kafka, names)


@pytest.mark.kafka
def test_list(env: dict[str, str]) -> None:
    """`list` shows the dead letters of all partitions in order of time, one line each, with their places."""
    result = run("dlq", "list", env=env)
    head, *rows = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (0, "")
    assert head.split() == ["where", "dead", "at", "reason", "status", "attempts", "event", "id", "error"]
    assert [row.split()[0] for row in rows] == ["1/0", "0/0", "1/1"]
    assert rows[1].split()[2:] == ["exhausted", "503", "12", "middle", "HTTP", "503"]


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], ["old", "middle", "new"]),
        (["--reason", "expired"], ["old"]),
        (["--reason", "expired", "--reason", "exhausted"], ["old", "middle", "new"]),
        (["--status", "503"], ["middle"]),
        (["--event-id", "new"], ["new"]),
        (["--click-id", "click-old"], ["old"]),
        (["--since", "90m"], ["middle", "new"]),
        (["--until", "30m"], ["old", "middle"]),
        (["--since", "90m", "--until", "30m"], ["middle"]),
        (["--since", "90m", "--reason", "expired"], []),
    ],
)
def test_filters(env: dict[str, str], arguments: list[str], found: list[str]) -> None:
    """Each filter keeps what matches it, and several keep what matches all."""
    assert [row["event_id"] for row in run_json("dlq", "list", *arguments, env=env)] == found


@pytest.mark.kafka
def test_filters_of_the_event(kafka: str, names: Names, env: dict[str, str]) -> None:
    """Offer, network and a part of the error filter `list`, `show`, `export` and `stats` alike."""
    other = dead("other", 1, offer_id="o-2", network="voluum", error="HTTP 504 Gateway Time-out")
    produce(kafka, names.dlq, [other, dead("third", 1, offer_id="o-2")])
    for filters in (
        ["--network", "voluum"],
        ["--error", "time-out"],
        ["--offer-id", "o-2", "--error", "504"],
    ):
        (row,) = run_json("dlq", "list", *filters, env=env)
        assert run_json("dlq", "show", *filters, env=env) == row
        assert json.loads(run("dlq", "export", *filters, env=env).stdout) == row
        assert [group["count"] for group in run_json("dlq", "stats", *filters, env=env)] == [1]
        assert row["event_id"] == "other"
    assert [
        row["event_id"] for row in run_json("dlq", "show", "--offer-id", "o-2", "--limit", "2", env=env)
    ] == [
        "other",
        "third",
    ]


@pytest.mark.kafka
def test_limit(env: dict[str, str]) -> None:
    """With a limit the newest are shown, and a hint says how many there are; 0 is no limit."""
    result = run("dlq", "list", "--limit", "2", "-o", "json", env=env)
    assert [row["event_id"] for row in json.loads(result.stdout)] == ["middle", "new"]
    assert result.stderr == "hint: the newest 2 of 3; --limit 0 shows all\n"
    assert len(run_json("dlq", "list", "--limit", "0", env=env)) == 3


@pytest.mark.kafka
def test_json_is_whole(env: dict[str, str]) -> None:
    """In JSON each dead letter is whole: read back, it is the record."""
    row = run_json("dlq", "list", "--event-id", "middle", env=env)[0]
    back = DeadLetter.from_json(json.dumps(row))
    assert (back.partition, back.offset, back.key, back.origin) == (0, 0, b"click-middle", "c/0/7")
    assert back.headers[0] == ("trace", b"\xff")
    assert run_json("dlq", "show", "0/0", env=env) == row


@pytest.mark.kafka
def test_show(env: dict[str, str]) -> None:
    """`show` prints every field, header and the value; bytes that are no text in base64."""
    result = run("dlq", "show", "1/0", env=env)
    told = dict(line.split() for line in result.stdout.splitlines() if len(line.split()) == 2)
    assert (result.exit_code, told["offset"], told["reason"], told["event_id"]) == (0, "0", "expired", "old")
    assert re.search("^header trace +base64:/w== *$", result.stdout, re.MULTILINE)
    assert '{"event_id": "old", "click_id": "click-old"}' in result.stdout
    assert "header postback-dead-at" in result.stdout


@pytest.mark.kafka
def test_show_by_event(kafka: str, names: Names, env: dict[str, str]) -> None:
    """`show --event-id` shows the newest dead letter of the event, and says how many there are."""
    produce(kafka, names.dlq, [dead("old", 0, age=10)])
    result = run("dlq", "show", "--event-id", "old", "-o", "json", env=env)
    assert [json.loads(result.stdout)[name] for name in ("partition", "offset")] == [0, 1]
    assert result.stderr == "hint: the newest of 2; `dlq list --event-id` shows all\n"


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["0/1"], "the partition holds 0 to 0"),
        (["2/0"], "the topic has no such partition"),
        (["--event-id", "nobody"], ""),
    ],
)
def test_show_nothing(env: dict[str, str], arguments: list[str], hint: str) -> None:
    """A dead letter that is not there is exit 1, with what is there instead."""
    result = run("dlq", "show", *arguments, env=env)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert hint in result.stderr


@pytest.mark.kafka
def test_strange_records(kafka: str, names: Names) -> None:
    """A record that is no dead letter of ours is shown, too, and steers no terminal."""
    create_topics(kafka, {names.dlq: 1})
    headers = WorkerHeaders(reason=DeadReason.UNDECODABLE).write()
    produce(kafka, names.dlq, [Write(None), Write(b"\x1b[31m", b"\xff", tuple(headers))])
    env = kafka_env(kafka, names)
    rows = run_json("dlq", "list", env=env)
    assert [(row["reason"], row["value"]) for row in rows] == [(None, None), ("undecodable", "\x1b[31m")]
    assert "\x1b" not in run("dlq", "show", "0/1", env=env).stdout


@pytest.mark.kafka
def test_group_is_left_alone(kafka: str, names: Names, env: dict[str, str]) -> None:
    """The worker's group keeps its offsets, and no group is made by looking."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": names.group})
    consumer.commit(offsets=[TopicPartition(names.dlq, 1, 1)], asynchronous=False)
    consumer.close()
    before = committed(kafka, names.group, names.dlq)
    run_json("dlq", "list", env=env)
    run_json("dlq", "show", "1/1", env=env)
    assert committed(kafka, names.group, names.dlq) == before != {}
    admin = AdminClient({"bootstrap.servers": kafka})
    groups = {group.group_id for group in admin.list_consumer_groups().result(WITHIN).valid}
    assert {name for name in groups if name.startswith(names.group)} == {names.group}


@pytest.mark.kafka
def test_empty(kafka: str, names: Names) -> None:
    """No dead letters are good news: exit 0, an empty list."""
    create_topics(kafka, {names.dlq: 3})
    env = kafka_env(kafka, names)
    assert run_json("dlq", "list", env=env) == []
    assert run("dlq", "list", env=env).exit_code == 0


@pytest.mark.kafka
def test_no_topic(kafka: str, names: Names) -> None:
    """Without the dead-letter topic it is exit 1, with what makes it."""
    result = run("dlq", "list", env=kafka_env(kafka, names))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: topic {names.dlq} does not exist\n")


def test_no_broker(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that can't be reached is exit 1 and one line that says why."""
    monkeypatch.setattr("worker.adapters.kafka.topic_reader.ASK_TIMEOUT_SECONDS", 1.0)
    result = run("dlq", "list", env=kafka_env(NOBODY, names))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "refused" in result.stderr.splitlines()[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--since", "yesterday"],
        ["list", "--since", "1h", "--until", "2h"],
        ["list", "--reason", "bad"],
        ["list", "--limit", "-1"],
        ["show"],
        ["show", "0/0", "--event-id", "x"],
        ["show", "zero"],
    ],
)
def test_wrong_usage(arguments: list[str], names: Names) -> None:
    """Wrong arguments are exit 2, before any broker is asked."""
    result = run("dlq", *arguments, env=kafka_env(NOBODY, names))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
