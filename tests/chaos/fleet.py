"""The workers of a run: started in slots, killed, stopped, ended, each deed logged before it is done.

The rule: a slot holds one process at a time. The partner hears its name: `w1-2` is the second of slot 1.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from tests.chaos.logs import DEEDS, Log, deed
from tests.chaos.process import Process
from tests.support.kafka import wait_until
from tests.support.ports import free_port

WORKER = (sys.executable, "-m", "worker", "run")

DRAIN = 7.0
TIMEOUT = 5.0
SESSION = 6.0
"""Seconds, as the settings below have them."""

READY_WITHIN = 180.0
CLOSES_WITHIN = 55.0
"""Seconds that an end in good order may take above the drain, as docs/operating.md says."""

CONCURRENCY = 32
"""Lanes of each destination."""

SETTINGS = {
    "KAFKA__PROPERTIES__SESSION_TIMEOUT_MS": f"{SESSION * 1000:.0f}",
    "KAFKA__PROPERTIES__TOPIC_METADATA_REFRESH_INTERVAL_MS": "2000",
    "DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true",
    "DESTINATION__TIMEOUT": f"{TIMEOUT:g}s",
    "DESTINATION__CONCURRENCY": str(CONCURRENCY),
    "CIRCUIT__PROBE_PAUSE": "300ms",
    "CIRCUIT__PROBE_PAUSE_MAX": "2s",
    "RETRY__DELAYS": "1s,2s,4s",
    "RETRY__MAX_ATTEMPTS": "5",
    "DRAIN_TIMEOUT": f"{DRAIN:g}s",
    "MAX_OUTSTANDING": "150",
    "LOG__FORMAT": "json",
}
TIERS = ("1s", "2s", "4s")


def settings_of_one(partner_port: int) -> dict[str, str]:
    """The settings of the single destination."""
    url = f"http://127.0.0.1:{partner_port}/postback?click_id={{click_id}}&event_id={{event_id}}"
    event = "&measurement=1&event={event}&payout={payout}"
    return {"DESTINATION__SIMPLE_URL": url, "DESTINATION__EVENT_URL": url + event}


class Worker:
    """One worker process."""

    def __init__(self, name: str, program: Sequence[str], settings: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self._port = free_port()
        self._log = Log(folder / DEEDS)
        self._metrics = folder / f"{name}.metrics"
        self._lines = folder / f"{name}.log"
        ours = {"HTTP__PORT": str(self._port), "DESTINATION__HEADERS__X_WORKER": name}
        own = {f"POSTBACK_{key}": value for key, value in {**settings, **ours}.items()}
        outside = {key: value for key, value in os.environ.items() if not key.startswith("POSTBACK_")}
        self._log.write(deed("start", name))
        self._process = Process(program, {**outside, **own}, self._lines)

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.code

    @property
    def resources(self) -> psutil.Process:
        """What it uses."""
        return psutil.Process(self._process.pid)

    def kill(self) -> None:
        """`kill -9`; idempotent."""
        lives = self.code is None
        if lives:
            self._log.write(deed("kill", self.name))
        self._process.kill()
        if lives:
            self._log.write(deed("dead", self.name))

    def stop(self) -> None:
        """Freeze it (SIGSTOP)."""
        self._log.write(deed("stop", self.name))
        self._process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw it (SIGCONT)."""
        self._process.signal(signal.SIGCONT)
        self._log.write(deed("resume", self.name))

    def leave(self, within: float = DRAIN + CLOSES_WITHIN) -> int | None:
        """End it in good order (SIGTERM); return its exit code, None where it had to be killed."""
        self._log.write(deed("term", self.name))
        self._process.signal(signal.SIGTERM)
        code = self._process.wait(within)
        self._log.write(deed("left", self.name))
        self.kill()
        return code

    def await_ready(self) -> None:
        """Return when it says that it is ready; raise AssertionError otherwise."""
        wait_until(f"{self.name} is ready", lambda: self.code is not None or self.is_ready(), READY_WITHIN)
        if self.code is not None:
            raise AssertionError(f"{self.name} ended with {self.code} before it was ready")

    def is_ready(self) -> bool:
        """Whether it says so now."""
        return self._get("/readyz") is not None

    def metrics(self) -> dict[str, float]:
        """Its metrics, by name with labels; nothing where it does not answer."""
        lines = (self._get("/metrics") or "").splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def log(self) -> str:
        """What it has logged so far."""
        return self._lines.read_text("utf-8")

    def save_metrics(self) -> None:
        """Keep what it says of itself now beside its log."""
        states = [self._get(path) or "no answer\n" for path in ("/readyz", "/metrics")]
        self._metrics.write_text("\n".join(states), "utf-8")

    def _get(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=2) as answer:
                text: str = answer.read().decode()
                return text
        except (urllib.error.URLError, OSError):
            return None


class Fleet:
    """Starts workers in slots and remembers all of them."""

    def __init__(
        self,
        bootstrap: str,
        given: Mapping[str, str],
        folder: Path,
        settings: Mapping[str, str],
        program: Sequence[str],
    ) -> None:
        """Give workers what the world says, `SETTINGS`, and `settings` over both."""
        merged = {"KAFKA__BOOTSTRAP_SERVERS": bootstrap, **given, **SETTINGS, **settings}
        self._settings = {key: value for key, value in merged.items() if value}
        self._program = program
        self._folder = folder
        self._started: dict[int, int] = {}
        self._lock = threading.Lock()
        self._closed = False
        self.all: list[Worker] = []

    def start(self, slot: int) -> Worker:
        """Start the next process of a slot; it is not ready yet. Raise AssertionError once we are closed."""
        with self._lock:
            if self._closed:
                raise AssertionError("the run is over")
            return self._start(slot)

    def _start(self, slot: int) -> Worker:
        self._started[slot] = self._started.get(slot, 0) + 1
        settings = {key: value.replace("{slot}", str(slot)) for key, value in self._settings.items()}
        worker = Worker(f"w{slot}-{self._started[slot]}", self._program, settings, self._folder)
        self.all.append(worker)
        return worker

    def close(self) -> None:
        """Kill all that still run, and start no more."""
        with self._lock:
            self._closed = True
        for worker in self.all:
            worker.kill()
