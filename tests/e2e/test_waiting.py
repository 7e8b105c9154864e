"""Records that wait in a tier, on a real broker: small, idle, exact, and a restart loses no time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from schemas import WorkerHeaders
from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.e2e.waiting import wait
from tests.support.kafka import Names, Write, committed, create_topics, produce, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]


@pytest.mark.long
def test_many_wait(kafka: str, tmp_path: Path) -> None:
    """None goes before it is due, those due go though the worker was restarted, the rest cost little."""
    seen = wait(kafka, tmp_path, 20_000, 200, quiet=2.0, soon=12.0)
    assert seen.sent == 200
    assert seen.earliest >= 0.0
    assert seen.megabytes <= 150


@pytest.mark.parametrize("protocol", ["classic", pytest.param("consumer", marks=pytest.mark.long)])
def test_a_tier_that_is_no_longer_configured(kafka: str, names: Names, tmp_path: Path, protocol: str) -> None:
    """What waits in a delay topic of a former deployment is sent when it is due, not before."""
    due = time.time() + 8.0
    create_topics(kafka, {names.topic: 1, names.tier("90s"): 1})
    headers = WorkerHeaders(attempts=1, due_at=due, origin=f"{names.topic}/0/0").write()
    produce(kafka, names.tier("90s"), [Write(value("e-1", "c-1"), headers=tuple(headers))])
    with Tracker() as tracker:
        env = settings(kafka, names, tracker, KAFKA__PROPERTIES__GROUP_PROTOCOL=protocol)
        if protocol == "consumer":
            for classic in ("SESSION_TIMEOUT_MS", "HEARTBEAT_INTERVAL_MS"):
                del env[f"POSTBACK_KAFKA__PROPERTIES__{classic}"]
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as program:
            tracker.asked(1)
            wait_until("committed", lambda: committed(kafka, names.retry_group, names.tier("90s")) != {})
            assert program.end() == 0
        assert tracker.hits[0].at >= due
