"""Where a group begins that is to begin at a time, with brokers that do not tell at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from worker.adapters.kafka import KafkaUnavailable
from worker.adapters.kafka.offset_lookup import OffsetLookup, StartPolicy
from worker.core.binding import LogId
from worker.core.record import Partition


class ShyConsumer:
    """A client whose broker does not say of the second partition what lies at a time, so often."""

    def __init__(self, answers: int = 1_000) -> None:
        self._refusals = iter(range(answers))

    def committed(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        return asked

    def close(self) -> None:
        """Nothing was opened."""

    def offsets_for_times(self, asked: list[TopicPartition], timeout: float) -> list[Any]:
        return [self._answer(of) for of in asked]

    def _answer(self, of: TopicPartition) -> Any:
        refused = of.partition == 1 and of.offset > 0 and next(self._refusals, None) is not None
        error = KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION) if refused else None
        offset = {-2: 0, -1: 20}.get(of.offset, 7)
        return SimpleNamespace(
            topic=of.topic, partition=of.partition, offset=-1 if error else offset, error=error
        )


def begun_at_a_time(starts: OffsetLookup, consumer: ShyConsumer) -> list[int | None]:
    """Where two partitions without an offset begin that are to begin at a time."""
    logs = {Partition("conversions", number): LogId() for number in range(2)}
    return [of.assigned.begins for of in starts.of(cast("Consumer", consumer), logs)]


def test_a_time_that_is_not_told() -> None:
    """An error in the place of the offset at a time is not "no record as new": it is not known then."""
    starts, shy = OffsetLookup(StartPolicy("2026-01-01T00:00:00Z")), ShyConsumer(answers=1)
    with pytest.raises(KafkaUnavailable, match="conversions/1: "):
        begun_at_a_time(starts, shy)
    assert begun_at_a_time(starts, shy) == [7, 7]
