"""SIGTERM: the first drains, the second ends at once; what was not finished is sent by the next worker."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, committed, create_topics, produce, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]
EVENTS = 60
ANSWERED = sum(f"click-{number}" < "click-3" for number in range(EVENTS))


def prepare(kafka: str, names: Names, env: dict[str, str], at: Path) -> None:
    """Make the topics and write the events, all to one partition."""
    create_topics(kafka, {names.topic: 1})
    assert call("topics", "create", env=env, at=at).returncode == 0
    produce(kafka, names.topic, [value(f"e-{number}", f"click-{number}") for number in range(EVENTS)])


def position(kafka: str, names: Names) -> int:
    """The committed offset."""
    found = committed(kafka, names.group, names.topic)
    return found[0].offset if found else 0


@pytest.mark.parametrize("transport", ["direct", "session"])
def test_a_drain(kafka: str, names: Names, tmp_path: Path, transport: str) -> None:
    """What is in flight at a SIGTERM ends and is committed, exit code 0; the next worker sends the rest."""
    with Tracker(lambda _query, _nth: "hang") as tracker:
        env = settings(kafka, names, tracker, DESTINATION__TRANSPORT=transport)
        prepare(kafka, names, env, tmp_path)
        with Program(env, tmp_path) as program:
            tracker.asked(10)
            program.send(signal.SIGTERM)
            wait_until("draining", lambda: "draining" in program.get("/readyz")[1])
            assert program.get("/livez")[0] == 200
            assert program.alive
            tracker.let_go()
            assert program.ended() == 0
        ended = len(tracker.hits)
        assert position(kafka, names) == ended < EVENTS
        assert program.log[-1]["event"] == "stopped"
        assert program.log[-1]["unfinished"] == 0
        with Program(env, tmp_path) as program:
            wait_until("all committed", lambda: position(kafka, names) == EVENTS)
            assert program.end() == 0
        assert set(tracker.clicks.values()) == {1}
        assert len(tracker.clicks) == EVENTS


def test_a_second_signal(kafka: str, names: Names, tmp_path: Path) -> None:
    """A second SIGTERM ends the program at once; what was in flight is sent again by the next one."""
    with Tracker(lambda _query, _nth: "hang") as tracker:
        env = settings(kafka, names, tracker, DESTINATION__TIMEOUT="1m")
        prepare(kafka, names, env, tmp_path)
        with Program(env, tmp_path) as program:
            tracker.asked(10)
            program.send(signal.SIGTERM)
            wait_until("draining", lambda: "draining" in program.get("/readyz")[1])
            program.send(signal.SIGTERM)
            assert program.ended() == 1
        assert program.lines[-1] == "stopped at once: what was in flight may be sent again"
        cut = tracker.clicks
        assert position(kafka, names) == 0
        tracker.let_go()
        with Program(env, tmp_path) as program:
            wait_until("all committed", lambda: position(kafka, names) == EVENTS)
            assert program.end() == 0
        assert tracker.clicks == {f"click-{n}": 1 + cut[f"click-{n}"] for n in range(EVENTS)}


def test_a_drain_that_is_cut(kafka: str, names: Names, tmp_path: Path) -> None:
    """What has not ended by the deadline is counted in the log and stays uncommitted; the exit code is 0."""
    with Tracker(lambda query, _nth: 200 if query["click_id"] < "click-3" else "hang") as tracker:
        env = settings(kafka, names, tracker, DRAIN_TIMEOUT="500ms")
        prepare(kafka, names, env, tmp_path)
        with Program(env, tmp_path) as program:
            tracker.asked(ANSWERED + 10)
            assert program.end() == 0
        last = program.log[-1]
        assert (last["event"], last["level"]) == ("stopped: the drain's time was up", "warning")
        assert last["unfinished"] >= 10
        assert position(kafka, names) == 3
