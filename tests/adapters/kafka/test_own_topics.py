"""The worker's own topics."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.adapters.kafka.mock import MockCluster
from tests.support.kafka import Names, create_topics
from worker.adapters.kafka import own_topics
from worker.adapters.kafka.config import admin_config
from worker.adapters.kafka.errors import KafkaUnavailable
from worker.adapters.kafka.own_topics import (
    RETENTION_SLACK_SECONDS,
    Own,
    check,
    client_problems,
    create,
    describe,
    existing,
    problems,
    risks,
    short_lived,
)
from worker.adapters.kafka.topic_descriptions import FOREVER, Settings, Topic
from worker.core.record_size import ROOM

SOURCE = Topic("s", 6, 3, 1_000_000, 2, 604_800.0, False, "producer", FOREVER)
TIER = Own("w.retry.1h", 3600.0)
GOOD = Topic(TIER.name, 6, 3, 1_000_000 + ROOM, 2, 7200.0, False)


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (None, "does not exist"),
        (GOOD._replace(partitions=5), "has 5 partitions, the source 6"),
        (GOOD._replace(retention=3600.0), "keeps records 3600 s"),
        (GOOD._replace(retention=7199.0), "its delay takes a retention.ms of 7200000 or more"),
        (GOOD._replace(retention_bytes=1_000_000), "retention.bytes is 1000000, "),
        (GOOD._replace(retention_bytes=1), "it must be -1"),
        (GOOD._replace(compacted=True), "cleanup.policy is compact"),
        (GOOD._replace(max_message_bytes=1_000_000), "max.message.bytes is 1000000, not 1065536 or more"),
        (GOOD._replace(compression="uncompressed"), "compression.type is uncompressed"),
        (GOOD._replace(compression="lz4"), "it must be producer"),
    ],
)
def test_problems(found: Topic | None, problem: str) -> None:
    """A topic that is missing, narrow, forgetful or tight is a problem that says so."""
    (line,) = problems(SOURCE, TIER, found)
    assert line.startswith(f"{TIER.name}: ")
    assert problem in line


@pytest.mark.parametrize(
    "good",
    [
        GOOD,
        GOOD._replace(retention=FOREVER),
        GOOD._replace(retention_bytes=FOREVER),
        GOOD._replace(partitions=7),
    ],
)
def test_no_problem(good: Topic) -> None:
    """A topic with enough of everything is none."""
    assert problems(SOURCE, TIER, good) == []
    assert risks(TIER, good) == []


@pytest.mark.parametrize(("own", "what"), [(TIER, "a retry"), (Own("w.dlq", None), "a dead letter")])
def test_one_replica_is_enough(own: Own, what: str) -> None:
    """A topic where one of several replicas is enough is warned of: what it means, and what is right."""
    (line,) = risks(own, GOOD._replace(min_insync_replicas=1))
    assert line.startswith(f"{own.name}: min.insync.replicas is 1 of 3 replicas: {what} ")
    assert line.endswith("set 2")
    assert problems(SOURCE, own, GOOD._replace(min_insync_replicas=1)) == []


@pytest.mark.parametrize(
    "found",
    [
        GOOD._replace(min_insync_replicas=1, replication=1),
        GOOD._replace(min_insync_replicas=1, replication=None),
        GOOD._replace(min_insync_replicas=None),
    ],
)
def test_no_choice_of_replicas(found: Topic) -> None:
    """One replica alone is what was chosen, and of what is unknown nothing is said."""
    assert risks(TIER, found) == []


@pytest.mark.parametrize(
    ("source", "own"),
    [
        ("producer", "producer"),
        ("producer", "zstd"),
        ("producer", None),
        ("lz4", "lz4"),
        ("uncompressed", "lz4"),
        ("uncompressed", "uncompressed"),
    ],
)
def test_packing_that_fits(source: str, own: str | None) -> None:
    """A topic that keeps records as they come, or as tightly as the source does, is no problem."""
    assert problems(SOURCE._replace(compression=source), TIER, GOOD._replace(compression=own)) == []


def test_client_limit() -> None:
    """A client that takes less than the source does is a problem that says the number that is right."""
    assert client_problems(SOURCE, 1_000_000 + ROOM) == []
    assert client_problems(SOURCE._replace(max_message_bytes=None), 1) == []
    (line,) = client_problems(SOURCE, 1_000_000)
    assert line.startswith("s: max.message.bytes is 1000000, ")
    assert line.endswith("MESSAGE_MAX_BYTES is 1000000, not 1065536 or more")


UNKNOWN = Topic(TIER.name, None, None, None, None, None, None)


def test_unknown_is_no_problem() -> None:
    """What the broker does not say of either topic is not said to be wrong."""
    assert problems(SOURCE, TIER, UNKNOWN) == []
    assert problems(UNKNOWN._replace(name="s"), TIER, GOOD) == []


@pytest.mark.parametrize(
    ("unknown", "left_out"),
    [
        ("max_message_bytes", "max.message.bytes"),
        ("min_insync_replicas", "min.insync.replicas"),
        ("compression", "compression.type"),
        ("retention_bytes", "retention.bytes"),
    ],
)
def test_unknown_is_not_sent(unknown: str, left_out: str) -> None:
    """A topic is made without the setting that is unknown of the source; the broker's own holds then."""
    whole = own_topics._new(SOURCE, TIER)
    topic = own_topics._new(SOURCE._replace(**{unknown: None}), TIER)  # type: ignore[arg-type]
    assert set(whole.config or ()) - set(topic.config or ()) == {left_out}
    assert (topic.num_partitions, topic.replication_factor) == (6, 3)


