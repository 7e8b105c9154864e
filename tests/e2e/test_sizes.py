"""Records of every size that the source takes reach their tier and the dead letters, compressed or not."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Query, Tracker
from tests.support.kafka import WITHIN, Names, create_topics, produce, read_all, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]


def padding(size: int) -> str:
    """Text of this size that lz4 compresses to less than a third."""
    some = random.Random(1)
    return "".join(some.choice("0123456789") + " lorem ipsum dolor sit" for _ in range(size // 23))


def write_compressed(bootstrap: str, topic: str, values: list[bytes]) -> None:
    """Write records as a producer with lz4 does."""
    failures: list[object] = []
    producer = Producer(
        {"bootstrap.servers": bootstrap, "compression.type": "lz4", "message.max.bytes": 10_000_000}
    )
    for one in values:
        producer.produce(topic, one, on_delivery=lambda error, _: failures.append(error) if error else None)
        assert producer.flush(WITHIN) == 0
    assert not failures


def twice(_: Query, nth: int) -> int:
    """Refuse the first attempt, take the second."""
    return 500 if nth == 1 else 200


def test_three_megabytes(kafka: str, names: Names, tmp_path: Path) -> None:
    """What lz4 made fit the source goes through its tier to the partner, and to the dead letters, whole."""
    create_topics(kafka, {names.topic: 1})
    good = value("e-1", "c-1", note=padding(3_000_000))
    invalid = json.dumps({"event_id": "e-2", "note": padding(3_000_000)}).encode()
    with Tracker(twice) as tracker:
        env = settings(kafka, names, tracker)
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as program:
            program.ready()
            write_compressed(kafka, names.topic, [good, invalid])
            tracker.asked(2)
            wait_until("a dead letter", lambda: bool(read_all(kafka, names.dlq)))
            assert program.end() == 0
    assert [letter.value for letter in read_all(kafka, names.dlq)] == [invalid]
    assert [record.value for record in read_all(kafka, names.tier("500ms"))] == [good]


def test_many_small_ones(kafka: str, names: Names, tmp_path: Path) -> None:
    """Many small records that go to the dead letters at once all get there, however small its limit is."""
    create_topics(kafka, {names.topic: 1})
    create_topics(kafka, {names.dlq: 1}, {"max.message.bytes": "3000"})
    some = random.Random(1)
    invalid = [some.randbytes(300).hex().encode() for _ in range(1500)]
    with Tracker() as tracker:
        env = settings(kafka, names, tracker)
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as program:
            program.ready()
            produce(kafka, names.topic, invalid)
            wait_until("all dead letters", lambda: len(read_all(kafka, names.dlq)) >= len(invalid))
            assert program.end() == 0
            assert not [line for line in program.log if line["event"].startswith("publish refused")]
    assert len(read_all(kafka, names.dlq)) == len(invalid)


def test_one_that_cannot_fit(kafka: str, names: Names, tmp_path: Path) -> None:
    """A record too large for its topic is reported with topic, size, limit and a command that makes room."""
    create_topics(kafka, {names.topic: 1})
    create_topics(kafka, {names.dlq: 1}, {"max.message.bytes": "20000"})
    large = random.Random(1).randbytes(30_000)
    with Tracker() as tracker:
        env = settings(kafka, names, tracker, DRAIN_TIMEOUT="2s")
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as program:
            program.ready()
            produce(kafka, names.topic, [large])
            said = str(program.said("publish refused")["error"])
            wait_until("it says so", lambda: "max.message.bytes, 20000;" in program.get("/readyz")[1])
            assert said.startswith(f"{names.dlq} refuses a record of 30")
            assert f"--topic {names.dlq} --add-config max.message.bytes=95" in said
            program.end()
