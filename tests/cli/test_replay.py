"""`dlq stats`, `export` and `replay`: counted, taken elsewhere, and sent again once."""

from __future__ import annotations

import json
import re
import signal
import time
from typing import Any

import pytest

from schemas import DeadLetter, DeadReason, WorkerHeaders, format_time
from tests.cli.invoke import NOBODY, kafka_env, publishing, run, run_json
from tests.support.broker import Broker
from tests.support.kafka import (
    WITHIN,
    Names,
    Write,
    committed,
    create_topics,
    end_offsets,
    produce,
    read_all,
    wait_until,
)

NOW = time.time()
MANY = 60
"""So many that are replayed slowly are not all sent before a broker stands still, however slow all is."""


def dead(name: str, partition: int = 0, age: float = 0, **told: Any) -> Write:
    """A dead letter of the event `name`, given up `age` seconds ago."""
    of = {"reason": DeadReason.EXHAUSTED, "status": 503, "attempts": 12, **told}
    now = time.time()
    headers = WorkerHeaders(error="HTTP 503", dead_at=now - age, origin="c/0/7")._replace(**of).write()
    return Write(value(name), f"click-{name}".encode(), (("trace", b"\xff"), *headers), partition)


def value(name: str, **more: str) -> bytes:
    """The event `name`, of an hour ago."""
    fields = {"event_id": name, "click_id": f"click-{name}", "occurred_at": format_time(NOW - 3600), **more}
    return json.dumps(fields).encode()


@pytest.fixture
def env(kafka: str, names: Names) -> dict[str, str]:
    """The variables for a source topic and for a dead-letter topic that holds four letters."""
    create_topics(kafka, {names.topic: 2, names.dlq: 2})
    letters = [
        dead("old", 1, age=7200, reason=DeadReason.EXPIRED, status=None),
        dead("middle", 0, age=3600),
        dead("new", 1),
        dead("newest", 1, age=-1, replays=2),
    ]
    produce(kafka, names.dlq, letters)
    return kafka_env(kafka, names)


@pytest.mark.kafka
def test_stats(env: dict[str, str]) -> None:
    """`stats` counts by reason and status, the most frequent first, with the first and the last time."""
    rows = run_json("dlq", "stats", env=env)
    assert [(row["reason"], row["status"], row["count"]) for row in rows] == [
        ("exhausted", 503, 3),
        ("expired", None, 1),
    ]
    assert rows[0]["oldest"] < rows[0]["newest"]
    assert rows[1]["oldest"] == rows[1]["newest"]
    assert len(run_json("dlq", "stats", "--limit", "1", env=env)) == 1
    assert run_json("dlq", "stats", "--reason", "invalid", env=env) == []


@pytest.mark.kafka
def test_export(env: dict[str, str]) -> None:
    """`export` writes every letter that matches, whole, one JSON document a line; with a limit the newest."""
    result = run("dlq", "export", "--status", "503", env=env)
    letters = [DeadLetter.from_json(line) for line in result.stdout.splitlines()]
    assert {letter.event_id for letter in letters} == {"middle", "new", "newest"}
    assert letters[0].headers[0] == ("trace", b"\xff")
    lines = run("dlq", "export", "--limit", "2", env=env).stdout.splitlines()
    assert [json.loads(line)["event_id"] for line in lines] == ["new", "newest"]


@pytest.mark.kafka
def test_replay(kafka: str, names: Names, env: dict[str, str]) -> None:
    """What matches goes to the source: key, value and the producer's headers, and one more replay."""
    before = committed(kafka, names.group, names.dlq)
    result = run("dlq", "replay", "--status", "503", "--yes", env=env)
    assert (result.exit_code, result.stdout) == (0, f"replayed 3 dead letters to {names.topic}\n")
    again = {record.key: record for record in read_all(kafka, names.topic)}
    assert set(again) == {b"click-middle", b"click-new", b"click-newest"}
    assert json.loads(again[b"click-new"].value or b"")["event_id"] == "new"
    assert list(again[b"click-new"].headers) == [
        ("trace", b"\xff"),
        ("postback-replays", b"1"),
        ("postback-for", b"momentscience"),
    ]
    assert ("postback-replays", b"3") in again[b"click-newest"].headers
    assert committed(kafka, names.group, names.dlq) == before


