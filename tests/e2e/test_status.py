"""`status` beside real workers: each change is in the verdict, from Kafka alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from tests.cli.invoke import NOBODY, kafka_env, run
from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Act, Query, Tracker
from tests.support.kafka import Names, create_topics, produce, wait_until

pytestmark = pytest.mark.kafka

WITHIN = 60.0
"""A verdict speaks of the latest 15 s; on a slow machine a look takes some seconds, too."""


def row_of(env: dict[str, str]) -> dict[str, Any]:
    """The row of the only destination, and the exit code."""
    result = run("status", "-o", "json", env=env)
    (row,) = json.loads(result.stdout)
    assert result.exit_code == (0 if row["verdict"] in {"flowing", "idle"} else 1)
    return {**row, "exit": result.exit_code}


def becomes(
    env: dict[str, str],
    verdict: str,
    also: Callable[[dict[str, Any]], bool] = lambda _: True,
    before: Callable[[], None] = lambda: None,
) -> None:
    """Wait until it is the verdict; `before` is done before each look."""
    seen: list[str] = []

    def is_it() -> bool:
        before()
        row = row_of(env)
        seen.append(f"{row['verdict']}: {row['why']}")
        return bool(row["verdict"] == verdict and also(row))

    try:
        wait_until(verdict, is_it, WITHIN)
    except AssertionError as error:
        raise AssertionError(f"{error}: {seen}") from None


@pytest.mark.process
def test_verdicts(kafka: str, names: Names, tmp_path: Path) -> None:
    """No worker, flowing, paused, rate limited, failing, partner down, idle: as it happens."""
    create_topics(kafka, {names.topic: 2})
    does: list[Act] = [200]

    def act(_query: Query, _nth: int) -> Act:
        return does[0]

    numbers = count()

    def publish(events: int = 1) -> None:
        produce(kafka, names.topic, [value(f"e-{n}", f"c-{n}") for n in islice(numbers, events)])

    with Tracker(act) as tracker:
        env = settings(
            kafka,
            names,
            tracker,
            RETRY__DELAYS="1h",
            RETRY__MAX_ATTEMPTS=3,
            CIRCUIT__PROBE_PAUSE_MAX="2s",
        )
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        publish(20)
        row = row_of(env)
        assert (row["verdict"], row["lag"], row["members"]) == ("no_worker", 20, {"source": 0, "tiers": 0})
        with Program(env, tmp_path) as program:
            becomes(env, "flowing", lambda row: row["lag"] <= 1 and row["delivered_per_second"] > 0, publish)
            run("pause", "--because", "a test", env=env)
            becomes(env, "paused", lambda row: row["orders"][0]["because"] == "a test")
            run("rate", "1", env=env)
            run("resume", env=env)
            publish(200)
            becomes(env, "rate_limited", lambda row: row["circuit"] == "closed")
            does[0] = 404
            run("rate", "off", env=env)
            becomes(
                env,
                "failing",
                lambda row: row["failing_per_second"]["404"] > 0 and row["waiting"][0]["waiting"] > 50,
                publish,
            )
            waiting = row_of(env)["waiting"]
            assert [(tier["tier"], tier["overdue_seconds"]) for tier in waiting] == [("1h", 0.0)]
            does[0] = 503
            publish(60)
            becomes(env, "partner_down", lambda row: "503" in row["why"] and row["circuit"] == "open")
            does[0] = 200
            wait_until("nothing is due", lambda: row_of(env)["lag"] == 0, WITHIN)
            becomes(env, "idle", lambda row: row["lag"] == 0 and row["dead_letters_last_hour"] == 0)
            assert program.end() == 0
        becomes(env, "no_worker")
    text = run("status", env=env).stdout.splitlines()
    assert text[0].split() == [
        "destination",
        "verdict",
        "lag",
        "waiting",
        "late",
        "ok/s",
        "bad/s",
        "dead/h",
        "workers",
    ]
    assert text[1].split()[:3] == ["momentscience", "no", "worker"]
    assert "  next: postback-worker run" in text


def test_missing_topics(kafka: str, names: Names) -> None:
    """Topics that are missing are named, a line each, with what makes them."""
    create_topics(kafka, {names.topic: 1})
    result = run("status", env=kafka_env(kafka, names))
    assert result.exit_code == 1
    missing = [names.tier("10s"), names.dlq, names.journal, names.control]
    assert result.stderr.splitlines() == [
        *(f"error: topic {topic} does not exist" for topic in missing),
        "hint: `postback-worker topics create` makes the topics of the worker",
    ]


def test_nobody_answers(names: Names) -> None:
    """Without a broker there is one line."""
    result = run("status", env=kafka_env(NOBODY, names))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {NOBODY}: ")
