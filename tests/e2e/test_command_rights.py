"""Each right that the list has for a command is needed, and all of them are enough."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from typer.testing import Result

from tests.cli.invoke import kafka_env, run
from tests.e2e.commands import CANCEL, COMMANDS, needed_by
from tests.e2e.events import value
from tests.support.acl import PASSWORD, USER, Guarded
from tests.support.kafka import Names, Write, create_topics, produce, wait_until
from tests.support.secured import Secured
from worker.core.event_filter import EventFilter
from worker.core.order_records import write
from worker.core.orders import CancelOrder, Provenance
from worker.core.rights import Needs

pytestmark = [pytest.mark.kafka, pytest.mark.process]

TOLD_WITHIN_SECONDS = 60.0


def properties() -> dict[str, str]:
    """How USER logs in."""
    login = {"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SASL_MECHANISM": "PLAIN"}
    return {**login, "SASL_USERNAME": USER, "SASL_PASSWORD": PASSWORD}


def variables(broker: Guarded, names: Names) -> dict[str, str]:
    """Settings of a command of USER's."""
    kafka = {"BOOTSTRAP_SERVERS": broker.guarded, "TOPIC": names.topic, "GROUP_ID": names.group}
    given = {**kafka, **{f"PROPERTIES__{name}": text for name, text in properties().items()}}
    return {
        "POSTBACK_RETRY__DELAYS": "10s",
        **{f"POSTBACK_KAFKA__{name}": text for name, text in given.items()},
    }


def each(needed: Needs) -> list[tuple[str, str, str]]:
    """Each right of a list: kind, name, right."""
    return [(of.kind.value, of.name, right) for of, rights in needed.items() for right in sorted(rights)]


def test_every_command_is_played(names: Names) -> None:
    """The list has no command that these tests, or those of the console, do not look at."""
    console = {"console", "console --allow-actions"}
    assert set(needed_by(names)) - {"run", "topics create"} - console == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_rights_of(secured: Secured, names: Names, tmp_path: Path, command: str) -> None:
    """With all its rights it does its work; without one it names just that one, and ends with 1."""
    broker = secured.guarded
    create_topics(broker.open, {names.topic: 1})
    made = run("topics", "create", env=kafka_env(broker.open, names))
    assert made.exit_code == 0, made.stderr
    produce(broker.open, names.topic, [value("e-1", "c-1")])
    produce(broker.open, names.dlq, [Write(value("e-2", "c-2"), b"c-2")])
    env, rights = variables(broker, names), each(needed_by(names)[command])
    for kind, name, right in rights:
        broker.grant(kind, name, right)

    def it_may() -> bool:
        if command == "cancel end":
            give_cancel(broker.open, names)
        return may(env, command)

    wait_until("it may", it_may)
    if command == "cancel end":
        give_cancel(broker.open, names)
    for kind, name, right in rights:
        broker.take(kind, name, right)
        names_just_it(env, command, kind, name, right)
        broker.grant(kind, name, right)


def give_cancel(bootstrap: str, names: Names) -> None:
    """Have the cancellation stand."""
    order = CancelOrder(Provenance(time.time(), "ann"), CANCEL, EventFilter.of({"offer_id": "7"}), None)
    _, key, text, *_ = write(order, names.control)
    produce(bootstrap, names.control, [Write(text, key)])


def may(env: dict[str, str], command: str) -> bool:
    """Whether it does what it is for; `status` finds that no worker runs, which is exit 1."""
    result = run(*COMMANDS[command], env=env)
    return "error: " not in result.stderr and result.exit_code == (1 if command == "status" else 0)


def test_rights_of_topics_create(secured: Secured, names: Names) -> None:
    """It names each right for want of which it can't make a topic, or would not see it; with all it does."""
    broker = secured.guarded
    create_topics(broker.open, {names.topic: 1})
    env, needed = variables(broker, names), each(needed_by(names)["topics create"])
    for right in ("DESCRIBE", "DESCRIBE_CONFIGS", "ALTER", "CREATE"):  # each until the next can be lacking
        for kind, name, _ in [of for of in needed if of[2] == right]:
            if right != "DESCRIBE_CONFIGS":
                names_just_it(env, "topics create", kind, name, right, among=True)
            broker.grant(kind, name, right)
    wait_until("it makes them", lambda: run("topics", "create", env=env).exit_code == 0)
    checked = run("topics", "check", env=env)
    assert (checked.exit_code, checked.stderr) == (0, "")


def names_just_it(
    env: dict[str, str], command: str, kind: str, name: str, right: str, *, among: bool = False
) -> None:
    """Wait until it does, which it does soon; `among` others that are lacking, too."""
    said = f"{kind} {name}"
    wait_until(
        f"it names {right} on {name}",
        lambda: names_it(env, command, said, right, among=among),
        within=TOLD_WITHIN_SECONDS,
    )


def names_it(env: dict[str, str], command: str, resource: str, right: str, *, among: bool) -> bool:
    """Whether one line says which right is wanted, of what, and no other line speaks of one; exit 1.

    That nothing can be said of how a topic is set is a warning.
    """
    result = run(*COMMANDS.get(command, command.split()), env=env)
    kind, code = ("warning", 0) if right == "DESCRIBE_CONFIGS" else ("error", 1)
    lines = [*result.stderr.splitlines(), *(f"error: topic {row}" for row in result.stdout.splitlines())]
    named = [line for line in lines if "grant" in line and line[:5] != "hint:"]
    name = resource.removeprefix("topic ") if kind == "warning" else resource
    if among:
        named = [line for line in named if name in line]
    said = named[0] if len(named) == 1 else ""
    right_line = said.startswith(f"{kind}: ") and name in said and said.endswith(right)
    if not right_line or result.exit_code != code:
        print(command, resource, right, result.exit_code, named, result.stderr[-400:], result.exception)
    return right_line and result.exit_code == code


def test_a_file_without_plans(secured: Secured, names: Names, tmp_path: Path) -> None:
    """Who may only write to the source publishes a file all the same, and reads that it could not go on."""
    broker = secured.guarded
    create_topics(broker.open, {names.topic: 1})
    made = run("topics", "create", env=kafka_env(broker.open, names))
    assert made.exit_code == 0, made.stderr
    file = tmp_path / "a.jsonl"
    file.write_bytes(value("e-1", "c-1"))
    broker.grant("topic", names.topic, "WRITE")
    env = variables(broker, names)
    results: list[Result] = []

    def is_published() -> bool:
        results.append(run("publish", str(file), env=env))
        return results[-1].exit_code == 0

    wait_until("it may", is_published)
    result = results[-1]
    assert (result.exit_code, result.stdout) == (0, f"published 1 event to {names.topic}\n"), result.stderr
    assert "broken off, it can't go on later: " in result.stderr
