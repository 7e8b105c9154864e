"""What others wrote reaches no terminal as an order to it, in text and in JSON."""

from __future__ import annotations

import json

import pytest

from schemas import JournalStep, StepKind, WorkerHeaders, format_time
from tests.cli.invoke import kafka_env, run, run_json
from tests.e2e.events import value
from tests.support.kafka import Names, Write, create_topics, produce
from worker.cli.common import print_json, print_line

CLEARS = "\x1b[2J\x9b31m\x7f\u202e"
"""Clears a terminal, colours it (C1's one-character form), and turns what follows around."""


def obeyed(text: str) -> set[str]:
    """The characters that a terminal may take as orders."""
    return {char for char in text if not (char.isprintable() or char == "\n")}


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has them escaped, and holds the same values."""
    found = {"id": CLEARS, "flag": "\U000e0001", "name": "é中 x"}
    print_json(found)
    text = capsys.readouterr().out
    assert (obeyed(text), json.loads(text), "é中 x" in text) == (set(), found, True)


def test_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A line stays one line."""
    print_line(f"one\ntwo{CLEARS}")
    assert capsys.readouterr().out == "one\ufffdtwo\ufffd[2J\ufffd31m\ufffd\ufffd\n"


@pytest.fixture
def env(kafka: str, names: Names) -> dict[str, str]:
    """The variables for a click whose two events have ids that are none; both are dead."""
    topics = {names.topic: 1, names.journal: 1, names.dlq: 1, names.control: 1, names.tier("10s"): 1}
    create_topics(kafka, topics)
    produce(kafka, names.topic, [Write(value(f"{name}{CLEARS}", "c-1"), b"k") for name in "ab"])
    for offset in range(2):
        fields = {"at": format_time(1e9), "click_id": "c-1", "origin": f"{names.topic}/0/{offset}"}
        dead = JournalStep.model_validate({**fields, "step": StepKind.DEAD, "reason": "invalid"})
        produce(kafka, names.journal, [Write(dead.to_json(), fields["origin"].encode())])
    letter = WorkerHeaders(dead_at=1e9, error="no event").write()
    produce(kafka, names.dlq, [Write(value(f"a{CLEARS}", "c-1"), b"k", tuple(letter))])
    return kafka_env(kafka, names)


@pytest.mark.kafka
@pytest.mark.parametrize(
    "command",
    [
        ["explain", "--click-id", "c-1"],
        ["explain", "--click-id", "c-1", "-o", "json"],
        ["dlq", "show", "0/0"],
        ["dlq", "export"],
        ["pause", "--because", CLEARS],
        ["cancel", "--click-id", CLEARS, "--yes"],
    ],
)
def test_commands(env: dict[str, str], command: list[str]) -> None:
    """No command passes them on."""
    result = run(*command, env=env)
    assert (result.exit_code, obeyed(result.stdout)) == (0, set()), result.stderr


@pytest.mark.kafka
def test_orders(env: dict[str, str]) -> None:
    """Why somebody paused is shown in one line to everybody who looks."""
    assert run("pause", "--because", f"first\nsecond{CLEARS}", env=env).exit_code == 0
    shown = run("status", env=env)
    assert (shown.exit_code, obeyed(shown.stdout)) == (1, set())
    assert "first\ufffdsecond" in shown.stdout
    assert obeyed(run("resume", env=env).stdout) == set()


@pytest.mark.kafka
def test_events_of_no_id(env: dict[str, str]) -> None:
    """A conversion whose id is none is told of once: the step that ended it is known by its record."""
    newest = run_json("explain", "--click-id", "c-1", env=env)
    (other,) = newest["others"]
    assert [one["event_id"][0] for one in (other, newest)] == ["a", "b"]
    assert [[step["step"] for step in one["steps"]] for one in (other, newest)] == [["dead"], ["dead"]]
