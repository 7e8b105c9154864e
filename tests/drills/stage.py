"""What one incident is played on: two real workers, topics, traffic, a partner, and the alerts of these.

The rule: the destination has the incident's name, and the workers have ports of their own, by which an alert
is known to be of this incident; a command is run as the runbook has it, by a shell, in the workers' settings.
"""

from __future__ import annotations

import os
import signal
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme
from confluent_kafka.admin import AdminClient

from tests.chaos.process import Process
from tests.drills import commands
from tests.drills.incident import Incident
from tests.drills.page import Console, Deed
from tests.drills.partner import DrillPartner
from tests.drills.prometheus import FIRING, Prometheus
from tests.drills.tools import write_tools
from tests.drills.traffic import Traffic
from tests.support.broker import Broker
from tests.support.certificates import ClientFiles, server_tls
from tests.support.kafka import Names, create_topics, wait_until
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
WORKERS = 2
PARTITIONS = 4
READY_WITHIN, FIRES_WITHIN, RESOLVED_WITHIN, RECORDED_WITHIN = 180.0, 180.0, 180.0, 120.0  # seconds
LEAVES_WITHIN = 60.0

SETTINGS = {
    "KAFKA__PROPERTIES__SESSION_TIMEOUT_MS": "6000",
    "KAFKA__PROPERTIES__HEARTBEAT_INTERVAL_MS": "500",
    "KAFKA__PROPERTIES__TOPIC_METADATA_REFRESH_INTERVAL_MS": "1000",
    "DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true",
    "DESTINATION__TIMEOUT": "5s",
    "CIRCUIT__WINDOW": "2s",
    "CIRCUIT__PROBE_PAUSE": "300ms",
    "CIRCUIT__PROBE_PAUSE_MAX": "1s",
    "RETRY__DELAYS": "1s,5s,20s,1m,5m",
    "RETRY__MAX_ATTEMPTS": "12",
    "DRAIN_TIMEOUT": "5s",
    "LOG__FORMAT": "json",
}
"""Of every stage, as an incident's own are named: without the prefix."""


