"""Signals: the first drains, the second ends at once; what was not finished is sent by the next worker."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.program import COMMAND, ENDS_WITHIN, Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, committed, create_topics, end_offsets, produce, wait_until

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


@pytest.mark.usefixtures("heeds_interrupts")
@pytest.mark.parametrize(
    ("transport", "asks"),
    [("direct", [signal.SIGTERM]), ("session", [signal.SIGTERM]), ("direct", [signal.SIGHUP] * 2)],
)
def test_a_drain(
    kafka: str, names: Names, tmp_path: Path, transport: str, asks: list[signal.Signals]
) -> None:
    """What is in flight at a SIGTERM or SIGHUP ends and is committed, exit 0; the next one sends the rest."""
    with Tracker(lambda _query, _nth: "hang") as tracker:
        env = settings(kafka, names, tracker, DESTINATION__TRANSPORT=transport)
        prepare(kafka, names, env, tmp_path)
        with Program(env, tmp_path) as program:
            tracker.asked(10)
            for one in asks:
                program.send(one)
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
            tracker.asked(round(program.metric("postback_in_flight")))
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
            wait_until("what is before it is committed", lambda: position(kafka, names) == 3)
            assert program.end() == 0
        last = program.log[-1]
        assert (last["event"], last["level"]) == ("stopped: the drain's time was up", "warning")
        assert last["unfinished"] >= 10
        assert position(kafka, names) == 3


def test_ignored_from_the_start(kafka: str, names: Names, tmp_path: Path) -> None:
    """Started with SIGINT and SIGHUP ignored, as in the background or by nohup, it goes on ignoring them."""
    with Tracker() as tracker:
        env = settings(kafka, names, tracker)
        prepare(kafka, names, env, tmp_path)
        with Program(env, tmp_path, "trap '' INT HUP; exec {}") as program:
            program.ready()
            program.send(signal.SIGINT)
            program.send(signal.SIGHUP)
            program.send(signal.SIGUSR1)
            program.said("status")
            wait_until("all committed", lambda: position(kafka, names) == EVENTS)
            assert program.get("/readyz")[0] == 200
            assert program.end() == 0


def test_user_signals(kafka: str, names: Names, tmp_path: Path) -> None:
    """SIGUSR1 has it log one line of status, SIGUSR2 does nothing; it goes on working."""
    with Tracker(lambda _query, _nth: "hang") as tracker:
        env = settings(kafka, names, tracker)
        prepare(kafka, names, env, tmp_path)
        with Program(env, tmp_path) as program:
            program.ready()
            tracker.asked(10)
            wait_until("the lag is known", lambda: program.metric("postback_consumer_lag") == EVENTS)
            program.ready()
            program.send(signal.SIGUSR2)
            program.send(signal.SIGUSR1)
            status = program.said("status")
            assert (status["level"], status["circuit"], status["not_ready"]) == ("info", "closed", [])
            assert 10 <= status["in_flight"] <= status["outstanding"] <= status["lag"] == EVENTS
            tracker.let_go()
            wait_until("all committed", lambda: position(kafka, names) == EVENTS)
            assert program.end() == 0


@pytest.mark.usefixtures("heeds_interrupts")
@pytest.mark.parametrize("ends", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_another_command(kafka: str, names: Names, tmp_path: Path, ends: signal.Signals) -> None:
    """A command that is to end while it publishes says how far it came, exit 1; user signals do nothing."""
    create_topics(kafka, {names.topic: 1})
    with subprocess.Popen(
        [*COMMAND, "publish", "-"],
        env={**os.environ, **settings(kafka, names)},
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        for number in range(2):
            process.stdin.write(value(f"e-{number}", "click").decode() + "\n")
            process.stdin.flush()
            wait_until("it is there", lambda: end_offsets(kafka, names.topic) == {0: number + 1})  # noqa: B023
            process.send_signal(signal.SIGUSR1)
            process.send_signal(signal.SIGUSR2)
        process.send_signal(ends)
        out, err = process.communicate(timeout=ENDS_WITHIN)
    assert (process.returncode, out) == (1, f"published 2 events to {names.topic}\n")
    assert err.splitlines() == ["error: not sent: what follows line 2", "error: interrupted"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells what a process ignores")
@pytest.mark.parametrize("command", ["run", "demo"])
@pytest.mark.usefixtures("heeds_interrupts")
@pytest.mark.parametrize("ends", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_while_it_loads(names: Names, tmp_path: Path, command: str, ends: signal.Signals) -> None:
    """A signal while it loads is exit 0 of `run`, for nothing is in flight; others end by it, or with 1."""
    with subprocess.Popen(
        [*COMMAND, command],
        env={**os.environ, **settings("127.0.0.1:1", names)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until(
            "it has taken the signals over", lambda: bool(ignored(process.pid) >> signal.SIGUSR2 - 1 & 1)
        )
        process.send_signal(signal.SIGUSR1)
        process.send_signal(ends)
        _, err = process.communicate(timeout=ENDS_WITHIN)
    # Where it arrives within an import, Python itself ends as an interrupt does.
    assert process.returncode in ({0} if command == "run" else {1, -signal.SIGINT})
    assert "Traceback" not in err


def ignored(pid: int) -> int:
    """The signals that a process ignores, as Linux tells them: a bit for each."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("SigIgn:")).split()[1], 16)
