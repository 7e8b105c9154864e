"""The client's answers for partitions, each of which may be an error in an answer's place.

The rule: an error is not "none": who asked where a partition stands does not know it then.
"""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import TopicPartition

from worker.adapters.kafka.errors import KafkaUnavailable, one_line
from worker.adapters.kafka.records import to_partition


def all_told(answers: Sequence[TopicPartition]) -> Sequence[TopicPartition]:
    """The answers, where each is one; raise KafkaUnavailable with what was said instead."""
    reasons = [f"{to_partition(of)}: {one_line(of.error)}" for of in answers if of.error is not None]
    if reasons:
        raise KafkaUnavailable("; ".join(reasons))
    return answers
