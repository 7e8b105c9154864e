"""All that a version has left in Kafka, as bytes: records of its topics, and commits with their metadata.

The rule: what was kept of a version never changes again; each release keeps its own beside the others.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.fake_kafka import FakeKafka
from worker.core.assigned_partition import Position
from worker.core.binding import LogId
from worker.core.record import Partition

KEPT = Path(__file__).parent / "kept"
VERSIONS = sorted(path.stem for path in KEPT.glob("*.json"))


class Kept(NamedTuple):
    """One record as it lay in its topic."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp: float


class State(NamedTuple):
    """What lay in Kafka: records by partition, offset and metadata by partition, and which logs they are."""

    records: Mapping[Partition, list[Kept]]
    committed: Mapping[Partition, Position]
    ids: Mapping[str, LogId]

    @classmethod
    def of(cls, kafka: FakeKafka) -> State:
        """All that lies in a Kafka."""
        records = {
            at: [Kept(one.key, one.value, list(one.headers), one.timestamp) for one in log]
            for at, log in kafka.logs.items()
        }
        return cls(records, dict(kafka.committed), dict(kafka.ids))

    def kafka(self) -> FakeKafka:
        """A Kafka in which it lies."""
        kafka = FakeKafka()
        kafka.ids.update(self.ids)
        for at, log in self.records.items():
            kafka.logs[at] = []
            for key, value, headers, timestamp in log:
                kafka.append(at, value, key, headers, timestamp)
        kafka.committed.update(self.committed)
        return kafka

    def topic(self, topic: str) -> list[Kept]:
        """The records of a topic, partition by partition."""
        return [one for at, log in self.records.items() if at.topic == topic for one in log]

    def to_json(self) -> str:
        """Write it for people and for `read`, a record a line; bytes that are no text as base64."""
        told: dict[str, dict[str, list[Any]]] = {
            "records": {str(at): [_shown(one) for one in log] for at, log in self.records.items()},
            "committed": {str(at): list(position) for at, position in self.committed.items()},
            "ids": {topic: list(log) for topic, log in self.ids.items()},
        }
        parts = [
            f'"{name}": {{\n' + ",\n".join(f'"{key}": {_lines(value)}' for key, value in of.items()) + "\n}"
            for name, of in told.items()
        ]
        return "{\n" + ",\n".join(parts) + "\n}\n"


def read(version: str) -> State:
    """What was kept of a version."""
    told = json.loads((KEPT / f"{version}.json").read_text("utf-8"))
    return State(
        {_partition(at): [_kept(one) for one in log] for at, log in told["records"].items()},
        {_partition(at): Position(*position) for at, position in told["committed"].items()},
        {topic: LogId(*log) for topic, log in told["ids"].items()},
    )


def _lines(value: list[Any]) -> str:
    """A list, with each object in it on a line of its own."""
    if not any(isinstance(one, dict) for one in value):
        return json.dumps(value)
    return "[\n" + ",\n".join(json.dumps(one) for one in value) + "\n]"


def _partition(text: str) -> Partition:
    topic, _, number = text.rpartition("/")
    return Partition(topic, int(number))


def _shown(one: Kept) -> dict[str, Any]:
    headers = [[name, _text(value)] for name, value in one.headers]
    return {"key": _text(one.key), "value": _text(one.value), "headers": headers, "timestamp": one.timestamp}


def _kept(told: Mapping[str, Any]) -> Kept:
    headers = [(name, _bytes(text)) for name, text in told["headers"]]
    return Kept(_bytes(told["key"]), _bytes(told["value"]), headers, told["timestamp"])


def _text(value: bytes | None) -> str | dict[str, str] | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value or b"").decode()}


def _bytes(told: str | dict[str, str] | None) -> bytes | None:
    if isinstance(told, dict):
        return base64.b64decode(told["base64"])
    return None if told is None else told.encode()
