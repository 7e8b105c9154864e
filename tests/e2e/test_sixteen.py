"""Sixteen networks from one process: what it takes of the machine."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, Write, create_topics, produce, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process, pytest.mark.timeout(400), pytest.mark.long]

NETWORKS = [f"n{number}" for number in range(16)]
MOST_BYTES = 300_000_000
MOST_THREADS, MOST_FILES = 20 * len(NETWORKS), 36 * len(NETWORKS)
"""Beside one broker: each client has a thread and a connection for each, and some of its own."""

WITHIN = 200.0


def variables(bootstrap: str, names: Names, tracker: Tracker) -> dict[str, str]:
    """A worker's variables, with a destination for each network at the same partner."""
    env = settings(bootstrap, names, RETRY__DELAYS="1s")
    for network in NETWORKS:
        own = f"POSTBACK_DESTINATIONS__{network.upper()}__"
        env |= {f"{own}URL": tracker.event_url, f"{own}WHEN__NETWORK": network}
    return env


def test_sixteen(kafka: str, tmp_path: Path) -> None:
    """Each is sent its own event, once; memory, threads and open files stay within bounds."""
    names = Names.fresh("sixteen")
    create_topics(kafka, {names.topic: 4})
    with Tracker(lambda _query, _nth: 200) as tracker:
        env = variables(kafka, names, tracker)
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as program:
            wait_until("ready", lambda: program.get("/readyz")[0] == 200, WITHIN)
            events = [
                Write(value(f"e-{network}", network, network=network, event="lead", payout="1.00"))
                for network in NETWORKS
            ]
            produce(kafka, names.topic, events)
            wait_until("each has its own", lambda: set(tracker.clicks) >= set(NETWORKS), WITHIN)
            used = psutil.Process(program.pid)
            size, threads, files = used.memory_info().rss, used.num_threads(), used.num_fds()
            print(f"{size / 1e6:.0f} MB, {threads} threads, {files} open files")
            assert size <= MOST_BYTES
            assert threads <= MOST_THREADS
            assert files <= MOST_FILES
            assert program.end() == 0
        assert tracker.clicks == dict.fromkeys(NETWORKS, 1)
