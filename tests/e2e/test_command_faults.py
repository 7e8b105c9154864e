"""Every command against a broker that is not there, does not let it in, or lacks a topic: one line, exit 1.

What a right that is lacking comes to is in `test_command_rights.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from typer.main import get_command

from tests.cli.invoke import NOBODY, kafka_env, run
from tests.e2e.commands import COMMANDS, needed_by
from tests.support.acl import PASSWORD
from tests.support.kafka import Names, create_topics
from tests.support.secured import Secured
from worker.adapters.kafka import error_causes
from worker.cli import app
from worker.core.rights import ResourceKind

ASKS_NOBODY = {
    "config schema",
    "config show",
    "demo",
    "destinations",
    "destinations show",
    "healthcheck",
    "schema asyncapi",
    "schema event",
    "send",
}
"""Commands that ask no broker."""

GOES_ON = {"run", "console"}
"""They wait for what is lacking, and say so: on `/readyz` and in the log, on the page."""

DOES_WITHOUT = {
    "config check": {".control"},  # a warning: the worker runs, and remembers nothing there
    "dlq replay": {".control"},  # it makes it
    "topics create": {".retry.10s", ".dlq", ".journal", ".control"},
}
"""Topics of the group that a command warns of, or makes, where they are missing."""

CALLS = {**COMMANDS, "topics create": ["topics", "create"]}
AT_A_TIME = 2
WITHIN_SECONDS = 15.0


def leaves(command: Any, words: tuple[str, ...] = ()) -> set[str]:
    """The words of every command."""
    names = command.list_commands(None) if hasattr(command, "list_commands") else []
    own = {" ".join(words)} if not names or command.invoke_without_command else set()
    return own.union(*(leaves(command.get_command(None, name), (*words, name)) for name in names))


def test_every_command_is_looked_at() -> None:
    """No command is left out of the tables: it asks a broker, or is known to ask nobody."""
    assert leaves(get_command(app)) - {""} == {*CALLS} | ASKS_NOBODY | GOES_ON


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be reached, or lets nobody in, is given up soon."""
    monkeypatch.setattr(error_causes, "UNREACHED_AFTER_SECONDS", 0.3)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("command", CALLS)
def test_nobody_listens(names: Names, command: str) -> None:
    """Where nobody listens a command says so, and where, in one line, and what to do; exit 1."""
    ends_in_a_line(command, kafka_env(NOBODY, names), NOBODY)


@pytest.mark.kafka
@pytest.mark.parametrize("command", ["dlq list", "pause"])  # what reads a topic, and what asks for all
def test_it_is_not_let_in(
    secured: Secured, names: Names, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Where the broker does not let it in a command says so in one line, and what to do; exit 1."""
    monkeypatch.setattr(error_causes, "UNREACHED_AFTER_SECONDS", 2.0)
    ends_in_a_line(command, with_a_wrong_password(secured, names), "uthentication failed")


def ends_in_a_line(command: str, env: Mapping[str, str], expected: str) -> None:
    """Run a command in this process: it must end with exit 1, an error line that has this, and a hint."""
    result = run(*CALLS[command], env=env)
    lines = [line for line in result.stderr.splitlines() if not line.startswith("warning: ")]
    told = [line.partition(": ")[0] for line in lines]
    assert (result.exit_code, told) == (1, ["error", "hint"]), (result.stderr, result.stdout)
    assert expected in lines[0]


def with_a_wrong_password(secured: Secured, names: Names) -> dict[str, str]:
    """The variables of who logs in with a wrong password."""
    login = {"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SASL_MECHANISM": "PLAIN", "SASL_USERNAME": "worker"}
    return kafka_env(secured.guarded.guarded, names) | {
        f"POSTBACK_KAFKA__PROPERTIES__{name}": text
        for name, text in {**login, "SASL_PASSWORD": PASSWORD[::-1]}.items()
    }


def call(words: list[str], env: Mapping[str, str]) -> tuple[int, list[str], str]:
    """Run a command as a process: how it ended, its lines on stderr, what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "worker", *words],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    return done.returncode, done.stderr.splitlines(), done.stdout


def wrong(env: Mapping[str, str], expected: str) -> dict[str, object]:
    """The commands that do not end in time with exit 1, one line that has what is expected, and a hint."""

    def is_right(name: str) -> tuple[str, object]:
        began = time.monotonic()
        code, lines, out = call(CALLS[name], env)
        seconds = time.monotonic() - began
        print(f"{seconds:5.1f} s  {name}")
        errors = [line for line in lines if line.startswith("error: ")]
        hints = [line for line in lines if line.startswith("hint: ")]
        right = code == 1 and len(errors) == 1 and expected in errors[0] and len(hints) <= 1
        right = right and seconds < WITHIN_SECONDS
        return name, None if right and "Traceback" not in "".join(lines) + out else (
            code,
            errors,
            out,
            seconds,
        )

    with ThreadPoolExecutor(AT_A_TIME) as threads:
        return {name: seen for name, seen in threads.map(is_right, CALLS) if seen is not None}


@pytest.mark.process
@pytest.mark.long
@pytest.mark.timeout(600)
def test_no_broker(names: Names) -> None:
    """Where nobody listens each command says so, and where, in one line."""
    assert wrong(kafka_env(NOBODY, names), NOBODY) == {}


@pytest.mark.kafka
@pytest.mark.process
@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_wrong_password(secured: Secured, names: Names) -> None:
    """Where the broker does not let it in each command says so, in one line."""
    assert wrong(with_a_wrong_password(secured, names), "uthentication failed") == {}


@pytest.mark.kafka
@pytest.mark.parametrize("command", CALLS)
def test_a_topic_is_missing(kafka: str, command: str) -> None:
    """Each topic that a command needs and that is missing is named, in one line."""
    every, needed = topics_of("run"), topics_of(command)
    for missing in needed - DOES_WITHOUT.get(command, set()):
        names = Names.fresh()
        there = {full(names, topic): 1 for topic in every - {missing}}
        create_topics(kafka, there)
        result = run(*CALLS[command], env=kafka_env(kafka, names))
        lines = (result.stderr + result.stdout).splitlines()
        said = [line for line in lines if full(names, missing) in line]
        assert (result.exit_code, len(said)) == (1, 1), (missing, result.stderr, result.stdout)
        assert "Traceback" not in result.stderr


SOURCE = ""
"""In the place of what follows the group's name in that of each other topic."""


def topics_of(command: str) -> set[str]:
    """What a command needs of topics, without the group's name."""
    names = Names.fresh()
    needed = needed_by(names)[command]
    topics = {of.name for of in needed if of.kind is ResourceKind.TOPIC}
    return {SOURCE if topic == names.topic else topic.removeprefix(names.group) for topic in topics}


def full(names: Names, topic: str) -> str:
    """The name of a topic of a group."""
    return names.topic if topic == SOURCE else names.group + topic
