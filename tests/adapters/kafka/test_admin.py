"""The worker's own topics."""

from __future__ import annotations

import pytest

from tests.support.kafka import Names, create_topics
from worker.adapters.kafka.admin import (
    ROOM,
    SLACK,
    Own,
    Topic,
    check,
    create,
    describe,
    existing,
    problems,
    short_lived,
)
from worker.adapters.kafka.config import admin_config
from worker.adapters.kafka.errors import KafkaUnavailable

SOURCE = Topic("s", 6, 3, 1_000_000, 2, 604_800.0, False)
TIER = Own("w.retry.1h", 3600.0)
GOOD = Topic(TIER.name, 6, 3, 1_000_000 + ROOM, 2, 7200.0, False)


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (None, "does not exist"),
        (GOOD._replace(partitions=5), "has 5 partitions, the source 6"),
        (GOOD._replace(retention=3600.0), "keeps records 3600 s"),
        (GOOD._replace(retention=7199.0), "its delay takes a retention.ms of 7200000 or more"),
        (GOOD._replace(compacted=True), "cleanup.policy is compact"),
        (GOOD._replace(max_message_bytes=1_000_000), "max.message.bytes is 1000000"),
    ],
)
def test_problems(found: Topic | None, problem: str) -> None:
    """A topic that is missing, narrow, forgetful or tight is a problem that says so."""
    (line,) = problems(SOURCE, TIER, found)
    assert line.startswith(f"{TIER.name}: ")
    assert problem in line


@pytest.mark.parametrize("good", [GOOD, GOOD._replace(retention=None), GOOD._replace(partitions=7)])
def test_no_problem(good: Topic) -> None:
    """A topic with enough of everything is none."""
    assert problems(SOURCE, TIER, good) == []


def test_dead_letters_have_no_delay() -> None:
    """The dead-letter topic may keep its records as briefly as the operator likes, but each of them."""
    own = Own("w.dlq", None)
    assert problems(SOURCE, own, GOOD._replace(retention=60.0)) == []
    assert len(problems(SOURCE, own, GOOD._replace(compacted=True))) == 1


@pytest.mark.kafka
def test_short_lived(kafka: str, names: Names) -> None:
    """The broker's topics that lose records before their time are named, whatever else is wrong with them."""
    short, good = Own(names.tier("10s"), 10.0), Own(names.tier("20s"), 20.0)
    create_topics(kafka, {short.name: 1}, {"retention.ms": "10000", "cleanup.policy": "compact,delete"})
    create_topics(kafka, {good.name: 1}, {"retention.ms": "-1"})
    lines = short_lived(admin_config(kafka, "test", {}), [short, good, Own("nothing", 1.0)])
    assert [line.partition(":")[0] for line in lines] == [short.name, short.name]


@pytest.mark.kafka
def test_create(kafka: str, names: Names) -> None:
    """Topics are made after the source's image, once, with room and retention, and then pass the check."""
    config = admin_config(kafka, "test", {})
    create_topics(kafka, {names.topic: 3}, {"max.message.bytes": "2000000"})
    own = [Own(names.tier("10s"), 10.0), Own(names.tier("24h"), 86_400.0), Own(names.dlq, None)]
    assert check(config, names.topic, own) == [f"{topic.name}: does not exist" for topic in own]
    assert sorted(create(config, names.topic, own)) == sorted(topic.name for topic in own)
    assert create(config, names.topic, own) == []
    assert check(config, names.topic, own) == []
    assert existing(config, f"{names.group}.retry.") == [names.tier("10s"), names.tier("24h")]
    tier = describe(config, [names.tier("24h"), "nothing"])
    assert tier == {
        names.tier("24h"): Topic(names.tier("24h"), 3, 1, 2_000_000 + ROOM, 1, 2 * 86_400.0 + SLACK, False)
    }


@pytest.mark.kafka
def test_no_source(kafka: str, names: Names) -> None:
    """Without the source topic there is no measure: nothing is made."""
    config = admin_config(kafka, "test", {})
    with pytest.raises(KafkaUnavailable, match=f"{names.topic} does not exist"):
        create(config, names.topic, [Own(names.dlq, None)])
    assert check(config, names.topic, [Own(names.dlq, None)]) == [f"{names.topic}: does not exist"]
    assert existing(config, names.group) == []


def test_no_settings() -> None:
    """A property that the client does not know is said in one line."""
    with pytest.raises(KafkaUnavailable, match=r"no\.such\.thing"):
        existing(admin_config("127.0.0.1:1", "test", {"no.such.thing": "1"}), "x")
