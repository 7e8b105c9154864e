"""README's first run works as it is written, on a real Kafka."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.pages import README, section
from tests.support.kafka import Names, create_topics, wait_until

TITLE = "A first run in five minutes"
ENDS_WITHIN_SECONDS = 30.0
# The ports of the page, which may be taken on this machine.
PARTNER, WORKER = "9000", "8080"


def free_port() -> str:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


@contextmanager
def terminal(script: str, env: Mapping[str, str], at: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A terminal in which a block is typed; what it prints is in `log`. Nothing of it is left behind."""
    with log.open("wb") as out:
        shell = subprocess.Popen(
            ["bash", "-e", "-c", script], env=env, cwd=at, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield shell
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()


def recorded(metrics: str) -> float:
    """How many attempts were delivered, as the metrics have it."""
    labels = r'\{destination="\w+",outcome="delivered",status="200"\}'
    found = re.search(rf"^postback_attempts_total{labels} (\S+)$", metrics, re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.mark.kafka
@pytest.mark.process
def test_the_first_run(kafka: str, names: Names, tmp_path: Path, heeds_interrupts: None) -> None:
    """Who types the blocks of the page sees a postback for each example, a ready worker, and a clean end."""
    partner, worker = free_port(), free_port()
    text = section(README, TITLE).replace(PARTNER, partner).replace(WORKER, worker)
    broker, stand_in, run, look = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert broker == "make broker\n"  # the broker of the tests stands for it
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    env = {
        **os.environ,
        "POSTBACK_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "POSTBACK_KAFKA__TOPIC": names.topic,
        "POSTBACK_KAFKA__GROUP_ID": names.group,
        "POSTBACK_HTTP__PORT": worker,
    }
    create_topics(kafka, {names.topic: 1})
    asked, said = tmp_path / "partner.log", tmp_path / "worker.log"

    def answer() -> str:
        return subprocess.run(
            ["bash", "-c", look], env=env, capture_output=True, text=True, timeout=60, check=False
        ).stdout

    with terminal(stand_in, env, tmp_path, asked), terminal(run, env, tmp_path, said) as working:
        wait_until("the worker is there", lambda: '"status": "ready"' in answer())
        events = re.search(r"published (\d+) events", said.read_text())
        assert events, said.read_text()
        wait_until("every one is recorded", lambda: recorded(answer()) == int(events[1]))
        os.killpg(working.pid, signal.SIGINT)
        assert working.wait(ENDS_WITHIN_SECONDS) == 0, said.read_text()
    assert asked.read_text().count("GET /postback?") == int(events[1])
