"""A log that can't be written: logging never stops the work."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, committed, create_topics, produce, wait_until
from tests.support.ports import free_port

pytestmark = [pytest.mark.kafka, pytest.mark.process]
DROPPED = "postback_log_lines_dropped_total"
FEW, MANY = 60, 9000
"""The lines of so many deliveries fit into a pipe, and do not fit into what may wait for its reader."""


def prepare(kafka: str, names: Names, tracker: Tracker, at: Path, events: int) -> dict[str, str]:
    """Make the topics, write the events; the variables of a worker that logs every delivery."""
    env = settings(kafka, names, tracker, HTTP__PORT=free_port(), LOG__LEVEL="debug")
    create_topics(kafka, {names.topic: 1})
    assert call("topics", "create", env=env, at=at).returncode == 0
    produce(kafka, names.topic, [value(f"e-{n}", f"click-{n}") for n in range(events)])
    return env


def all_committed(kafka: str, names: Names, events: int) -> None:
    """Wait until every event is committed."""
    wait_until(
        "all committed",
        lambda: getattr(committed(kafka, names.group, names.topic).get(0), "offset", 0) == events,
        within=120.0,
    )


@pytest.mark.parametrize("how", ["exec {} 2>/dev/full", "exec 2> >(exec true); wait $!; exec {}"])
def test_a_log_that_takes_nothing(kafka: str, names: Names, tmp_path: Path, how: str) -> None:
    """With a full disk under the log, or no reader, all is delivered and lines are counted as dropped."""
    with Tracker(lambda query, nth: 500 if nth == 1 and query["click_id"].endswith("7") else 200) as tracker:
        env = prepare(kafka, names, tracker, tmp_path, FEW)
        with Program(env, tmp_path, how) as program:
            tracker.asked(1)
            program.ready()
            all_committed(kafka, names, FEW)
            tracker.asked(FEW + FEW // 10)
            assert program.get("/livez")[0] == 200
            wait_until("each line is counted", lambda: program.metric(DROPPED) >= FEW)
            assert program.end() == 0
    assert len(tracker.clicks) == FEW


def test_a_reader_that_does_not_read(kafka: str, names: Names, tmp_path: Path) -> None:
    """While nobody reads its log a worker delivers and lives; then a line tells how many were dropped."""
    with Tracker() as tracker:
        env = prepare(kafka, names, tracker, tmp_path, MANY)
        with Program(env, tmp_path, unread=True) as program:
            tracker.asked(1)
            program.ready()
            all_committed(kafka, names, MANY)
            assert program.get("/livez")[0] == 200
            assert 0 < program.metric(DROPPED) < MANY
            program.read()
            told = program.said("log lines were dropped")
            dropped = program.metric(DROPPED)
            assert (told["level"], told["lines"]) == ("warning", dropped)
            assert program.end() == 0
    assert len([line for line in program.log if line["event"] == "log lines were dropped"]) == 1
    assert len([line for line in program.log if line["event"] == "delivered"]) >= MANY - dropped
    assert set(tracker.clicks.values()) == {1}


def test_an_end_with_a_full_pipe(kafka: str, names: Names, tmp_path: Path) -> None:
    """A worker whose log nobody reads ends all the same, with 0."""
    with Tracker() as tracker:
        env = prepare(kafka, names, tracker, tmp_path, MANY)
        with Program(env, tmp_path, unread=True) as program:
            tracker.asked(1)
            program.ready()
            all_committed(kafka, names, MANY)
            program.send(signal.SIGTERM)
            wait_until("it has ended", lambda: not program.alive)
            assert program.end() == 0
