"""The real program as a process: its settings from the environment, its lines, its signals, its exit code."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, wait_until

COMMAND = [sys.executable, "-m", "worker"]
ENDS_WITHIN = 60.0


def settings(
    bootstrap: str, names: Names, tracker: Tracker | None = None, **given: str | int
) -> dict[str, str]:
    """Variables of a worker on a Kafka and a tracker; `given` is by name without the prefix, and wins."""
    made: dict[str, str | int] = {
        "KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "KAFKA__TOPIC": names.topic,
        "KAFKA__GROUP_ID": names.group,
        "KAFKA__PROPERTIES__SESSION_TIMEOUT_MS": 10_000,  # a machine may stand still for half of it
        "KAFKA__PROPERTIES__HEARTBEAT_INTERVAL_MS": 200,
        "KAFKA__PROPERTIES__TOPIC_METADATA_REFRESH_INTERVAL_MS": 500,
        "RETRY__DELAYS": "500ms,1s",
        "HTTP__PORT": 0,
        "LOG__FORMAT": "json",
        "DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true",
        "DESTINATION__TIMEOUT": "20s",  # so late an answer is one that hangs, on a machine that stalls too
    }
    if tracker is not None:
        made["DESTINATION__SIMPLE_URL"], made["DESTINATION__EVENT_URL"] = (
            tracker.simple_url,
            tracker.event_url,
        )
    return {f"POSTBACK_{name}": str(value) for name, value in {**made, **given}.items()}


def call(*arguments: str, env: Mapping[str, str], at: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in an empty folder."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**os.environ, **env},
        cwd=at,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def output_of(*arguments: str, env: Mapping[str, str], at: Path) -> str:
    """Run a command that must succeed, and return what it prints."""
    told = call(*arguments, env=env, at=at)
    assert told.returncode == 0, told.stderr
    return told.stdout


class Program:
    """`run`, or other `words`, as a process in an empty folder; a context manager that leaves none behind.

    `how` is a line of bash that starts it where `{}` stands. Its stderr is read at once, or from `read` on.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        at: Path,
        how: str = "exec {}",
        *,
        unread: bool = False,
        command: Sequence[str] = COMMAND,
        words: Sequence[str] = ("run",),
    ) -> None:
        self._env = {**os.environ, "TMPDIR": str(at), **env}  # where it caches, too
        self._at = at
        self._command = ["bash", "-c", how.format(shlex.join([*command, *words]))]
        self._may_read = threading.Event()
        if not unread:
            self.read()
        self.lines: list[str] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, env=self._env, cwd=self._at, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self.read()
        self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()
        if error is not None:
            print("the program said:", *self.lines[-30:], sep="\n")

    def read(self) -> None:
        """Read its stderr from now on."""
        self._may_read.set()

    @property
    def log(self) -> list[dict[str, Any]]:
        """Its log lines."""
        return [json.loads(line) for line in list(self.lines) if line.startswith("{")]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def said(self, event: str) -> dict[str, Any]:
        """Wait for a log line that begins so, and return the first one."""
        wait_until(f"it says {event!r}: {self.lines[-5:]}", lambda: self._find(event) is not None)
        found = self._find(event)
        assert found is not None
        return found

    def get(self, path: str) -> tuple[int, str]:
        """Ask its HTTP address."""
        port = int(self._env["POSTBACK_HTTP__PORT"])
        address = f"127.0.0.1:{port}" if port else self.said("started")["http"]
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def metric(self, name: str, **labels: str) -> float:
        """The value of a metric, of all that has these labels together; 0 where there is none yet."""
        lines = [line for line in self.get("/metrics")[1].splitlines() if re.match(rf"{name}[ {{]", line)]
        asked = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(part in line for part in asked))

    def ready(self) -> None:
        """Wait until it is ready."""
        wait_until("ready", lambda: self.get("/readyz")[0] == 200)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def ended(self) -> int:
        """Wait for its end; its exit code."""
        code = self._process.wait(ENDS_WITHIN)
        self.read()
        self._reader.join()
        return code

    def end(self) -> int:
        """Ask it to end, and wait."""
        self.send(signal.SIGTERM)
        return self.ended()

    def _find(self, event: str) -> dict[str, Any] | None:
        return next((line for line in self.log if line["event"].startswith(event)), None)

    def _read(self) -> None:
        assert self._process.stderr is not None
        self._may_read.wait()
        for line in self._process.stderr:
            self.lines.append(line.rstrip("\n"))
