"""Two deployments that share a group by mistake, with the real program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, Write, committed, create_topics, produce, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]
EVENTS = 20


@pytest.fixture
def first_partner() -> Iterator[Tracker]:
    """A partner that refuses each click once."""
    with Tracker(lambda _query, nth: 500 if nth == 1 else 200) as tracker:
        yield tracker


@pytest.fixture
def second_partner() -> Iterator[Tracker]:
    """Another one, that takes everything."""
    with Tracker() as tracker:
        yield tracker


def clicks(word: str) -> list[str]:
    """So many clicks."""
    return [f"{word}-{number}" for number in range(EVENTS)]


def write(kafka: str, topic: str, word: str) -> None:
    """Write an event for each click, to both partitions."""
    events = [Write(value(f"e-{click}", click), partition=n % 2) for n, click in enumerate(clicks(word))]
    produce(kafka, topic, events)


def env_of(kafka: str, names: Names, tracker: Tracker, **given: str) -> dict[str, str]:
    """The settings of a deployment; its tier waits for longer than a rebalance takes."""
    return settings(kafka, names, tracker, RETRY__DELAYS="1s", **given)


@pytest.mark.parametrize("other", ["source", "destination"])
def test_a_second_identity(
    kafka: str, names: Names, tmp_path: Path, first_partner: Tracker, second_partner: Tracker, other: str
) -> None:
    """A second deployment does not start with the group of a first one: exit 2, one line that names both.

    `config check --online` warns of that, and of what would be left unread of the first one's source; so does
    a worker that takes the group over.
    """
    leads = f"{names.topic}.leads"
    create_topics(kafka, {names.topic: 2, leads: 2})
    env = env_of(kafka, names, first_partner)
    if other == "source":
        second = env_of(kafka, names, second_partner, KAFKA__TOPIC=leads)
        ours, theirs = f"reads {leads}", f"reads {names.topic}"
    else:
        second = env_of(kafka, names, second_partner, DESTINATION__NAME="voluum")
        ours, theirs = "sends to voluum", "another deployment"
    assert call("topics", "create", env=env, at=tmp_path).returncode == 0
    with Program(env, tmp_path) as worker:
        worker.ready()
        write(kafka, names.topic, "a")
        write(kafka, leads, "b")
        wait_until("both tries", lambda: all(first_partner.clicks[click] == 2 for click in clicks("a")))
        tier = names.tier("1s")
        wait_until("the tier is signed", lambda: bool(committed(kafka, f"{names.group}.retry", tier)))
        ended = call("run", env=second, at=tmp_path)
        assert ended.returncode == 2
        (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error:")]
        assert f"the group {names.group} belongs to" in line
        assert ours in line
        assert theirs in line
        assert "POSTBACK_KAFKA__GROUP_ID" in line
        assert "run --adopt" in line
        assert worker.end() == 0
    assert not second_partner.clicks
    write(kafka, names.topic, "d")
    unread = f"{EVENTS} records of {names.topic} are not read yet by the group {names.group}"
    checked = call("config", "check", "--online", env=second, at=tmp_path)
    warned = [line for line in checked.stderr.splitlines() if line.startswith("warning:")]
    assert any(f"the group {names.group} belongs to" in line for line in warned)
    assert any(unread in line for line in warned) == (other == "source")
    with Program(second, tmp_path, how="exec {} --adopt") as worker:
        if other == "source":
            worker.said(unread)
        worker.ready()
        write(kafka, second["POSTBACK_KAFKA__TOPIC"], "c")
        wait_until("it has taken over", lambda: set(second_partner.clicks) >= set(clicks("c")))
        assert worker.end() == 0
    assert all(times == 2 for click, times in first_partner.clicks.items())


@pytest.mark.parametrize("other", ["source", "destination"])
def test_at_the_same_time(
    kafka: str, names: Names, tmp_path: Path, first_partner: Tracker, second_partner: Tracker, other: str
) -> None:
    """Of two deployments that start with a new group at the same time nothing reaches the wrong partner."""
    leads = f"{names.topic}.leads"
    create_topics(kafka, {names.topic: 2, leads: 2})
    env = env_of(kafka, names, first_partner)
    given = {"KAFKA__TOPIC": leads} if other == "source" else {"DESTINATION__NAME": "voluum"}
    second = env_of(kafka, names, second_partner, **given)
    assert call("topics", "create", env=env, at=tmp_path).returncode == 0
    write(kafka, names.topic, "a")
    write(kafka, leads, "b")
    with Program(env, tmp_path) as one, Program(second, tmp_path) as two:
        wait_until("one is held", lambda: any(is_held(program) for program in (one, two)))
        one.end()
        two.end()
    if other == "source":
        assert not set(first_partner.clicks) & set(clicks("b"))
        assert not set(second_partner.clicks) & set(clicks("a"))
    else:
        assert not (first_partner.clicks and second_partner.clicks)


def is_held(program: Program) -> bool:
    """Whether a deployment has ended, or rests, for the sake of another one."""
    return not program.alive or any(re.search(" rests?: ", line) for line in program.lines)