@pytest.mark.kafka
def test_dry_run(kafka: str, names: Names, env: dict[str, str]) -> None:
    """With --dry-run it prints what would go, and nothing goes."""
    rows = run_json("dlq", "replay", "--dry-run", "--limit", "2", env=env)
    assert {row["where"] for row in rows} == {"1/1", "1/2"}
    run("dlq", "replay", "--event-id", "old", "--yes", env=env)
    (only,) = read_all(kafka, names.topic)
    assert only.key == b"click-old"


@pytest.mark.kafka
def test_nothing_matches(env: dict[str, str]) -> None:
    """Where nothing matches nothing goes, and that is said."""
    result = run("dlq", "replay", "--event-id", "nobody", "--yes", env=env)
    assert (result.exit_code, result.stdout) == (0, "replayed nothing\n")


@pytest.mark.kafka
def test_asks(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal it asks, with how many and where to; a no replays nothing."""
    monkeypatch.setattr("worker.cli.replay.has_terminal", lambda: True)
    result = run("dlq", "replay", env=env, given=b"n\n")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "replayed nothing")
    assert "replay 4 dead letters to " in result.stderr
    agreed = run("dlq", "replay", env=env, given=b"y\n")
    assert agreed.stdout.splitlines()[-1].startswith("replayed 4 dead letters")


@pytest.mark.kafka
def test_at_a_rate(kafka: str, names: Names, env: dict[str, str]) -> None:
    """With a rate all go, too."""
    assert run("dlq", "replay", "--rate", "200", "--yes", env=env).exit_code == 0
    assert len(read_all(kafka, names.topic)) == 4


@pytest.mark.kafka
@pytest.mark.process
@pytest.mark.usefixtures("heeds_interrupts")
@pytest.mark.parametrize("goes_on", [pytest.param(True, marks=pytest.mark.long), False])
def test_a_broker_that_stands_still(names: Names, goes_on: bool) -> None:
    """A broker that stands still is waited for; a signal then tells which letters are unknown."""
    with Broker() as broker:
        create_topics(broker.bootstrap, {names.topic: 1, names.dlq: 1})
        produce(broker.bootstrap, names.dlq, [dead(f"e{number}", age=99 - number) for number in range(MANY)])
        env = kafka_env(broker.bootstrap, names)
        with publishing(env, "dlq", "replay", "--yes", "--rate", "4") as process:
            assert process.stderr is not None
            wait_until("one is there", lambda: end_offsets(broker.bootstrap, names.topic)[0] > 0)
            broker.pause()
            assert process.stderr.readline().startswith(b"waiting for the broker: ")
            if goes_on:
                broker.resume()
            else:
                process.send_signal(signal.SIGTERM)
            code = process.wait(WITHIN)
            out, err = (
                process.stdout.read().decode() if process.stdout else "",
                process.stderr.read().decode(),
            )
        broker.resume()
        there = end_offsets(broker.bootstrap, names.topic)[0]
    replayed = int(out.split()[1])
    if goes_on:
        assert (code, replayed, there) == (0, MANY, MANY)
        return
    unknown, unsent = (count_of(word, err) for word in ("unknown", "not sent"))
    assert code == 1
    assert f"which may be on {names.topic} or not: dead letter 0/" in err
    assert replayed + unknown + unsent == MANY
    assert replayed <= there <= replayed + unknown


def count_of(word: str, said: str) -> int:
    """How many letters there are of a kind, by what was said; none where nothing was."""
    found = re.search(f"{word}: ([0-9]+) ", said)
    return int(found[1]) if found else 0


@pytest.mark.kafka
def test_no_source_topic(kafka: str, names: Names) -> None:
    """Without the source topic it is exit 1, and the topic is not made."""
    create_topics(kafka, {names.dlq: 1})
    produce(kafka, names.dlq, [dead("one")])
    result = run("dlq", "replay", "--yes", env=kafka_env(kafka, names))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: topic {names.topic} does not exist\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rate", "0", "--yes"],
        ["--rate", "fast", "--yes"],
        ["--limit", "-1", "--yes"],
        ["--reason", "bad", "--yes"],
        [],
    ],
)
def test_wrong_usage(arguments: list[str], names: Names) -> None:
    """Wrong arguments, and nobody to ask, are exit 2 before any broker is asked."""
    result = run("dlq", "replay", *arguments, env=kafka_env(NOBODY, names))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
