"""What this user may not do is named by the worker and by `config check --online`; the true cause first."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.acl import NOWHERE, PASSWORD, USER, Guarded
from tests.support.kafka import Names, committed, create_topics, produce, wait_until
from tests.support.secured import Secured

pytestmark = [pytest.mark.kafka, pytest.mark.process]
DEAD = "127.0.0.1:1"


@pytest.fixture
def broker(secured: Secured) -> Guarded:
    """A broker with rights."""
    return secured.guarded


@pytest.fixture
def env(broker: Guarded, names: Names, tracker: Tracker) -> dict[str, str]:
    """A worker that logs in as USER; its topics are there."""
    topics = [names.topic, names.tier("10s"), names.dlq, names.journal, names.control]
    create_topics(broker.open, dict.fromkeys(topics, 1))
    produce(broker.open, names.control, [b"what another version remembers"])
    return settings(
        *(broker.guarded, names, tracker),
        RETRY__DELAYS="10s",
        KAFKA__PROPERTIES__SECURITY_PROTOCOL="SASL_PLAINTEXT",
        KAFKA__PROPERTIES__SASL_MECHANISM="PLAIN",
        KAFKA__PROPERTIES__SASL_USERNAME=USER,
        KAFKA__PROPERTIES__SASL_PASSWORD=PASSWORD,
    )


def all_rights(names: Names) -> dict[tuple[str, str], tuple[str, ...]]:
    """What a worker needs."""
    return {
        ("topic", names.topic): ("READ",),
        ("topic", names.tier("10s")): ("READ", "WRITE"),
        ("topic", names.control): ("READ", "WRITE"),
        ("topic", names.dlq): ("WRITE",),
        ("topic", names.journal): ("READ", "WRITE"),
        ("group", names.group): ("READ",),
        ("group", names.retry_group): ("READ",),
    }


def grant_all(broker: Guarded, names: Names) -> None:
    """Grant what a worker needs, and no more."""
    for (kind, name), rights in all_rights(names).items():
        broker.grant(kind, name, *rights)


def says(program: Program, *words: str) -> bool:
    """Whether it is not ready for a reason with these words."""
    code, body = program.get("/readyz")
    return code == 503 and all(word in body for word in words)


def test_check_lists_what_is_lacking(
    broker: Guarded, names: Names, env: dict[str, str], tmp_path: Path
) -> None:
    """`config check --online` names each right that is lacking; with all of them it is content."""
    broker.grant("topic", names.topic, "DESCRIBE")
    broker.grant("topic", names.tier("10s"), "READ")
    result = call("config", "check", "--online", env=env, at=tmp_path)
    assert result.returncode == 1, result.stdout
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    lacks, topic, group = (
        "this user lacks a right",
        "Broker: Topic authorization failed",
        "Broker: Group authorization failed",
    )
    assert lines == [
        f"error: topic {names.topic}: {lacks}: grant it READ",
        f"error: topic {names.tier('10s')}: {lacks}: grant it WRITE",
        f"error: topic {names.control}: {topic}: grant this user READ and WRITE",
        f"error: topic {names.journal}: {topic}: grant this user READ and WRITE",
        f"error: topic {names.dlq}: {topic}: grant this user WRITE",
        f"error: group {names.group}: {group}: grant this user READ",
        f"error: group {names.retry_group}: {group}: grant this user READ",
    ]
    grant_all(broker, names)
    wait_until(
        "the check is content",
        lambda: call("config", "check", "--online", env=env, at=tmp_path).returncode == 0,
    )
    assert committed(broker.open, names.group, names.topic) == {}


def test_topics_that_may_not_be_seen(
    broker: Guarded, names: Names, env: dict[str, str], tmp_path: Path
) -> None:
    """Neither `topics check` nor `topics create` takes a topic that this user may not see for missing."""
    denied = "Broker: Topic authorization failed: grant this user"
    result = call("topics", "create", env=env, at=tmp_path)
    assert result.returncode == 1
    assert result.stderr.splitlines()[0] == f"error: topic {names.topic}: {denied} DESCRIBE"
    broker.grant("topic", names.topic, "READ")
    result = call("topics", "check", "-o", "json", env=env, at=tmp_path)
    assert result.returncode == 1
    problems = {row["topic"]: row["problems"] for row in json.loads(result.stdout)}
    assert (problems[names.topic], problems[names.dlq]) == ([], [f"{denied} DESCRIBE"])
    assert "does not exist" not in str(problems[names.tier("10s")])


@pytest.mark.parametrize(
    ("which", "heard"),
    [
        (0, "Subscribed topic not available: {}: "),
        (1, "{}/0: Fetch from broker "),
        (-2, "group {}: "),
        (-1, "group {}: "),
    ],
    ids=["source", "tier", "group", "retry group"],
)
def test_a_worker_that_may_not_read(
    broker: Guarded,
    names: Names,
    env: dict[str, str],
    tracker: Tracker,
    tmp_path: Path,
    which: int,
    heard: str,
) -> None:
    """A worker that may not read is not ready, names what it may not, and works when it may."""
    grant_all(broker, names)
    (kind, name), rights = list(all_rights(names).items())[which]
    broker.take(kind, name, "READ")
    produce(broker.open, names.topic, [value("e-1", "c-1")])
    with Program(env, tmp_path) as program:
        wait_until("it says so", lambda: says(program, f"{kind} {name}: ", "grant", "READ"))
        assert f"{kind} {name}: " in program.said(f"not ready: {kind} {name}: ")["event"]
        assert "does not exist" not in program.get("/readyz")[1]
        program.said(heard.format(name))  # what the client itself says names it, too
        broker.grant(kind, name, *rights)
        program.ready()
        wait_until("it is delivered", lambda: len(tracker.hits) == 1)
        assert program.end() == 0


def test_a_restart(
    broker: Guarded, names: Names, env: dict[str, str], tracker: Tracker, tmp_path: Path
) -> None:
    """With these rights and no more a worker starts again, with what it has cached of the journal."""
    grant_all(broker, names)
    for number in (1, 2):
        produce(broker.open, names.topic, [value(f"e-{number}", f"c-{number}")])
        with Program(env, tmp_path) as program:
            program.ready()
            tracker.asked(number)
            assert program.said("what the journal tells is known")["cached"] == number - 1
            assert program.end() == 0
    assert len(tracker.hits) == 2


def test_each_right_on_a_topic(
    broker: Guarded, names: Names, env: dict[str, str], tracker: Tracker, tmp_path: Path
) -> None:
    """A worker that runs names each right on a topic that is taken, just that one, and goes on with it."""
    grant_all(broker, names)
    needed = [(of, right) for of, rights in all_rights(names).items() for right in rights]
    with Program(env, tmp_path) as program:
        program.ready()
        for (kind, name), right in needed:
            if kind == "group":
                continue  # of these the client tells, when it asks the group for something
            broker.take(kind, name, right)
            wait_until(f"it names {right} on {name}", partial(says_only, program, name, right))
            broker.grant(kind, name, right)
            program.ready()
        produce(broker.open, names.topic, [value("e-1", "c-1")])
        wait_until("it is delivered", lambda: len(tracker.hits) == 1)


def says_only(program: Program, topic: str, right: str) -> bool:
    """Whether one reason names this right on this topic, and no other topic is named."""
    code, body = program.get("/readyz")
    told = [line for line in json.loads(body)["reasons"] if line.startswith("topic ")] if code == 503 else []
    return len(told) == 1 and told[0].startswith(f"topic {topic}: ") and told[0].endswith(right)


def test_a_topic_that_may_not_be_written_is_there(
    broker: Guarded, names: Names, env: dict[str, str], tmp_path: Path
) -> None:
    """While a dead letter may not be written, no reason says that its topic does not exist."""
    grant_all(broker, names)
    broker.take("topic", names.dlq, "WRITE")
    broker.grant("topic", names.dlq, "DESCRIBE")
    produce(broker.open, names.topic, [b"no event"])
    with Program(env, tmp_path) as program:
        wait_until("it is refused", lambda: says(program, f"publishing to {names.dlq} is refused"))
        until = time.monotonic() + 4
        while time.monotonic() < until:
            assert says(program, "authorization failed")
            assert "does not exist" not in program.get("/readyz")[1]
            time.sleep(0.05)
        broker.grant("topic", names.dlq, "WRITE")
        program.ready()


@pytest.mark.long
def test_a_wrong_password_behind_a_dead_address(broker: Guarded, env: dict[str, str], tmp_path: Path) -> None:
    """A refused login is reported, though another address refuses connections."""
    wrong = {
        **env,
        "POSTBACK_KAFKA__BOOTSTRAP_SERVERS": f"{DEAD},{broker.guarded}",
        "POSTBACK_KAFKA__PROPERTIES__SASL_PASSWORD": "wrong",
    }
    for command in (["config", "check", "--online"], ["topics", "check"], ["dlq", "list"]):
        result = call(*command, env=wrong, at=tmp_path)
        assert result.returncode == 1
        (line,) = (line for line in result.stderr.splitlines() if line.startswith("error: "))
        assert "Authentication failed" in line
        assert "refused" not in line
    with Program(wrong, tmp_path) as program:
        wait_until("it says so", lambda: says(program, "Authentication failed"))
        assert "Connection refused" not in program.get("/readyz")[1]


@pytest.mark.long
def test_a_broker_that_is_not_where_it_says(
    broker: Guarded, names: Names, tracker: Tracker, tmp_path: Path
) -> None:
    """A broker that advertises a name which does not resolve is named with it, whatever was asked first."""
    create_topics(broker.open, dict.fromkeys([names.topic, names.tier("10s"), names.dlq, names.journal], 1))
    env = settings(broker.astray, names, tracker, RETRY__DELAYS="10s")
    result = call("config", "check", "--online", env=env, at=tmp_path)
    assert result.returncode == 1
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    # The list of topics is asked of any broker: of the one that was configured, or of the one it advertises.
    assert errors[0].startswith(
        (f"error: {names.topic}/0 can't be read: ", f"error: {broker.astray} does not answer: ")
    )
    assert NOWHERE in errors[0]
    assert "resolve" in errors[0]
