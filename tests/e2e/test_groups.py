"""Several workers of one group: by whatever protocol, members come and go; nothing is lost or sent again."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, Write, committed, create_topics, end_offsets, produce, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]
PARTITIONS, EVENTS = 4, 800
WAYS: dict[str, dict[str, str | int]] = {
    "cooperative": {},
    "eager": {"KAFKA__PROPERTIES__PARTITION_ASSIGNMENT_STRATEGY": "range"},
    "broker's": {"KAFKA__PROPERTIES__GROUP_PROTOCOL": "consumer"},
}
CLASSIC_ONLY = ("SESSION_TIMEOUT_MS", "HEARTBEAT_INTERVAL_MS")


@pytest.mark.parametrize("way", WAYS)
def test_a_second_member(kafka: str, names: Names, tmp_path: Path, way: str) -> None:
    """A second worker joins under load, has half of what is fresh, and leaves: one 200 each."""
    create_topics(kafka, {names.topic: PARTITIONS})
    with Tracker(lambda query, nth: 400 if nth == 1 and fails(query["click_id"]) else 200) as tracker:
        env = settings(kafka, names, tracker, **WAYS[way], RETRY__DELAYS="500ms", DESTINATION__RATE="250")
        if way == "broker's":
            env = {name: text for name, text in env.items() if not name.endswith(CLASSIC_ONLY)}
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as first:
            write(kafka, names, range(600))
            tracker.asked(20)
            with Program(env, tmp_path) as second:
                wait_until(
                    "each has half", lambda: fresh(first, names) == fresh(second, names) == PARTITIONS // 2
                )
                write(kafka, names, range(600, 700))
                second.send(signal.SIGTERM)
                write(kafka, names, range(700, EVENTS))
                assert second.ended() == 0
            wait_until("all committed", lambda: behind(kafka, names) == 0)
            assert first.end() == 0
    assert tracker.clicks == {f"c-{number}": 1 + fails(f"c-{number}") for number in range(EVENTS)}
    assert [line for line in first.log if line.get("kind") == "revoke"]


def fresh(program: Program, names: Names) -> int:
    """How many partitions of the source a worker has."""
    lines = program.get("/metrics")[1].splitlines()
    return sum(
        line.startswith("postback_outstanding{") and f'topic="{names.topic}"' in line for line in lines
    )


def fails(click_id: str) -> bool:
    """Whether the partner refuses this click at first."""
    return click_id.endswith("7")


def write(kafka: str, names: Names, numbers: range) -> None:
    """Write events to all partitions."""
    values = [(number, value(f"e-{number}", f"c-{number}")) for number in numbers]
    produce(kafka, names.topic, [Write(text, partition=number % PARTITIONS) for number, text in values])


def behind(kafka: str, names: Names) -> int:
    """How many of all records, in the source and in the tier, are not committed."""
    retries = names.tier("500ms")
    handed_on = sum(end_offsets(kafka, retries).values())
    done = sum(
        at.offset
        for topic in (names.topic, retries)
        for at in committed(kafka, names.group_of(topic), topic).values()
    )
    return EVENTS + max(handed_on, EVENTS // 10) - done
