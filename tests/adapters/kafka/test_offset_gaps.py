"""Offsets that hold no record: when the client's position is believed, and when it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, TopicPartition

from worker.adapters.kafka.offset_gaps import LOOK_EVERY_SECONDS, OffsetGaps
from worker.core.record import Partition

AT, OTHER = Partition("orders", 0), Partition("orders", 1)


class FakeConsumer:
    """Knows where it is, or does not."""

    def __init__(self, **positions: int) -> None:
        self.positions = {AT: positions.get("at", OFFSET_INVALID), OTHER: positions.get("other", 9)}
        self.broken = False

    def position(self, asked: Sequence[TopicPartition]) -> list[TopicPartition]:
        """Tell where it is in each of these."""
        if self.broken:
            raise KafkaException(KafkaError(KafkaError._STATE))
        found = (Partition(of.topic, of.partition) for of in asked)
        return [TopicPartition(at.topic, at.number, self.positions[at]) for at in found]

    @property
    def itself(self) -> Consumer:
        """As the code under test takes it."""
        return cast("Consumer", self)


def test_now_and_then() -> None:
    """It is due every two seconds, and looks at what it is asked for."""
    gaps, consumer = OffsetGaps(), FakeConsumer(at=5)
    assert gaps.is_due(10.0)
    assert gaps.look(consumer.itself, [AT], 10.0) == {AT: 5}
    assert not gaps.is_due(10.0 + LOOK_EVERY_SECONDS / 2)
    assert gaps.is_due(10.0 + LOOK_EVERY_SECONDS)
    assert gaps.look(consumer.itself, [AT, OTHER], 10.0 + LOOK_EVERY_SECONDS) == {AT: 5, OTHER: 9}


def test_the_position_of_an_earlier_reading() -> None:
    """Of a partition that is read from elsewhere it believes nothing before the client has forgotten."""
    gaps, consumer = OffsetGaps(), FakeConsumer(at=1_000)
    gaps.doubt(consumer.itself, [AT])
    assert gaps.look(consumer.itself, [AT, OTHER], 10.0) == {OTHER: 9}
    consumer.positions[AT] = OFFSET_INVALID
    assert gaps.look(consumer.itself, [AT], 20.0) == {}
    consumer.positions[AT] = 3
    assert gaps.look(consumer.itself, [AT], 30.0) == {AT: 3}


def test_a_record_of_this_reading() -> None:
    """A record that came since shows that the client is in the present reading."""
    gaps, consumer = OffsetGaps(), FakeConsumer(at=1_000)
    gaps.doubt(consumer.itself, [AT])
    gaps.trust([AT])
    consumer.positions[AT] = 2
    assert gaps.look(consumer.itself, [AT], 10.0) == {AT: 2}


def test_forgotten_at_once() -> None:
    """A client that was nowhere when a partition was assigned is believed from then on."""
    gaps, consumer = OffsetGaps(), FakeConsumer()
    gaps.doubt(consumer.itself, [AT])
    consumer.positions[AT] = 9
    assert gaps.look(consumer.itself, [AT], 10.0) == {AT: 9}


def test_a_client_that_does_not_tell() -> None:
    """Where the client does not tell, nothing is told."""
    gaps, consumer = OffsetGaps(), FakeConsumer(at=5)
    consumer.broken = True
    assert gaps.look(consumer.itself, [AT], 10.0) == {}
