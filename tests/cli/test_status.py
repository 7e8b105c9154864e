"""`status` of several destinations, of which one can't be looked at."""

from __future__ import annotations

import json

import pytest

from tests.cli.invoke import NOBODY, kafka_env, run
from tests.support.kafka import Names, create_topics

URL = "https://partner.example/?click_id={click_id}"


def env_of(bootstrap: str, names: Names) -> dict[str, str]:
    """The variables of two destinations, each with a group of its own."""
    of_both = {f"POSTBACK_DESTINATIONS__{name}__URL": URL for name in ("ALPHA", "BETA")}
    return kafka_env(bootstrap, names, POSTBACK_DESTINATIONS__ALPHA__WHEN__NETWORK="alpha", **of_both)


@pytest.mark.kafka
def test_one_without_topics(kafka: str, names: Names) -> None:
    """A destination whose topics are missing is told of in lines on stderr, and hides no other; exit 1."""
    env = env_of(kafka, names)
    create_topics(kafka, {names.topic: 1})
    assert run("topics", "create", "--destination", "alpha", env=env).exit_code == 0
    table, rows = run("status", env=env), run("status", "-o", "json", env=env)
    assert [row["destination"] for row in json.loads(rows.stdout)] == ["alpha"]
    assert (table.exit_code, rows.exit_code) == (1, 1)
    assert [line for line in table.stdout.splitlines() if line.startswith("alpha: ")] == ["alpha: no worker"]
    assert table.stderr == rows.stderr
    assert f"error: topic {names.group}.beta.dlq does not exist\n" in table.stderr
    assert table.stderr.endswith("hint: `postback-worker topics create` makes the topics of the worker\n")


def test_nobody_answers(names: Names) -> None:
    """What is the same for all is one line, without a table."""
    result = run("status", env=env_of(NOBODY, names))
    assert (result.exit_code, result.stdout) == (1, "")
    assert [line[:14] for line in result.stderr.splitlines()] == [f"error: {NOBODY}"[:14], "hint: is the b"]
