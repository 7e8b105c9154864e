"""A real Prometheus that scrapes the workers of the drills each second, and holds our rules against them.

The rule: it holds deploy/alerts.yaml itself, with its durations divided; on the loopback address alone.
"""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.chaos.process import Process
from tests.deploy.files import document
from tests.drills import compressing
from tests.support.kafka import wait_until
from tests.support.ports import free_port

PROGRAM = shutil.which("prometheus")
JOB = "postback-worker"
STARTS_WITHIN = 30.0
ANSWERS_WITHIN = 10.0  # seconds
FIRING = 'ALERTS{alertstate="firing"}'


class Series(NamedTuple):
    """One series of an answer: its labels, and the times (epoch seconds) at which it had a value."""

    labels: Mapping[str, str]
    times: tuple[float, ...]


class Prometheus:
    """A server with its files in `folder`; a context manager. Times run `factor` times as fast as shipped."""

    def __init__(self, folder: Path, factor: int) -> None:
        self._folder, self._factor = folder, factor
        self._targets = folder / "targets"
        self.address = f"127.0.0.1:{free_port()}"

    def __enter__(self) -> Self:
        if PROGRAM is None:
            raise FileNotFoundError("prometheus is not on PATH (Debian: apt-get install prometheus)")
        self._targets.mkdir(parents=True)
        rules = compressing.rules(document("alerts.yaml"), self._factor)
        (self._folder / "alerts.json").write_text(json.dumps(rules, indent=1), "utf-8")
        (self._folder / "prometheus.json").write_text(json.dumps(self._config()), "utf-8")
        self._process = Process(self._command(), os.environ, self._folder / "prometheus.log")
        try:
            wait_until("Prometheus answers", self._is_ready, STARTS_WITHIN)
        except AssertionError:
            self._process.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._process.kill()

    def scrape(self, name: str, addresses: Collection[str]) -> None:
        """Scrape these from now on, in the place of those that had this name before."""
        file = self._targets / f"{name}.json"
        beside = file.with_suffix(".new")
        beside.write_text(json.dumps([{"targets": list(addresses)}] if addresses else []), "utf-8")
        beside.replace(file)

    def now(self, query: str) -> list[Series]:
        """What a query gives now."""
        answer = self._ask("query", query=query)
        return [Series(one["metric"], (float(one["value"][0]),)) for one in answer]

    def between(self, query: str, start: float, end: float) -> list[Series]:
        """What a query gave at each second of a time."""
        answer = self._ask("query_range", query=query, start=f"{start:.3f}", end=f"{end:.3f}", step="1")
        return [Series(one["metric"], tuple(float(at) for at, _ in one["values"])) for one in answer]

    def _ask(self, what: str, **fields: str) -> list[Any]:
        url = f"http://{self.address}/api/v1/{what}?{urllib.parse.urlencode(fields)}"
        with urllib.request.urlopen(url, timeout=ANSWERS_WITHIN) as answer:
            found: list[Any] = json.load(answer)["data"]["result"]
        return found

    def _is_ready(self) -> bool:
        if self._process.code is not None:
            raise AssertionError(f"Prometheus ended: {self._folder / 'prometheus.log'}")
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _config(self) -> dict[str, Any]:
        files = {"files": [str(self._targets / "*.json")], "refresh_interval": "1s"}
        return {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(self._folder / "alerts.json")],
            "scrape_configs": [{"job_name": JOB, "file_sd_configs": [files]}],
        }

    def _command(self) -> list[str]:
        return [
            PROGRAM or "",
            f"--config.file={self._folder / 'prometheus.json'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--log.level=warn",
        ]
