"""`pause`, `resume` and `rate`: what is written, what is told, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from schemas import RetryReason, WorkerHeaders
from tests.cli.invoke import NOBODY, kafka_env, run, run_json
from tests.e2e.events import value
from tests.support.kafka import Names, Write, create_topics, produce, read_all
from worker.cli import cancel, waiting
from worker.core.record import Record
from worker.ops.orders import standing
from worker.settings import load


@pytest.fixture
def env(kafka: str, names: Names) -> dict[str, str]:
    """The variables for a group whose control topic is there."""
    create_topics(kafka, {names.control: 1})
    return kafka_env(kafka, names)


@pytest.mark.kafka
def test_pause_and_resume(kafka: str, names: Names, env: dict[str, str]) -> None:
    """A pause names who gave it, and why; `resume` tells which pause it ended."""
    text = run("pause", "--for", "30m", "--because", "they asked", env=env)
    assert text.exit_code == 0
    assert text.stdout.startswith("momentscience: paused until 20")
    (record,) = read_all(kafka, names.control)
    order = json.loads(record.value or b"")
    assert (record.key, order["because"], "@" in order["by"]) == (b"pause", "they asked", True)
    ended = run_json("resume", env=env)
    assert ended == {"destination": "momentscience", "ended": {"destination": "momentscience", **order}}
    assert run("resume", env=env).stdout == "momentscience: no pause stood\n"
    assert run_json("resume", env=env)["ended"] is None


@pytest.mark.kafka
def test_a_control_topic_with_more_partitions(kafka: str, names: Names) -> None:
    """Where somebody has given the topic more partitions, what is ordered keeps its order: all is in one."""
    create_topics(kafka, {names.control: 4, names.topic: 1, names.tier("10s"): 1})
    env = kafka_env(kafka, names)
    cancel_one = ["cancel", "--offer-id", "7", "--yes"]
    for command in (["pause"], ["resume"], ["rate", "60"], cancel_one):
        assert run(*command, env=env).exit_code == 0
    records = read_all(kafka, names.control)
    assert len(records) == 4
    assert {record.partition for record in records} == {0}


@pytest.mark.kafka
def test_rate(kafka: str, names: Names, env: dict[str, str]) -> None:
    """A rate is ordered, and ended with `off`."""
    assert run_json("rate", "60", env=env)["per_second"] == 60.0
    assert "at most 1234567 a second, by" in run("rate", "1234567", env=env).stdout
    assert "at most 0.5 a second until" in run("rate", "0.5", "--for", "2h", env=env).stdout
    assert run_json("rate", "off", env=env)["order"] == "end"
    assert [record.key for record in read_all(kafka, names.control)] == [b"rate"] * 4


@pytest.mark.kafka
def test_refused(kafka: str, names: Names) -> None:
    """Where the topic does not take an order, the line says why, and nothing advises what would not help."""
    create_topics(kafka, {names.control: 1}, {"max.message.bytes": "1"})
    result = run("pause", env=kafka_env(kafka, names))
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {names.control} does not take the order: ")
    assert "larger than max.message.bytes" in line


@pytest.mark.kafka
@pytest.mark.parametrize("command", [["pause"], ["resume"], ["rate", "5"]])
def test_missing_topic(kafka: str, names: Names, command: list[str]) -> None:
    """Without the control topic there is one line that names it, and what makes it."""
    result = run(*command, env=kafka_env(kafka, names))
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"error: topic {names.control} does not exist",
        "hint: `postback-worker topics create` makes the topics of the worker",
    ]


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["rate", "0"], "error: Invalid value for N|off: '0' is neither a number above 0 nor `off`"),
        (["rate", "many"], "error: Invalid value for N|off: 'many' is neither a number above 0 nor `off`"),
        (["rate", "nan"], "error: Invalid value for N|off: 'nan' is neither a number above 0 nor `off`"),
        (["pause", "--for", "soon"], "error: --for: must be a whole number with a unit"),
        (["pause", "--for", "0s"], "error: --for: must be longer than nothing, such as 30m"),
        (
            ["cancel", "--event-id", "e", "--for", "0s"],
            "error: --for: must be longer than nothing, such as 30m",
        ),
    ],
)
def test_usage(names: Names, command: list[str], line: str) -> None:
    """What can't be meant ends with exit 2 and a line, before any broker is asked."""
    result = run(*command, env=kafka_env(NOBODY, names))
    assert result.exit_code == 2
    assert result.stderr.startswith(line)


def test_nobody_answers(names: Names) -> None:
    """Without a broker there is one line."""
    result = run("pause", env=kafka_env(NOBODY, names))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {NOBODY}: ")


