"""The journal on a real Kafka, by the real program: each record that is committed has its step."""

from __future__ import annotations

import random
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from schemas.journal import JournalStep, StepKind, read_step
from tests.chaos.operator import limit
from tests.e2e.events import value
from tests.e2e.program import COMMAND, Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import (
    Names,
    Write,
    committed,
    create_topics,
    end_offsets,
    produce,
    read_all,
    wait_until,
)
from worker.core import offset_map

pytestmark = [pytest.mark.kafka, pytest.mark.process]

HASTY = [sys.executable, "-m", "tests.chaos.mutants", "commit_before_the_journal"]


def events(first: int, count: int) -> list[Write]:
    """Events by number."""
    numbers = range(first, first + count)
    return [Write(value(f"e-{number}", f"c-{number}"), b"c-%d" % number) for number in numbers]


def steps(kafka: str, names: Names) -> list[JournalStep]:
    """What lies in the journal."""
    return [step for read in read_all(kafka, names.journal) if (step := read_step(read.value))]


def unjournaled(kafka: str, names: Names) -> set[str]:
    """The source records that the group says are finished, and of which the journal tells nothing."""
    told = {step.origin for step in steps(kafka, names)}
    finished: set[str] = set()
    for number, at in committed(kafka, names.group, names.topic).items():
        finished.update(f"{names.topic}/{number}/{offset}" for offset in range(max(at.offset, 0)))
        known = offset_map.read(at.metadata).finished if at.metadata else None
        if known is not None:
            beyond = (offset for offset in range(at.offset, known.upto) if offset in known)
            finished.update(f"{names.topic}/{number}/{offset}" for offset in beyond)
    return finished - told


def test_each_step(kafka: str, names: Names, tmp_path: Path) -> None:
    """Deliveries, retries and dead letters stand in the journal, with answers and without secrets."""
    create_topics(kafka, {names.topic: 3})
    answers = {"c-1": [503, 503, 503], "c-2": [500, 200]}

    def act(query: object, nth: int) -> int:
        assert isinstance(query, dict)
        return dict(enumerate(answers.get(query["click_id"], [200]), 1)).get(nth, 200)

    with Tracker(act) as tracker:
        env = settings(
            kafka, names, tracker, RETRY__MAX_ATTEMPTS=3, DESTINATION__HEADERS__X_TOKEN="t0ken"
        ) | {"POSTBACK_DESTINATION__SIMPLE_URL": f"{tracker.simple_url}&token=t0ken"}
        made = call("topics", "create", "-o", "json", env=env, at=tmp_path)
        assert made.returncode == 0, made.stderr
        produce(kafka, names.topic, [*events(0, 5), Write(b"no JSON", b"k", partition=2)])
        with Program(env, tmp_path) as program:
            wait_until("six endings", lambda: len(endings(kafka, names)) == 6)
            wait_until("committed", lambda: offsets(kafka, names) == end_offsets(kafka, names.topic))
            assert program.end() == 0
    told: dict[str | None, list[JournalStep]] = {}
    for step in steps(kafka, names):
        told.setdefault(step.event_id, []).append(step)
    assert [step.step for step in told["e-0"]] == [StepKind.DELIVERED]
    assert [(step.step, step.status, step.attempt, step.tier) for step in told["e-2"]] == [
        (StepKind.RETRY, 500, 1, "500ms"),
        (StepKind.DELIVERED, 200, 2, None),
    ]
    assert [(step.step, step.attempt, step.reason) for step in told["e-1"]] == [
        (StepKind.RETRY, 1, "status"),
        (StepKind.RETRY, 2, "status"),
        (StepKind.DEAD, 3, "exhausted"),
    ]
    assert len({step.origin for step in told["e-1"]}) == 1
    assert [(step.step, step.reason) for step in told[None]] == [(StepKind.DEAD, "undecodable")]
    url = told["e-0"][0].url
    assert url is not None
    assert url.endswith("?click_id=c-0&token=********")
    for read in read_all(kafka, names.journal):
        assert b"t0ken" not in (read.value or b"")
        one = read_step(read.value)
        assert one is not None
        assert read.partition == int(one.origin.split("/")[1])
        assert read.key == (one.event_id or one.origin).encode()