def test_unknown_replication() -> None:
    """Where the source's replicas are unknown the broker decides; without its partitions nothing is made."""
    assert own_topics._new(SOURCE._replace(replication=None), TIER).replication_factor == -1
    hidden = SOURCE._replace(partitions=None, unsaid="Broker: Leader not available")
    with pytest.raises(KafkaUnavailable, match="how many partitions s has is unknown: Broker: Leader"):
        own_topics._new(hidden, TIER)


def test_silence_is_no_answer(cluster: MockCluster) -> None:
    """A broker that lists its topics and does not describe them has said nothing."""
    cluster.create("s", 3)
    with pytest.raises(KafkaUnavailable, match="imed out"):
        describe(admin_config(cluster.bootstrap, "test", {}), ["s", "nothing"], within=0.5)


def test_a_refusal_leaves_unknown() -> None:
    """A broker that refuses to describe one topic leaves that one's settings unknown, with its reason."""
    refused: Future[object] = Future()
    refused.set_exception(KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)))
    assert own_topics._said(refused, 1.0) == Settings({}, "Broker: Topic authorization failed")


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
    create_topics(kafka, {good.name: 1}, {"retention.ms": "-1", "retention.bytes": "-1"})
    small = Own(names.dlq, None)
    create_topics(kafka, {small.name: 1}, {"retention.bytes": "1048576"})
    lines = short_lived(admin_config(kafka, "test", {}), [short, good, small, Own("nothing", 1.0)])
    assert [line.partition(":")[0] for line in lines] == [short.name, short.name, small.name]
    assert ": retention.bytes is 1048576, " in lines[-1]


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
        names.tier("24h"): Topic(
            names.tier("24h"),
            3,
            1,
            2_000_000 + ROOM,
            1,
            2 * 86_400.0 + RETENTION_SLACK_SECONDS,
            False,
            "producer",
            FOREVER,
        )
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


@pytest.mark.kafka
def test_the_control_topic(kafka: str, names: Names) -> None:
    """The control topic is made compacted, with one partition, and checked for it."""
    config = admin_config(kafka, "test", {})
    control = Own(f"{names.group}.control", control=True)
    create_topics(kafka, {names.topic: 3})
    assert check(config, names.topic, [control]) == [f"{control.name}: does not exist"]
    assert create(config, names.topic, [control]) == [control.name]
    assert check(config, names.topic, [control]) == []
    found = describe(config, [control.name])[control.name]
    assert (found.partitions, found.compacted) == (1, True)
    wrong = control._replace(name=f"{names.group}.other")
    create_topics(kafka, {wrong.name: 2})
    assert check(config, names.topic, [wrong]) == [
        f"{wrong.name}: has 2 partitions, and must have 1",
        f"{wrong.name}: cleanup.policy must be compact: what the group remembers would expire",
    ]
