"""The worker's own topics."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.adapters.kafka.mock import MockCluster
from tests.support.kafka import Names, create_topics
from worker.adapters.kafka import own_topics
from worker.adapters.kafka.config import Config, admin_config
from worker.adapters.kafka.errors import KafkaUnavailable
from worker.adapters.kafka.own_topics import create, describe
from worker.adapters.kafka.topic_descriptions import TopicConfig
from worker.core.record_size import ROOM_BYTES
from worker.core.topics import FOREVER, RETENTION_SLACK_SECONDS, NeededTopics, OwnTopic, Topic, judge

SOURCE = Topic("s", 6, 3, 1_000_000, 2, 604_800.0, False, "producer", FOREVER)
TIER = OwnTopic("w.retry.1h", 3600.0)


def check(config: Config, source: str, own: Sequence[OwnTopic]) -> list[str]:
    """What is said of topics as the broker has them."""
    needed = NeededTopics(source, own, 1 << 30)
    return [finding.line for finding in judge(needed, describe(config, needed.names))]


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
    assert own_topics._said(refused, 1.0) == TopicConfig(
        {}, "Broker: Topic authorization failed: grant this user DESCRIBE_CONFIGS"
    )


@pytest.mark.kafka
def test_create(kafka: str, names: Names) -> None:
    """Topics are made after the source's image, once, with room and retention, and then pass the check."""
    config = admin_config(kafka, "test", {})
    create_topics(kafka, {names.topic: 3}, {"max.message.bytes": "2000000"})
    own = [
        OwnTopic(names.tier("10s"), 10.0),
        OwnTopic(names.tier("24h"), 86_400.0),
        OwnTopic(names.dlq, None),
    ]
    assert check(config, names.topic, own) == [f"topic {topic.name} does not exist" for topic in own]
    assert sorted(create(config, names.topic, own)) == sorted(topic.name for topic in own)
    assert create(config, names.topic, own) == []
    assert check(config, names.topic, own) == []
    tier = describe(config, [names.tier("24h"), "nothing"])
    assert tier == {
        names.tier("24h"): Topic(
            names.tier("24h"),
            3,
            1,
            2_000_000 + ROOM_BYTES,
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
        create(config, names.topic, [OwnTopic(names.dlq, None)])
    assert describe(config, [names.topic, names.dlq]) == {}


def test_no_settings() -> None:
    """A property that the client does not know is said in one line."""
    with pytest.raises(KafkaUnavailable, match=r"no\.such\.thing"):
        describe(admin_config("127.0.0.1:1", "test", {"no.such.thing": "1"}), ["x"])


@pytest.mark.kafka
def test_the_control_topic(kafka: str, names: Names) -> None:
    """The control topic is made compacted, with one partition, and is right then."""
    config = admin_config(kafka, "test", {})
    control = OwnTopic(f"{names.group}.control", control=True)
    create_topics(kafka, {names.topic: 3})
    assert create(config, names.topic, [control]) == [control.name]
    assert check(config, names.topic, [control]) == []
    found = describe(config, [control.name])[control.name]
    assert (found.partitions, found.compacted) == (1, True)
