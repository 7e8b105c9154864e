"""The topics of a worker, made and judged without a command line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.kafka import Names, create_topics
from worker.ops import topics
from worker.ops.errors import BrokerUnavailable, CannotDo
from worker.settings import Settings

NOBODY = "127.0.0.1:1"


def settings(bootstrap: str, names: Names) -> Settings:
    """Settings with one delay tier of 10 s."""
    return Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": bootstrap, "topic": names.topic, "group_id": names.group},
            "retry": {"delays": "10s"},
        }
    )


@pytest.mark.kafka
def test_made_and_right(kafka: str, names: Names) -> None:
    """What is made is right: a row for each topic says what became of it, and nothing is wrong with one."""
    wanted = settings(kafka, names)
    made = topics.create(wanted, topics.NewSourceTopic(partitions=3))
    assert made.warnings == []
    assert [(row.topic, row.partitions, row.result) for row in made.rows] == [
        (names.topic, 3, "created"),
        (names.tier("10s"), 3, "created"),
        (names.dlq, 3, "created"),
        (names.journal, 3, "created"),
        (names.control, 1, "created"),
    ]
    checked = topics.check(wanted)
    assert checked.warnings == []
    assert [(row.topic, row.is_there, row.problems) for row in checked.rows] == [
        (row.topic, True, []) for row in made.rows
    ]
    assert [row.retention for row in checked.rows[1:3]] == [row.retention for row in made.rows[1:3]]


@pytest.mark.kafka
def test_no_source(kafka: str, names: Names) -> None:
    """Without the source nothing is made, and it is the check's first problem."""
    with pytest.raises(CannotDo, match=f"the source topic {names.topic} does not exist") as error:
        topics.create(settings(kafka, names))
    assert error.value.hint == "--with-source makes it, too"
    assert [row.is_there for row in topics.check(settings(kafka, names)).rows] == [False] * 5


@pytest.mark.kafka
def test_grown(kafka: str, names: Names) -> None:
    """What has fewer partitions than the source gets as many, and is judged as it is then."""
    create_topics(kafka, {names.topic: 3, names.dlq: 2})
    made = topics.create(settings(kafka, names))
    row = next(row for row in made.rows if row.topic == names.dlq)
    assert (row.partitions, row.result) == (3, "grown from 2")
    assert [line for line in made.warnings if "partitions" in line] == []


@pytest.mark.parametrize("ask", [topics.create, topics.check])
def test_nobody_there(
    ask: Callable[[Settings], topics.TopicsReport], names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that can't be reached is an error of its own, with a hint."""
    monkeypatch.setattr("worker.ops.broker.TIMEOUT_SECONDS", 1.0)
    with pytest.raises(BrokerUnavailable, match=f"{NOBODY}: .*refused") as error:
        ask(settings(NOBODY, names))
    assert error.value.hint
