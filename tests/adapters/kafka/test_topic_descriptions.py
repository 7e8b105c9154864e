"""What brokers of any make say of topics: whatever they leave out is unknown, and nothing breaks."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import PartitionMetadata, TopicMetadata  # type: ignore[attr-defined]
from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.kafka.topic_descriptions import TopicConfig, existing_topics, read_topic
from worker.core.topics import FOREVER, Topic

WHOLE = {
    "max.message.bytes": "1048588",
    "min.insync.replicas": "2",
    "retention.ms": "60000",
    "cleanup.policy": "delete",
    "compression.type": "producer",
}
READ = Topic("t", 2, 3, 1_048_588, 2, 60.0, compacted=False, compression="producer")


def listed(*replicas: int, error: int | None = None) -> TopicMetadata:
    """A topic of a list, by the number of replicas of each partition."""
    topic = TopicMetadata()
    topic.error = None if error is None else KafkaError(error)
    for number, count in enumerate(replicas):
        partition = PartitionMetadata()
        partition.id, partition.replicas = number, list(range(count))
        topic.partitions[number] = partition
    return topic


def read(entries: Mapping[str, str | None], *replicas: int) -> Topic:
    """Read an answer about a topic `t`."""
    return read_topic("t", listed(*replicas), TopicConfig(entries))


def test_whole() -> None:
    """A whole answer is read whole; the smallest number of replicas counts."""
    assert read(WHOLE, 3, 4) == READ


@pytest.mark.parametrize(
    ("left_out", "unknown"),
    [
        ("max.message.bytes", "max_message_bytes"),
        ("min.insync.replicas", "min_insync_replicas"),
        ("retention.ms", "retention"),
        ("cleanup.policy", "compacted"),
        ("compression.type", "compression"),
    ],
)
def test_left_out(left_out: str, unknown: str) -> None:
    """An entry that is left out, or is without a value, makes that one thing unknown and no other."""
    expected = READ._replace(**{unknown: None})  # type: ignore[arg-type]
    assert read({name: value for name, value in WHOLE.items() if name != left_out}, 3, 3) == expected
    assert read({**WHOLE, left_out: None}, 3, 3) == expected
    assert read({**WHOLE, left_out: ""}, 3, 3) == expected


def test_no_replicas() -> None:
    """A topic without partitions, or with one that names no replicas, tells neither of them."""
    assert read(WHOLE) == READ._replace(partitions=None, replication=None)
    assert read(WHOLE, 3, 0) == READ._replace(replication=None)


@pytest.mark.parametrize(("text", "seconds"), [("-1", FOREVER), ("0", 0.0), ("1500", 1.5), ("long", None)])
def test_retention(text: str, seconds: float | None) -> None:
    """A retention is in seconds, or without an end; what is no number is unknown."""
    assert read({**WHOLE, "retention.ms": text}, 1).retention == seconds


def test_compacted() -> None:
    """A topic that is compacted and deleted too is compacted, and loses what is old."""
    found = read({**WHOLE, "cleanup.policy": "compact,delete", "retention.bytes": "7"}, 1)
    assert (found.compacted, found.retention, found.retention_bytes) == (True, 60.0, 7)


def test_compacted_alone() -> None:
    """Of a topic that is compacted alone nothing is removed for its age or size, whatever is set there."""
    found = read({**WHOLE, "cleanup.policy": "compact", "retention.bytes": "7"}, 1)
    assert (found.compacted, found.retention, found.retention_bytes) == (True, FOREVER, FOREVER)


def test_why() -> None:
    """Why something is unknown is kept: the topic's own error before the refusal of its settings."""
    refused = TopicConfig(why_not="Broker: Topic authorization failed")
    assert read_topic("t", listed(1), refused).unsaid == refused.why_not
    wrong = listed(error=KafkaError.LEADER_NOT_AVAILABLE)
    assert read_topic("t", wrong, refused).unsaid == "Broker: Leader not available"


def test_existing_topics() -> None:
    """A topic that is listed with an error is there, unless the error is that it is not."""
    topics = {
        "good": listed(1),
        "odd": listed(error=KafkaError.TOPIC_AUTHORIZATION_FAILED),
        "none": listed(error=KafkaError.UNKNOWN_TOPIC_OR_PART),
    }
    assert set(existing_topics(topics)) == {"good", "odd"}


texts = st.dictionaries(st.sampled_from([*WHOLE, "other"]), st.none() | st.text(max_size=12))


@given(texts, st.lists(st.integers(0, 3), max_size=4))
def test_any_answer(entries: dict[str, str | None], replicas: list[int]) -> None:
    """No answer raises."""
    assert read(entries, *replicas).name == "t"
