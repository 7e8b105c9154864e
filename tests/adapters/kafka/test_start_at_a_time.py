"""Where a group begins, with brokers that do not tell of each partition at once."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from worker.adapters.kafka import KafkaUnavailable
from worker.adapters.kafka.offset_lookup import OffsetLookup, StartPolicy
from worker.core.binding import LogId
from worker.core.record import Partition


class ShyConsumer:
    """A client whose broker does not say of the second partition what lies at a time, so often.

    With `leaders`, only these have a leader.
    """

    def __init__(self, answers: int = 1_000, leaders: Collection[int] | None = None) -> None:
        self._refusals = iter(range(answers))
        self._leaders = leaders

    def committed(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        return asked

    def close(self) -> None:
        """Nothing was opened."""

    def offsets_for_times(self, asked: list[TopicPartition], timeout: float) -> list[Any]:
        if self._leaders is not None and not {of.partition for of in asked} & {*self._leaders}:
            raise KafkaException(KafkaError(KafkaError._UNKNOWN_PARTITION))
        return [self._answer(of) for of in asked]

    def _answer(self, of: TopicPartition) -> Any:
        if self._leaders is None:
            refused = of.partition == 1 and of.offset > 0 and next(self._refusals, None) is not None
        else:
            refused = of.partition not in self._leaders
        error = KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION) if refused else None
        offset = {-2: 0, -1: 20}.get(of.offset, 7)
        return SimpleNamespace(
            topic=of.topic, partition=of.partition, offset=-1 if error else offset, error=error
        )


def begun_at_a_time(starts: OffsetLookup, consumer: ShyConsumer) -> list[int | None]:
    """Where two partitions without an offset begin that are to begin at a time."""
    logs = {Partition("conversions", number): LogId() for number in range(2)}
    found = starts.of(cast("Consumer", consumer), logs)
    if found.why is not None:
        raise found.why
    return [of.assigned.begins for of in found.known]


def test_a_time_that_is_not_told() -> None:
    """An error in the place of the offset at a time is not "no record as new": it is not known then."""
    starts, shy = OffsetLookup(StartPolicy("2026-01-01T00:00:00Z")), ShyConsumer(answers=1)
    with pytest.raises(KafkaUnavailable, match="conversions/1: "):
        begun_at_a_time(starts, shy)
    assert begun_at_a_time(starts, shy) == [7, 7]


@pytest.mark.parametrize(
    ("start", "leaders", "begun", "without"),
    [
        ("earliest", [0, 2], [0, 2], "conversions/1"),
        ("earliest", [], [], "conversions/0, conversions/1, conversions/2"),
        ("latest", [0, 2], [], "conversions/1"),
        ("2026-01-01T00:00:00Z", [0, 2], [], "conversions/1"),
    ],
)
def test_without_a_leader(start: str, leaders: list[int], begun: list[int], without: str) -> None:
    """One without a leader keeps no other from its log's start; all wait with it if they begin elsewhere."""
    starts, shy = OffsetLookup(StartPolicy(start)), ShyConsumer(leaders=leaders)
    logs = {Partition("conversions", number): LogId() for number in range(3)}
    found = starts.of(cast("Consumer", shy), logs)
    assert [of.assigned.at.number for of in found.known] == begun
    assert str(found.why) == f"can't read where the logs begin and end: {without}: no leader"