class Stage:
    """A context manager: workers that are ready, traffic that flows. Its files are in `folder`."""

    def __init__(self, incident: Incident, bootstrap: str, prometheus: Prometheus, folder: Path) -> None:
        self.incident = incident
        self.folder = folder
        self.names = Names.fresh(incident.slug)
        self.ports = [free_port() for _ in range(WORKERS)]
        self.outputs: list[str] = []
        """What each command printed, below the command."""
        self.failed: list[str] = []
        self._prometheus, self._bootstrap = prometheus, bootstrap
        self._workers: dict[int, Process] = {}
        self._given = dict(incident.settings)
        self._stack, self._doing = ExitStack(), ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        write_tools(self.folder)
        with self._stack:
            self._open()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._stack.close()

    def _open(self) -> None:
        if self.incident.own_kafka:
            self.broker = Broker()
            self._stack.enter_context(self.broker)
            self._bootstrap = self.broker.bootstrap
        self.partner = self._stack.enter_context(DrillPartner(self._certificates()))
        self.admin = AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 0})
        create_topics(self._bootstrap, {self.names.topic: PARTITIONS})
        self.shell("postback-worker topics create")
        self.outputs.clear()
        self._stack.callback(self._kill)
        for number in range(WORKERS):
            self.start(number)
        self._stack.callback(self.finish)
        self._open_console()
        self.scrape_without(None)
        self._stack.callback(self._prometheus.scrape, self.incident.slug, ())
        self.await_ready()
        word, rate = self.incident.slug, self.incident.rate
        self.traffic = Traffic(self._bootstrap, self.names.topic, word, rate)
        self._stack.enter_context(self.traffic)
        wait_until("postbacks flow", lambda: len(self.partner.recorded) > rate, READY_WITHIN)

    def _open_console(self) -> None:
        """Serve the page for the person on call, beside the workers."""
        port = free_port()
        command = [sys.executable, "-m", "worker", "console", "--allow-actions", "--port", str(port)]
        process = Process(command, self.env(), self.folder / "console.log")
        self._stack.callback(process.kill)
        self._console = Console(port)
        wait_until("the console answers", self._console.answers, READY_WITHIN)

    @property
    def addresses(self) -> list[str]:
        """Where the workers answer."""
        return [f"127.0.0.1:{port}" for port in self.ports]

    @property
    def bootstrap(self) -> str:
        """The address of its Kafka."""
        return self._bootstrap

    def env(self, **more: str) -> dict[str, str]:
        """The variables of a process of it."""
        own = {
            "KAFKA__BOOTSTRAP_SERVERS": self._bootstrap,
            "KAFKA__TOPIC": self.names.topic,
            "KAFKA__GROUP_ID": self.names.group,
            "DESTINATION__NAME": self.incident.slug,
            "DESTINATION__URL": self.partner.url,
            **SETTINGS,
            **{name: value.replace("{url}", self.partner.url) for name, value in self._given.items()},
            **more,
        }
        outside = {key: value for key, value in os.environ.items() if not key.startswith("POSTBACK_")}
        return {**outside, **{f"POSTBACK_{key}": value for key, value in own.items() if value}}

    # --- its workers -----------------------------------------------------------------------------

    def start(self, number: int) -> None:
        """Start a worker; it is not ready yet."""
        command = [sys.executable, "-m", "worker", "run"]
        env = self.env(HTTP__PORT=str(self.ports[number]))
        self._workers[number] = Process(command, env, self.folder / f"worker-{number}.log")

    def kill(self, number: int) -> None:
        """`kill -9`, as a memory limit does."""
        self._workers.pop(number).kill()

    def roll_out(self, **given: str) -> None:
        """Replace the workers, one after the other, by such with these settings over those of before."""
        self._given.update(given)
        for number, worker in list(self._workers.items()):
            self.scrape_without(number)
            worker.signal(signal.SIGTERM)
            worker.wait(LEAVES_WITHIN)
            worker.kill()
            self.start(number)
            self.await_ready()
        self.scrape_without(None)

    def scrape_without(self, number: int | None) -> None:
        """Scrape the workers but one, which is replaced or was scaled away: it is no target any more."""
        rest = [address for at, address in enumerate(self.addresses) if at != number]
        self._prometheus.scrape(self.incident.slug, rest)

    def answers(self, number: int, path: str = "/readyz") -> bool:
        """Whether a worker says 200 there."""
        try:
            with urllib.request.urlopen(f"http://{self.addresses[number]}{path}", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def await_ready(self) -> None:
        """Wait until all are."""
        for number in self._workers:
            wait_until(f"worker {number} is ready", lambda at=number: self.answers(at), READY_WITHIN)  # type: ignore[misc]

    def _kill(self) -> None:
        for worker in self._workers.values():
            worker.kill()

    def at_its_end(self, *deeds: Callable[[], object]) -> None:
        """Do this, in order, when what the incident keeps doing is to end: before the workers do."""
        for deed in reversed(deeds):
            self._doing.callback(deed)

    def finish(self) -> None:
        """End what the incident keeps doing; idempotent."""
        self._doing.close()

    # --- commands --------------------------------------------------------------------------------

    def shell(self, command: str, *, codes: frozenset[int] = frozenset({0})) -> str:
        """Run a command as the runbook has it, and agree to what it asks; what it printed."""
        path = f"{Path(sys.executable).parent}:{self.folder}:{os.environ['PATH']}"
        lines = commands.filled(command, self.addresses, self._some_event(), self.incident.slug)
        done = [commands.run(line, {**self.env(), "PATH": path}, self.folder) for line in lines]
        self.outputs += [f"$ {one.line}\n{one.printed}\n" for one in done]
        wrong = [one for one in done if one.code not in codes]
        self.failed += [f"{one.line} ended with {one.code}: {one.printed[-300:]}" for one in wrong]
        return "\n".join(one.printed for one in done)

    def _some_event(self) -> str:
        """The oldest that the partner has not recorded, or the first of all."""
        waiting = self.unrecorded() if hasattr(self, "traffic") else set()
        return min(waiting or {f"{self.incident.slug}-0"}, key=lambda name: int(name.rpartition("-")[2]))

    # --- the page --------------------------------------------------------------------------------

    def page(self, view: str) -> str:
        """What is read on a view of the console."""
        return self._console.text(view, self.incident.slug)

    def do_on_page(self, deed: Deed) -> None:
        """Do it there; wait for the end of a replay."""
        said = self._console.do(deed, self.incident.slug)
        self.outputs.append(f"on the page, {deed}:\n{said}\n")
        if deed.action == "replay":
            wait_until("the replay is done", lambda: "done " in self.page("undelivered"), RECORDED_WITHIN)

    # --- alerts ----------------------------------------------------------------------------------

    def firing(self) -> set[str]:
        """Its alerts that fire now."""
        return {one.labels["alertname"] for one in self._prometheus.now(FIRING) if self._is_ours(one.labels)}

    def fired_since(self, start: float) -> dict[str, float]:
        """Its alerts that have fired since a time (epoch seconds), each with the seconds from then."""
        found: dict[str, float] = {}
        for one in self._prometheus.between(FIRING, start, time.time()):
            if self._is_ours(one.labels):
                alert, after = one.labels["alertname"], one.times[0] - start
                found[alert] = min(after, found.get(alert, after))
        return found

    def _is_ours(self, labels: Mapping[str, str]) -> bool:
        return labels.get("destination") == self.incident.slug or labels.get("instance") in self.addresses

    def unrecorded(self) -> set[str]:
        """The conversions that were published and that the partner has not recorded."""
        return self.traffic.published - self.partner.recorded

    def _certificates(self) -> ssl.SSLContext | None:
        """Of a partner with TLS, which asks for ours; the files of both are in the folder."""
        if not self.incident.tls:
            return None
        self.authority = trustme.CA()
        self.client = ClientFiles(self.folder, self.authority)
        files = {"CA_FILE": self.client.ca, "CERT_FILE": self.client.cert, "KEY_FILE": self.client.key}
        self._given.update({f"DESTINATION__{name}": str(file) for name, file in files.items()})
        return server_tls(self.authority, self.authority)
