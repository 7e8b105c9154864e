"""`pause`, `resume` and `rate`: what is written, what is told, and what is refused."""

from __future__ import annotations

import json

import pytest

from tests.cli.invoke import NOBODY, kafka_env, run, run_json
from tests.support.kafka import Names, create_topics, read_all


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
def test_rate(kafka: str, names: Names, env: dict[str, str]) -> None:
    """A rate is ordered, and ended with `off`."""
    assert run_json("rate", "60", env=env)["per_second"] == 60.0
    assert "at most 0.5 a second until" in run("rate", "0.5", "--for", "2h", env=env).stdout
    assert run_json("rate", "off", env=env)["order"] == "end"
    assert [record.key for record in read_all(kafka, names.control)] == [b"rate"] * 3


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