@pytest.mark.kafka
def test_cancel_that_does_not_stand(env: dict[str, str]) -> None:
    """Where no such cancellation stands, that is one line."""
    result = run("cancel", "end", "x", env=env)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == "error: no cancellation x stands: none stands"
    assert run_json("cancel", "list", env=env) == []


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("key", "ends"),
    [
        ("now/a b", ["cancel", "end", "now/a b"]),
        ("cancel/x", ["cancel", "end", "cancel/x"]),
        ("cancel/x", ["cancel", "end", "x"]),
        ("pause", ["resume"]),
        ("rate", ["rate", "off"]),
    ],
)
def test_an_order_that_can_not_be_read(
    kafka: str, names: Names, env: dict[str, str], key: str, ends: list[str]
) -> None:
    """What stops all workers is ended by a command, though nobody can read what it says."""
    produce(kafka, names.control, [Write(b'{"order": "of a newer version"}', key.encode())])
    settings = load(environ=env, dotenv=Path("/nonexistent"))
    assert list(standing(settings).unreadable) == [key]
    result = run(*ends, env=env)
    assert result.exit_code == 0, result.stderr
    assert not standing(settings).unreadable
    if ends[0] == "cancel":
        assert result.stdout.startswith(f"momentscience: the order {key} is ended, by ")


@pytest.mark.kafka
def test_what_waits(kafka: str, names: Names, env: dict[str, str]) -> None:
    """What waits is listed with its last attempt; who is not there to be asked gives --yes."""
    create_topics(kafka, {names.topic: 1, names.tier("10s"): 2})
    headers = WorkerHeaders(attempts=1, status=404, error="HTTP 404", reason=RetryReason.STATUS).write()
    produce(kafka, names.tier("10s"), [Write(value("e-1", "c-1", offer_id="7"), b"k", tuple(headers))])
    (row,) = run_json("waiting", "list", "--status", "404", env=env)
    assert (row["where"], row["event_id"], row["status"], row["attempts"]) == ("10s 1/0", "e-1", 404, 1)
    assert len(run_json("waiting", "list", "--limit", "9" * 20, env=env)) == 1
    assert run_json("waiting", "list", "--status", "500", env=env) == []
    asked = run("waiting", "drop", "--offer-id", "7", env=env)
    assert asked.exit_code == 2
    assert asked.stderr.splitlines()[:2] == [
        "1 match now: 1 in 10s",
        "error: give --yes, for there is nobody to ask",
    ]
    assert run_json("waiting", "now", "--dry-run", env=env) == [{"where": "10s", "pending": 1}]
    order = run_json("waiting", "drop", "--offer-id", "7", "--yes", env=env)
    assert (order["order"], order["waiting"], order["filter"]) == ("cancel", True, {"offer_id": "7"})
    run("waiting", "now", "--yes", env=env)
    written = [json.loads(record.value or b"") for record in read_all(kafka, names.control)]
    assert [one["tiers"] for one in written] == [{names.tier("10s"): [0, 1]}] * 2
    assert all(one["logs"].keys() == {names.tier("10s")} for one in written)
    text = run("cancel", "list", env=env).stdout
    assert "--offer-id 7 (waiting)" in text


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("command", "scans"),
    [
        (["waiting", "list", "--limit", "1"], ["reading 10s"]),
        (["waiting", "now", "--dry-run"], ["reading 10s"]),
        (["waiting", "drop", "--event-id", "e", "--dry-run"], ["reading 10s"]),
        (["cancel", "--event-id", "e", "--dry-run"], ["reading source", "reading 10s"]),
    ],
)
def test_progress(
    kafka: str,
    names: Names,
    env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    scans: list[str],
) -> None:
    """What reads all that is pending shows how far it is."""
    create_topics(kafka, {names.topic: 1, names.tier("10s"): 1})
    for topic in (names.topic, names.tier("10s")):
        produce(kafka, topic, [Write(value(name, "c-1"), b"k") for name in "ab"])
    seen = []

    def shown(records: Iterable[Record], what: str, total: float | None) -> Iterable[Record]:
        seen.append((what, total))
        return records

    for module in (waiting, cancel):
        monkeypatch.setattr(module, "shown", shown)
    assert run(*command, env=env).exit_code == 0
    assert seen == [(scan, 2) for scan in scans]


@pytest.mark.parametrize("command", [["cancel"], ["cancel", "--yes"], ["waiting", "drop", "--yes"]])
def test_nothing_is_meant(names: Names, command: list[str]) -> None:
    """What ends conversions takes a filter: without one it is wrong usage."""
    result = run(*command, env=kafka_env(NOBODY, names))
    assert result.exit_code == 2
    assert result.stderr.startswith("error: say what is meant: --offer-id, ")
