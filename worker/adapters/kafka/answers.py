"""The client's answers for partitions, each of which may be an error in an answer's place.

The rule: an error is not "none": who asked where a partition stands does not know it then.
"""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import Consumer, TopicPartition

from worker.adapters.kafka.errors import KafkaUnavailable, is_about_group, is_refusal, one_line
from worker.adapters.kafka.records import to_partition


def all_told(answers: Sequence[TopicPartition]) -> Sequence[TopicPartition]:
    """The answers, where each is one; raise KafkaUnavailable with what was said instead."""
    reasons = [f"{to_partition(of)}: {one_line(of.error)}" for of in answers if of.error is not None]
    if reasons:
        refused = any(of.error is not None and is_refusal(of.error) for of in answers)
        raise KafkaUnavailable("; ".join(reasons), refused=refused)
    return answers


def group_refusal(consumer: Consumer) -> str | None:
    """Why the group is refused to this user; None where it is not. The question itself only timed out."""
    message = consumer.poll(0)
    error = None if message is None else message.error()
    return one_line(error) if error is not None and is_about_group(error) else None
