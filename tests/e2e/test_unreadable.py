"""Records that rotted on the broker's disk, under the real program and its commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.broker import Broker
from tests.support.kafka import Names, Write, committed, create_topics, produce, wait_until
from tests.support.needed import needs_kafka
from tests.support.rot import rot

pytestmark = [pytest.mark.kafka, pytest.mark.process]
BATCHES, SIZE, BAD = 12, 4, 20
"""Of each partition: so many batches of so many events; the one that begins at BAD rots."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker whose disk a test may damage."""
    with needs_kafka(), Broker(tmp_path_factory.mktemp("rotting")) as broker:
        yield broker


def clicks(partition: int) -> list[str]:
    """The clicks of a partition, by offset."""
    return [f"c-{partition}-{number}" for number in range(BATCHES * SIZE)]


def prepared(broker: Broker, names: Names, tracker: Tracker, at: Path, *, magic: bool) -> dict[str, str]:
    """Topics, and two partitions full of events, the first with a batch that rotted; the settings."""
    create_topics(broker.bootstrap, {names.topic: 2})
    env = settings(broker.bootstrap, names, tracker)
    assert call("topics", "create", env=env, at=at).returncode == 0
    for partition in (0, 1):
        events = [Write(value(f"e-{click}", click), partition=partition) for click in clicks(partition)]
        for start in range(0, len(events), SIZE):
            produce(broker.bootstrap, names.topic, events[start : start + SIZE])
    rot(broker.data, names.topic, 0, BAD, magic=magic)
    return env


def offsets(broker: Broker, names: Names) -> list[int]:
    """What the group has committed of the source."""
    found = committed(broker.bootstrap, names.group, names.topic)
    return [found[number].offset for number in sorted(found)]


@pytest.mark.parametrize("magic", [False, True], ids=["a rotted value", "an unknown form"])
def test_stops_and_is_skipped(
    broker: Broker, names: Names, tmp_path: Path, tracker: Tracker, magic: bool
) -> None:
    """Its partition stops there, alone, and says so; named to be skipped it costs just that batch."""
    env = prepared(broker, names, tracker, tmp_path, magic=magic)
    bad = f"{names.topic}/0/{BAD}"
    with Program(env, tmp_path) as worker:
        wait_until("others flow", lambda: set(tracker.clicks) == {*clicks(0)[:BAD], *clicks(1)})
        told = worker.said("a record can't be read: its partition rests")
        assert told["level"] == "error"
        assert told["at"] == bad
        code, body = worker.get("/readyz")
        assert code == 503
        assert f"{bad} can't be read: " in body
        assert f"POSTBACK_KAFKA__SKIP={bad}" in body
        assert worker.metric("postback_unreadable_total", topic=names.topic, partition="0") == 1
        assert worker.metric("postback_stopped_partitions") == 1
        assert worker.get("/livez")[0] == 200
        wait_until("what is before it is committed", lambda: offsets(broker, names) == [BAD, BATCHES * SIZE])
        assert worker.end() == 0
        assert sum(line["event"].startswith("a record can't be read") for line in worker.log) == 1
    with Program({**env, "POSTBACK_KAFKA__SKIP": f"{names.topic}/1/7,{bad}"}, tmp_path) as worker:
        given_up = clicks(0)[BAD : BAD + SIZE]
        rest = {*clicks(0), *clicks(1)} - set(given_up)
        wait_until("all but what was given up", lambda: set(tracker.clicks) == rest)
        line = worker.said("skipped what can't be read")
        assert (line["at"], line["offsets"], line["goes_on_at"]) == (bad, SIZE, BAD + SIZE)
        assert worker.metric("postback_skipped_total", why="unreadable") == SIZE
        worker.ready()
        assert worker.end() == 0
    assert set(tracker.clicks.values()) == {1}
    assert offsets(broker, names) == [BATCHES * SIZE] * 2


def test_a_place_of_another_topic(names: Names, tmp_path: Path, tracker: Tracker) -> None:
    """A place that this worker never reads is a mistake: exit 2, and the line says what would be right."""
    env = settings("127.0.0.1:1", names, tracker, KAFKA__SKIP="other/0/1")
    ended = call("config", "check", env=env, at=tmp_path)
    assert ended.returncode == 2
    assert "POSTBACK_KAFKA__SKIP: other/0/1" in ended.stderr


def test_the_commands_say_where(broker: Broker, names: Names, tmp_path: Path, tracker: Tracker) -> None:
    """A command that reads a topic with a record that can't be read names its offset."""
    env = settings(broker.bootstrap, names, tracker)
    create_topics(broker.bootstrap, {names.topic: 1, names.dlq: 1})
    for number in range(3):
        produce(broker.bootstrap, names.dlq, [Write(json.dumps({"number": number}).encode())])
    rot(broker.data, names.dlq, 0, 1)
    ended = call("dlq", "list", env=env, at=tmp_path)
    assert ended.returncode == 1
    assert f"{names.dlq}/0/1: " in ended.stderr
