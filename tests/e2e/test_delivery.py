"""Five thousand mixed events on a real Kafka, by the real program."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.events import mixed
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, committed, create_topics, end_offsets, produce, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]
EVENTS = 5_000


@pytest.mark.parametrize("transport", ["direct", pytest.param("session", marks=pytest.mark.long)])
def test_five_thousand(kafka: str, names: Names, tmp_path: Path, transport: str) -> None:
    """Each event reaches the partner decoded exactly and once, and the committed offsets reach the end."""
    create_topics(kafka, {names.topic: 4})
    cases = list(mixed(EVENTS))
    produce(kafka, names.topic, [case.record for case in cases])
    with Tracker() as tracker:
        env = settings(kafka, names, tracker, DESTINATION__TRANSPORT=transport, LOG__LEVEL="debug")
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as program:
            tracker.asked(EVENTS, within=60)
            ends = end_offsets(kafka, names.topic)
            wait_until("committed", lambda: offsets(kafka, names) == ends)
            assert program.end() == 0
        got = Counter(frozenset(hit.query.items()) for hit in tracker.hits)
    assert got == Counter(frozenset(case.query.items()) for case in cases)
    delivered = [line["event_id"] for line in program.log if line["event"] == "delivered"]
    assert sorted(delivered) == sorted(f"e-{number}" for number in range(EVENTS))
    said = "\n".join(program.lines)
    assert "click_id" not in said
    assert not [case.query["click_id"] for case in cases if case.query["click_id"] in said]
    assert offsets(kafka, names) == ends


def offsets(kafka: str, names: Names) -> dict[int, int]:
    """The committed offsets of the source."""
    return {number: at.offset for number, at in committed(kafka, names.group, names.topic).items()}