@pytest.mark.long
def test_killed(kafka: str, names: Names, tmp_path: Path) -> None:
    """Whenever the program is killed, each record that it committed has its step; each step happened."""
    create_topics(kafka, {names.topic: 3})
    some = random.Random(7)
    with Tracker() as tracker:
        env = settings(kafka, names, tracker)
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        for kill in range(4):
            produce(kafka, names.topic, events(500 * kill, 500))
            more = some.randrange(20, 400)
            with Program(env, tmp_path) as program:
                program.ready()
                enough = done(kafka, names) + more
                while done(kafka, names) < min(enough, 500 * kill + 450):
                    assert program.alive
                program.send(signal.SIGKILL)
                program.ended()
            assert not unjournaled(kafka, names)
        with Program(env, tmp_path) as program:
            program.ready()
            wait_until("committed", lambda: offsets(kafka, names) == end_offsets(kafka, names.topic))
            assert program.end() == 0
    assert not unjournaled(kafka, names)
    told = Counter(step.event_id for step in steps(kafka, names))
    assert told.keys() == {f"e-{number}" for number in range(2000)}
    hits = tracker.clicks
    assert not [event for event, count in told.items() if count > hits[f"c-{(event or '')[2:]}"]]
    twice = sum(count > 1 for count in hits.values())
    print(f"sent twice, of 2,000: {twice}; steps beyond one: {sum(told.values()) - 2000}")


@pytest.mark.parametrize("command", [COMMAND, HASTY], ids=["as it is", "mutant"])
def test_refused(kafka: str, names: Names, tmp_path: Path, command: Sequence[str]) -> None:
    """While the journal refuses, nothing is committed and readiness says why; a hasty program is caught."""
    create_topics(kafka, {names.topic: 1})
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    with Tracker() as tracker:
        env = settings(kafka, names, tracker, DRAIN_TIMEOUT="1s")
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        limit(admin, [names.journal], 1)
        produce(kafka, names.topic, events(0, 5))
        with Program(env, tmp_path, command=command) as program:
            wait_until("it is said", lambda: names.journal in program.get("/readyz")[1])
            tracker.asked(5)
            if command is HASTY:
                wait_until("it commits", lambda: offsets(kafka, names) == {0: 5})
            program.send(signal.SIGTERM)
            program.ended()
        lacking = unjournaled(kafka, names)
        if command is HASTY:
            assert len(lacking) == 5
            return
        assert not lacking
        limit(admin, [names.journal], 1_000_000)
        with Program(env, tmp_path) as program:
            wait_until("committed", lambda: offsets(kafka, names) == end_offsets(kafka, names.topic))
            assert program.end() == 0
    assert not unjournaled(kafka, names)


def test_missing(kafka: str, names: Names, tmp_path: Path) -> None:
    """Without its journal a worker is not ready, and says what is missing; without one it needs none."""
    create_topics(kafka, {names.topic: 1, names.dlq: 1, names.tier("500ms"): 1, names.tier("1s"): 1})
    with Tracker() as tracker:
        env = settings(kafka, names, tracker)
        with Program(env, tmp_path) as program:
            line = f"topic {names.journal} does not exist"
            wait_until("it is said", lambda: line in program.get("/readyz")[1])
            assert program.end() == 0
        produce(kafka, names.topic, events(0, 5))
        with Program({**env, "POSTBACK_JOURNAL__ENABLED": "false"}, tmp_path) as program:
            program.ready()
            tracker.asked(5)
            assert program.end() == 0
    assert offsets(kafka, names) == end_offsets(kafka, names.topic)


def endings(kafka: str, names: Names) -> list[JournalStep]:
    """The steps that end a record."""
    return [step for step in steps(kafka, names) if step.step is not StepKind.RETRY]


def offsets(kafka: str, names: Names) -> dict[int, int]:
    """The committed offsets of the source, where records are."""
    return {number: at.offset for number, at in committed(kafka, names.group, names.topic).items()}


def done(kafka: str, names: Names) -> int:
    """How many records are committed."""
    return sum(max(offset, 0) for offset in offsets(kafka, names).values())
