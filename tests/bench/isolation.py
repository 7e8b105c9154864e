"""What one network that fails costs the others: their delays from produce to request, before and meanwhile.

The rule: all phases are of one run; each is read beside the one in which every network is well.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Producer

from tests.e2e.bad_partner import MODES, BadPartner
from tests.support.kafka import create_topics, wait_until

RATE = 100
"""Events a second for each network."""

BAD, GOOD = "bad", ("one", "two")
WELL = "all are well"
SETTLING = "settling"
SETTLING_SECONDS = 10.0
SETTLED_WITHIN_SECONDS = 120.0
AT_ONCE = 30
"""So few events that have not come yet are no backlog."""
RECOVERED_WITHIN_SECONDS = 120.0


class Published(NamedTuple):
    """Which phase an event was published in, and when."""

    phase: str
    at: float


class Load:
    """Publishes RATE events a second for each network, in a thread; `phase` is what it notes with each."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
        self._topic = topic
        self.phase = SETTLING
        self.published: dict[str, Published] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Publish no more."""
        self._stop.set()
        self._thread.join()
        self._producer.flush(30)

    def _run(self) -> None:
        begun, number = time.monotonic(), 0
        while not self._stop.wait(max(0.0, begun + number / RATE - time.monotonic())):
            for network in (BAD, *GOOD):
                click = f"{network}-{number}"
                now = datetime.now(UTC).isoformat()
                value = {"event_id": click, "click_id": click, "network": network, "occurred_at": now}
                self.published[click] = Published(self.phase, time.time())
                self._producer.produce(self._topic, json.dumps(value).encode(), click.encode())
            self._producer.poll(0)
            number += 1


def measure(bootstrap: str, given: argparse.Namespace) -> None:
    """Isolation: the delays of two networks while a third one refuses, hangs, answers 503, then 429."""
    topic = f"isolation-{time.time_ns()}"
    create_topics(bootstrap, {topic: 4})
    with ExitStack() as stack:
        partners = {name: stack.enter_context(BadPartner()) for name in (BAD, *GOOD)}
        at = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        env = os.environ | _settings(bootstrap, topic, partners)
        worker = [sys.executable, "-m", "worker"]
        subprocess.run([*worker, "topics", "create"], env=env, cwd=at, check=True, capture_output=True)
        log = stack.enter_context((at / "log").open("w"))
        with subprocess.Popen([*worker, "run"], env=env, cwd=at, stderr=log) as process:
            load = Load(bootstrap, topic)
            try:
                wait_until("all three are sent to", lambda: all(one.hits for one in partners.values()), 60)
                _settle(load, partners)
                _play(load, partners[BAD], given.events / RATE)
            finally:
                load.stop()
            recovering = time.monotonic()
            with suppress(AssertionError):  # what it lacks is told below
                wait_until("they have all", lambda: _have_all(load, partners), RECOVERED_WITHIN_SECONDS)
            recovered = time.monotonic() - recovering
            process.terminate()
    _tell(load, partners)
    print(f"what {BAD} had missed was with it {recovered:.0f} s after it was well again")


def _settle(load: Load, partners: dict[str, BadPartner]) -> None:
    """Wait until what had gathered while the groups were joined is gone: it would hide any other delay."""

    def is_settled() -> bool:
        return len(load.published) - sum(len(one.first) for one in partners.values()) < AT_ONCE

    time.sleep(SETTLING_SECONDS)
    wait_until("nothing is behind", is_settled, SETTLED_WITHIN_SECONDS)


def _play(load: Load, bad: BadPartner, seconds: float) -> None:
    for phase, mode in ((WELL, "well"), *((f"one {words}", mode) for mode, words in MODES.items())):
        bad.be(mode)
        load.phase = phase
        time.sleep(seconds)
    bad.be("well")


def _settings(bootstrap: str, topic: str, partners: dict[str, BadPartner]) -> dict[str, str]:
    made = {
        "KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "KAFKA__TOPIC": topic,
        "KAFKA__GROUP_ID": topic,
        "HTTP__PORT": "0",
        "RETRY__DELAYS": "1s,5s",
        "RETRY__MAX_ATTEMPTS": "1000",
        "DESTINATION__TIMEOUT": "5s",
        "DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true",
        "LOG__FORMAT": "json",
    }
    for name, partner in partners.items():
        made[f"DESTINATIONS__{name.upper()}__URL"] = partner.url
        made[f"DESTINATIONS__{name.upper()}__WHEN__NETWORK"] = name
    return {f"POSTBACK_{name}": value for name, value in made.items()}


def _have_all(load: Load, partners: dict[str, BadPartner]) -> bool:
    return sum(len(one.recorded) for one in partners.values()) == len(load.published)


def _tell(load: Load, partners: dict[str, BadPartner]) -> None:
    delays: dict[str, list[float]] = {}
    for click, (phase, at) in load.published.items():
        network = click.partition("-")[0]
        if network in GOOD and phase != SETTLING and click in partners[network].first:
            delays.setdefault(phase, []).append(1000 * (partners[network].first[click] - at))
    before = _p99(delays[WELL])
    print("| two networks, while | p50 ms | p99 ms | ratio | longest ms | events |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for phase, values in delays.items():
        p99 = _p99(values)
        figures = f"{statistics.median(values):.1f} | {p99:.1f} | {p99 / before:.2f} | {max(values):.0f}"
        print(f"| {phase} | {figures} | {len(values):,} |")
    for name, partner in partners.items():
        published = {click for click in load.published if click.startswith(name)}
        lost = len(published - partner.recorded.keys())
        twice = sum(times > 1 for times in partner.recorded.values())
        print(f"{name}: {len(published):,} published, {lost} not recorded, {twice} twice")


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[-1]
