"""The demonstration as a newcomer runs it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import aiohttp
import pytest
from typer.testing import CliRunner

from tests.support.kafka import wait_until
from worker import health
from worker.adapters.kafka import message_limits
from worker.adapters.kafka.own_topics import describe
from worker.cli import app
from worker.demo import Demo, demonstration
from worker.demo.tracker import Tracker

pytestmark = pytest.mark.process
WRONG = {"dead letter: undecodable", "dead letter: invalid", "dead letter: expired"}
ALL_WELL = (
    "not accounted for",
    "with two endings",
    "at the wrong network",
    "sent again after a 200",
    "not committed",
)


@pytest.fixture
def asks_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions that the embedded broker never answers are given up soon, and their threads end."""
    monkeypatch.setattr(health, "describe", partial(describe, within=0.3))
    monkeypatch.setattr(message_limits, "TIMEOUT_SECONDS", 0.3)


def demo(*arguments: str, at: Path) -> subprocess.CompletedProcess[str]:
    """Run it in an empty folder."""
    command = [sys.executable, "-m", "worker", "demo", *arguments]
    return subprocess.run(
        command, cwd=at, env={**os.environ}, capture_output=True, text=True, timeout=100, check=False
    )


@pytest.mark.parametrize(
    ("events", "failures"),
    [
        (150, "0.3"),
        pytest.param(150, "0", marks=pytest.mark.long),
        pytest.param(20, "1.0", marks=pytest.mark.long),
    ],
)
def test_the_account(tmp_path: Path, events: int, failures: str) -> None:
    """It ends with 0 and an account in which every record has one ending, at its own network."""
    ran = demo("--events", str(events), "--failures", failures, "-o", "json", at=tmp_path)
    assert ran.returncode == 0, ran.stderr
    lines = json.loads(ran.stdout)
    for line in lines:
        assert line["records"] == line["momentscience"] + line["voluum"]
    for network in ("momentscience", "voluum"):
        of_one = {line["ending"]: line[network] for line in lines}
        assert 0 < of_one.pop("published") == sum(of_one.values())
    account = {line["ending"]: line["records"] for line in lines}
    assert account.pop("published") == events
    assert [account.pop(line) for line in ALL_WELL] == [0, 0, 0, 0, 0]
    assert sum(account.values()) == events
    assert ("while voluum was down, " in ran.stderr) == (failures != "0")
    if failures == "0":
        assert account.keys() == {"delivered at attempt 1", *WRONG}
    assert f"every one of {events} records is accounted for" in ran.stderr


