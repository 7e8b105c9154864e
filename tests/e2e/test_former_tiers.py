"""Delay topics that a deployment of before has left: what waits there counts as what waits elsewhere."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from schemas import WorkerHeaders
from schemas.moment import parse_time
from tests.e2e.events import value
from tests.e2e.program import Program, call, output_of, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, Write, create_topics, produce, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]
FORMER = [f"{seconds}s" for seconds in range(61, 66)]


def test_they_have_a_part_of_the_rate(kafka: str, names: Names, tmp_path: Path) -> None:
    """A worker that has nothing but some of them sends what is due there, though there is a rate."""
    create_topics(kafka, {names.topic: 1, **{names.tier(delay): 1 for delay in FORMER}})
    with Tracker() as tracker, ExitStack() as started:
        env = settings(kafka, names, tracker, RETRY__DELAYS="1h", DESTINATION__RATE=50)
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        workers = [started.enter_context(Program(env, tmp_path)) for _ in range(3)]
        # Of three each has two of the six tiers: whoever has neither the source nor the tier of the settings
        # has former ones alone.
        wait_until("each has two", lambda: all(_tiers_of(one, names) == 2 for one in workers))
        headers = WorkerHeaders(attempts=1, due_at=time.time(), origin=f"{names.topic}/0/0").write()
        for delay in FORMER:
            produce(kafka, names.tier(delay), [Write(value(delay, delay), headers=tuple(headers))])
        tracker.asked(len(FORMER))
        assert tracker.clicks == dict.fromkeys(FORMER, 1)


def test_the_status_tells_of_them(kafka: str, names: Names, tmp_path: Path) -> None:
    """What waits there is in the status, and how late it is; one in which nothing waits is left out."""
    create_topics(kafka, {names.topic: 1, names.tier("61s"): 1, names.tier("62s"): 1})
    headers = WorkerHeaders(attempts=1, due_at=time.time(), origin=f"{names.topic}/0/0").write()
    produce(kafka, names.tier("62s"), [Write(value("e-1", "c-1"), headers=tuple(headers))])
    env = settings(kafka, names, RETRY__DELAYS="1h")
    assert call("topics", "create", env=env, at=tmp_path).returncode == 0
    (row,) = json.loads(call("status", "-o", "json", env=env, at=tmp_path).stdout)
    configured, former = row["waiting"]
    assert configured == {"tier": "1h", "waiting": 0, "overdue_seconds": 0.0}
    assert (former["tier"], former["waiting"], former["overdue_seconds"] > 0) == ("62s", 1, True)


def test_orders_stand_for_the_longest_of_them(kafka: str, names: Names, tmp_path: Path) -> None:
    """A cancellation stands until what waits there is due, too."""
    create_topics(kafka, {names.topic: 1, names.tier("2h"): 1})
    env = settings(kafka, names, RETRY__DELAYS="10s")
    assert call("topics", "create", env=env, at=tmp_path).returncode == 0
    order = json.loads(output_of("cancel", "--offer-id", "7", "--yes", "-o", "json", env=env, at=tmp_path))
    at, until = (parse_time(order[name]) for name in ("at", "until"))
    assert at is not None
    assert until == pytest.approx(at + 7200)


def _tiers_of(worker: Program, names: Names) -> int:
    """How many partitions of tiers a worker has."""
    lines = worker.get("/metrics")[1].splitlines()
    tier = f'topic="{names.group}.retry.'
    return sum(line.startswith("postback_consumer_lag{") and tier in line for line in lines)
