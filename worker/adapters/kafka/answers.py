"""The client's answers per partition, each of which may be an error instead.

The rule: an error is not "none": after one, the answer for that partition is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import Consumer, TopicPartition

from worker.adapters.kafka.errors import KafkaUnavailable, is_about_group, is_refusal, one_line
from worker.adapters.kafka.records import to_partition


def all_told(answers: Sequence[TopicPartition]) -> Sequence[TopicPartition]:
    """The answers, if none is an error; raise KafkaUnavailable with the errors otherwise."""
    reasons = [f"{to_partition(of)}: {one_line(of.error)}" for of in answers if of.error is not None]
    if reasons:
        refused = any(of.error is not None and is_refusal(of.error) for of in answers)
        raise KafkaUnavailable("; ".join(reasons), refused=refused)
    return answers


def group_refusal(consumer: Consumer) -> str | None:
    """Why the group is refused to this user, or None. The question itself has only timed out."""
    message = consumer.poll(0)
    error = None if message is None else message.error()
    return one_line(error) if error is not None and is_about_group(error) else None