def test_the_table(tmp_path: Path) -> None:
    """Without options for the output it prints a table for people, on stdout alone."""
    ran = demo("--events", "20", "--failures", "0", at=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert [line.rsplit(None, 3) for line in ran.stdout.splitlines()][:3] == [
        ["ending", "records", "momentscience", "voluum"],
        ["published", "20", "12", "8"],
        ["delivered at attempt 1", "19", "11", "8"],
    ]


@pytest.mark.usefixtures("asks_briefly")
def test_a_partner_that_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """When not every record is accounted for it says so and ends with 1."""

    class Forgetful(Tracker):
        async def close(self) -> None:
            await super().close()
            self.recorded.popitem()

    monkeypatch.setattr("worker.demo.demonstration.Tracker", Forgetful)
    ran = CliRunner().invoke(app, ["demo", "--events", "10", "--failures", "0", "-o", "json"])
    assert ran.exit_code == 1
    account = {line["ending"]: line["records"] for line in json.loads(ran.stdout)}
    assert (account["published"], account["not accounted for"]) == (10, 2)
    assert "error: not every record is accounted for" in ran.stderr


async def ask(tracker: Tracker, event_id: str) -> int:
    """Ask it once; return its answer's status."""
    address = f"http://127.0.0.1:{tracker.port}/postback?event_id={event_id}"
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        return answer.status


async def test_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is down after half of what it expects, to everything, and takes everything once that is over."""
    tracker = Tracker(1e-9, 30, goes_down=True)
    await tracker.start()
    try:
        before = [await ask(tracker, f"e-{number}") for number in range(15)]
        assert before == [200] * 10 + [429] * 5
        assert [await ask(tracker, name) for name in "cd"] == [503, 503]
        assert tracker.down_since is not None
        assert tracker.recorded_during(tracker.down_since) == 0
        monkeypatch.setattr("worker.demo.tracker.OUTAGE_SECONDS", 0.0)
        assert await ask(tracker, "c") == 200
        monkeypatch.undo()
        assert tracker.recorded["c"] == 2
        assert "d" not in tracker.recorded
        assert tracker.recorded_during(tracker.recorded_at[-1]) == 1
    finally:
        await tracker.close()


@pytest.mark.usefixtures("asks_briefly")
async def test_stood_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all stands still for longer than the worker waits, what is on its way counts all the same."""
    stills = iter([1.5])

    class Still(Tracker):
        def is_down(self) -> bool:
            time.sleep(next(stills, 0.0))
            return super().is_down()

    monkeypatch.setattr(demonstration, "Tracker", Still)
    until = asyncio.Event()
    account = await Demo(40, 0.0).run(lambda progress: until.set() if progress.is_over else None, until)
    assert account.complete, account.lines()


@pytest.mark.usefixtures("asks_briefly")
async def test_a_clock_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much time passes while nothing runs, it is not given up for that."""
    monkeypatch.setattr(
        demonstration, "time", SimpleNamespace(time=time.time, monotonic=count(0, 3600).__next__)
    )
    account = await Demo(20, 0.0).run(lambda _: None)
    assert account.complete, account.lines()


@pytest.mark.usefixtures("asks_briefly")
async def test_ended_early() -> None:
    """Told to end before all have ended, it ends with an account that says so."""
    until = asyncio.Event()
    until.set()
    account = await Demo(200, 0.2).run(lambda _: None, until)
    assert not account.complete


@pytest.mark.usefixtures("asks_briefly")
async def test_ended_before_all_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told to end as all have just ended, it first waits for the commits of the last of them."""
    counted, behind = demonstration._behind, iter((1, 1))
    monkeypatch.setattr(
        demonstration, "_behind", lambda broker, settings: next(behind, 0) or counted(broker, settings)
    )
    until = asyncio.Event()
    account = await Demo(10, 0.0).run(lambda progress: until.set() if progress.is_over else None, until)
    assert account.complete


@pytest.mark.usefixtures("heeds_interrupts")
def test_lingering_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal it shows how far it is; with --linger the worker can be looked at until Ctrl-C."""
    ours, theirs = pty.openpty()
    shown: list[bytes] = []
    reader = threading.Thread(target=read_all_of, args=(ours, shown))
    reader.start()
    program = subprocess.Popen(
        [sys.executable, "-m", "worker", "demo", "--events", "10", "--failures", "0", "--linger"],
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    try:
        wait_until("all ended", lambda: "10/10 ended" in text_of(shown))
        wait_until("it says where to look", lambda: "/readyz; Ctrl-C ends" in text_of(shown))
        address = re.search(r"look at http://(127\.0\.0\.1:\d+)/metrics", text_of(shown))
        assert address is not None
        with urlopen(f"http://{address[1]}/livez", timeout=10) as answer:
            assert answer.status == 200
        program.send_signal(signal.SIGINT)
        printed, _ = program.communicate(timeout=30)
        assert program.returncode == 0
        assert "published" in printed
    finally:
        program.kill()
        program.wait()
        reader.join()
        os.close(ours)
    assert "every one of 10 records is accounted for" in text_of(shown)


def read_all_of(terminal: int, shown: list[bytes]) -> None:
    """Read what is shown until nobody holds the other end any more, which Linux tells as an error."""
    with contextlib.suppress(OSError):
        while data := os.read(terminal, 4096):
            shown.append(data)


def text_of(shown: list[bytes]) -> str:
    """What is shown, without the terminal's codes."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(shown).decode())
