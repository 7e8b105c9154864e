"""What a running worker does when Kafka itself changes: topics deleted, made anew, grown; a login refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import (
    WITHIN,
    Names,
    Write,
    committed,
    create_topics,
    end_offsets,
    produce,
    wait_until,
)

pytestmark = [pytest.mark.kafka, pytest.mark.process]

Ask = Callable[[str], tuple[int, str]]


def write(kafka: str, names: Names, numbers: Iterable[int], partition: int = 0) -> None:
    """Write events to one partition."""
    produce(
        kafka,
        names.topic,
        [Write(value(f"e-{number}", f"c-{number}"), partition=partition) for number in numbers],
    )


def delete(kafka: str, topic: str) -> None:
    """Delete a topic, and return when the broker says that it is done."""
    admin = AdminClient({"bootstrap.servers": kafka})
    (deleted,) = admin.delete_topics([topic]).values()
    deleted.result(WITHIN)


def committed_offset(kafka: str, names: Names) -> int:
    """What the group has committed of the source's first partition; -1 for nothing."""
    known = committed(kafka, names.group, names.topic)
    return known[0].offset if 0 in known else -1


def says_missing(get: Ask, topic: str) -> bool:
    """Whether the worker is not ready for want of this topic."""
    code, text = get("/readyz")
    return code == 503 and f"topic {topic} does not exist" in text


def test_the_source_deleted_and_made_anew(kafka: str, names: Names, tmp_path: Path) -> None:
    """A source that is deleted makes a worker not ready, never dead; made anew, it is read from its start."""
    create_topics(kafka, {names.topic: 1})
    with Tracker(lambda _query, _nth: 200) as tracker:
        env = settings(kafka, names, tracker)
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as program:
            program.ready()
            write(kafka, names, range(5))
            wait_until("five are committed", lambda: committed_offset(kafka, names) == 5)
            delete(kafka, names.topic)
            wait_until("it misses the source", lambda: says_missing(program.get, names.topic))
            assert program.get("/livez")[0] == 200
            create_topics(kafka, {names.topic: 1})
            write(kafka, names, range(100, 103))
            wait_until("three are committed", lambda: committed_offset(kafka, names) == 3)
            program.ready()
            assert program.end() == 0
        assert tracker.clicks == {f"c-{number}": 1 for number in (*range(5), 100, 101, 102)}


def test_a_tier_deleted_and_made_anew(kafka: str, names: Names, tmp_path: Path) -> None:
    """A retry whose tier is gone stays uncommitted, and goes out when the tier is there again."""
    create_topics(kafka, {names.topic: 1})
    with Tracker(lambda query, nth: 400 if nth == 1 and query["click_id"] == "c-1" else 200) as tracker:
        env = settings(kafka, names, tracker)
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as program:
            program.ready()
            tier = names.tier("500ms")
            delete(kafka, tier)
            write(kafka, names, range(3))
            tracker.asked(3)
            wait_until("it misses the tier", lambda: says_missing(program.get, tier))
            assert committed_offset(kafka, names) <= 1
            assert call("topics", "create", env=env, at=tmp_path).returncode == 0
            tracker.asked(4)
            wait_until("all is committed", lambda: committed_offset(kafka, names) == 3)
            program.ready()
            assert program.end() == 0
        assert tracker.clicks == {"c-0": 1, "c-1": 2, "c-2": 1}


def test_a_source_that_grows(kafka: str, names: Names, tmp_path: Path) -> None:
    """Partitions that are added to the source while it runs are read too, from their start."""
    create_topics(kafka, {names.topic: 1})
    with Tracker(lambda _query, _nth: 200) as tracker:
        env = settings(kafka, names, tracker)
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as program:
            program.ready()
            admin = AdminClient({"bootstrap.servers": kafka})
            (grown,) = admin.create_partitions([NewPartitions(names.topic, 2)]).values()
            grown.result(WITHIN)
            wait_until("it is seen", lambda: len(end_offsets(kafka, names.topic)) == 2)
            write(kafka, names, range(2))
            write(kafka, names, range(2, 4), partition=1)
            tracker.asked(4)
            assert program.end() == 0
        assert tracker.clicks == {f"c-{number}": 1 for number in range(4)}


def test_a_login_that_is_refused(kafka: str, names: Names, tmp_path: Path) -> None:
    """A broker that refuses the login leaves the worker alive and not ready, and the reason is said."""
    create_topics(kafka, {names.topic: 1})
    login: dict[str, str | int] = {
        "KAFKA__PROPERTIES__SECURITY_PROTOCOL": "sasl_plaintext",
        "KAFKA__PROPERTIES__SASL_MECHANISM": "PLAIN",
        "KAFKA__PROPERTIES__SASL_USERNAME": "worker",
        "KAFKA__PROPERTIES__SASL_PASSWORD": "not-to-be-seen",
    }
    with (
        Tracker(lambda _query, _nth: 200) as tracker,
        Program(settings(kafka, names, tracker, **login), tmp_path) as program,
    ):
        wait_until("it says why", lambda: "SASL" in program.get("/readyz")[1])
        assert program.get("/readyz")[0] == 503
        assert program.get("/livez")[0] == 200
        assert program.end() == 0
        assert "not-to-be-seen" not in "\n".join(program.lines)
