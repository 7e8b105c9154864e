"""`explain` where some partitions have no leader, because a broker is away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from schemas import JournalStep, StepKind, format_time
from tests.adapters.kafka.mock import MockCluster
from tests.cli.invoke import kafka_env, run
from tests.console.topics import value
from tests.support.kafka import Names, Write, produce
from worker.adapters.kafka import group_state
from worker.core.record import Partition

NAMES = Names("conversions", "g")
AWAY = (NAMES.journal, NAMES.tier("10s"), NAMES.dlq)
UNREAD = [f"{topic}/1" for topic in AWAY]
NOT_TOLD = f"can't be told: {', '.join(UNREAD)}: no leader; as far as can be read: "


def step(event_id: str, kind: StepKind, origin: str, **fields: Any) -> Write:
    """A step of the journal."""
    told = JournalStep(at=format_time(time.time()), step=kind, event_id=event_id, origin=origin, **fields)
    return Write(told.to_json(), event_id.encode())


@pytest.fixture(scope="module")
def env() -> Iterator[dict[str, str]]:
    """Two conversions on each partition, of which one is dead; the second of all but the source is away."""
    with MockCluster() as cluster:
        for topic in (NAMES.topic, *AWAY):
            cluster.create(topic, 2)
        cluster.create(NAMES.control, 1)
        for at in (0, 1):
            events = [Write(value(f"e-{word}{at}"), b"k", (), at) for word in ("new", "dead")]
            produce(cluster.bootstrap, NAMES.topic, events)
            died = step(f"e-dead{at}", StepKind.DEAD, f"conversions/{at}/1", reason="exhausted")
            produce(cluster.bootstrap, NAMES.journal, [died._replace(partition=at)])
        for topic in AWAY:
            cluster.lead(Partition(topic, 1), is_led=False)
        yield kafka_env(cluster.bootstrap, NAMES)


@pytest.mark.parametrize(
    ("event_id", "verdict", "line", "code"),
    [
        ("e-dead0", "dead", "dead: exhausted", 0),
        ("e-dead1", None, f"{NOT_TOLD}not yet read: 1 event before it", 1),
        ("e-none", None, f"{NOT_TOLD}never published in the last 48h", 1),
    ],
)
def test_what_can_be_told(
    env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    event_id: str,
    verdict: str | None,
    line: str,
    code: int,
) -> None:
    """What lies in partitions with a leader is told as ever; else what can't be read is named; exit 1."""
    monkeypatch.setattr(group_state, "LEADERS_WITHIN_SECONDS", 0.0)
    result = run("explain", event_id, "-o", "json", env=env)
    told = json.loads(result.stdout)
    assert (told["verdict"], told["line"], result.exit_code) == (verdict, line, code)
    assert told["unread"] == ([] if verdict else UNREAD)
