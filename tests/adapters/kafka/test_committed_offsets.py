"""What a group has committed, as a stranger to it asks: what is not known is not taken for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from worker.adapters.kafka import KafkaUnavailable, committed_offsets
from worker.adapters.kafka.committed_offsets import has_read, owners_of
from worker.adapters.kafka.config import Config
from worker.core.binding import Binding, Identity, LogId
from worker.core.offset_map import encode

OURS = Identity("conversions", "partner")
THEIRS = Identity("conversions", "voluum")
TIER = "worker.retry.1s"
SOURCE_GROUP: Config = {"group.id": "worker"}
TIERS_GROUP: Config = {"group.id": "worker.retry"}
NONE_COMMITTED = -1001


class Broker:
    """Answers for both groups; what is in `errors` stands in the place of an answer."""

    def __init__(self) -> None:
        self.owners: dict[tuple[str, int], Identity] = {}
        """Who committed a partition."""
        self.topics: dict[str, int | None] = dict.fromkeys([OURS.source, TIER])
        """The error of each topic of the list, or None."""
        self.errors: dict[tuple[str, int], int] = {}

    def __call__(self, _settings: Config) -> Broker:
        return self

    def list_topics(self, timeout: float) -> Any:
        assert timeout > 0
        topics = {
            name: SimpleNamespace(error=None if code is None else KafkaError(code), partitions=[0, 1])
            for name, code in self.topics.items()
        }
        return SimpleNamespace(topics=topics)

    def committed(self, wanted: Sequence[TopicPartition], timeout: float) -> list[Any]:
        assert timeout > 0
        return [self._committed(of.topic, of.partition) for of in wanted]

    def close(self) -> None:
        """Nothing is open."""

    def _committed(self, topic: str, partition: int) -> Any:
        error = self.errors.get((topic, partition))
        owner = self.owners.get((topic, partition)) if error is None else None
        return SimpleNamespace(
            topic=topic,
            partition=partition,
            error=None if error is None else KafkaError(error),
            offset=NONE_COMMITTED if owner is None else 7,
            metadata=None if owner is None else encode(7, None, Binding(LogId("c", "t"), owner)),
        )


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    """A broker that says what a test has it say."""
    made = Broker()
    monkeypatch.setattr(committed_offsets, "Consumer", made)
    return made


def look() -> str | None:
    """Look for another deployment in our groups."""
    return owners_of(SOURCE_GROUP, TIERS_GROUP, OURS).stranger


@pytest.mark.parametrize("topic", [OURS.source, TIER])
def test_found(broker: Broker, topic: str) -> None:
    """Another deployment is found by any partition that it committed, of the source or of a tier."""
    broker.owners = {(OURS.source, 0): OURS, (topic, 1): THEIRS}
    assert look() == "another deployment"


def test_nobody(broker: Broker) -> None:
    """Where every partition is ours or nobody's, and a topic is not there, nobody is found."""
    broker.owners = {(OURS.source, 0): OURS}
    broker.topics[TIER] = KafkaError.UNKNOWN_TOPIC_OR_PART
    assert look() is None


@pytest.mark.parametrize("topic", [OURS.source, TIER])
def test_a_partition_that_is_not_told(broker: Broker, topic: str) -> None:
    """A partition with an error in the place of its offset is unknown: somebody may have committed it."""
    broker.owners[topic, 1] = THEIRS
    broker.errors[topic, 1] = KafkaError.UNSTABLE_OFFSET_COMMIT
    with pytest.raises(KafkaUnavailable, match=f"{topic}/1: .*unstable"):
        look()


@pytest.mark.parametrize("topic", [OURS.source, TIER])
def test_a_topic_that_is_not_told(broker: Broker, topic: str) -> None:
    """A topic with an error in the place of its partitions is unknown, unless it does not exist."""
    broker.owners[topic, 1] = THEIRS
    broker.topics[topic] = KafkaError.LEADER_NOT_AVAILABLE
    with pytest.raises(KafkaUnavailable, match=f"{topic}: .*[Ll]eader"):
        look()


def test_a_name_that_is_not_told(broker: Broker) -> None:
    """Who is found stays found where its name can't be looked for."""
    broker.owners[OURS.source, 0] = THEIRS
    broker.topics["something-else"] = KafkaError.LEADER_NOT_AVAILABLE
    assert look() == "another deployment"


@pytest.mark.parametrize("topic", [OURS.source, TIER])
def test_begun(broker: Broker, topic: str) -> None:
    """A group has begun where anybody has committed on the source, whatever lies in its tiers."""
    broker.owners = {(topic, 0): OURS}
    assert owners_of(SOURCE_GROUP, TIERS_GROUP, OURS).has_begun is (topic == OURS.source)


@pytest.mark.parametrize(("owner", "is_ours"), [(OURS, True), (THEIRS, False), (None, False)])
def test_has_read(broker: Broker, owner: Identity | None, is_ours: bool) -> None:
    """A deployment has read a source in a group where it has signed a commit there."""
    broker.owners = {(TIER, 0): OURS} if owner is None else {(OURS.source, 0): owner}
    assert has_read(SOURCE_GROUP, OURS) is is_ours
