"""Whether the coordinator of a member's group answers.

The rule: it is asked what is committed, because that question has a timeout, and a blocking commit has none.
A refusal is an answer, too.
"""

from __future__ import annotations

from confluent_kafka import Consumer, KafkaException, TopicPartition

from worker.adapters.kafka.errors import is_away, one_line


def why_silent(consumer: Consumer, partitions: list[TopicPartition], seconds: float) -> str | None:
    """Why it did not answer within so many seconds; None if it did."""
    try:
        consumer.committed(partitions, timeout=seconds)
    except KafkaException as error:
        return one_line(error) if is_away(error) else None
    return None
