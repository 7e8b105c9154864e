"""The client's answers per partition, each of which may be an error instead.

The rule: an error is not "none": after one, the answer for that partition is unknown. While a leader changes,
as it does where a topic has just been made or a broker restarts, it is asked again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaException, TopicPartition

from worker.adapters.kafka.errors import (
    KafkaUnavailable,
    is_about_group,
    is_leaderless,
    is_refusal,
    one_line,
)
from worker.adapters.kafka.records import to_partition
from worker.core.leaderless import no_leader
from worker.core.record import Partition

LEADERLESS_PAUSE_SECONDS = 0.2
"""Seconds between two questions while a leader changes."""


def once_led(ask: Callable[[], Sequence[TopicPartition]], within: float) -> Sequence[TopicPartition]:
    """Ask until every partition has a leader, or for so many seconds. Raises KafkaException."""
    deadline = time.monotonic() + within
    while True:
        is_late = time.monotonic() > deadline
        try:
            answers = ask()
        except KafkaException as error:
            if is_late or not is_leaderless(error):
                raise
        else:
            if is_late or not any(of.error is not None and is_leaderless(of.error) for of in answers):
                return answers
        time.sleep(LEADERLESS_PAUSE_SECONDS)


def all_led(answers: Sequence[TopicPartition]) -> Sequence[TopicPartition]:
    """The answers, if each partition has a leader; raise KafkaUnavailable, which names the others."""
    without = [to_partition(of) for of in answers if of.error is not None and is_leaderless(of.error)]
    if without:
        raise leaderless(without)
    return answers


def leaderless(partitions: Sequence[Partition]) -> KafkaUnavailable:
    """What to raise where these have no leader."""
    return KafkaUnavailable(no_leader(partitions), leaderless=True)


def all_told(answers: Sequence[TopicPartition]) -> Sequence[TopicPartition]:
    """The answers, if none is an error; raise KafkaUnavailable with the errors otherwise."""
    reasons = [f"{to_partition(of)}: {one_line(of.error)}" for of in all_led(answers) if of.error is not None]
    if reasons:
        refused = any(of.error is not None and is_refusal(of.error) for of in answers)
        raise KafkaUnavailable("; ".join(reasons), refused=refused)
    return answers


def group_refusal(consumer: Consumer) -> str | None:
    """Why the group is refused to this user, or None. The question itself has only timed out."""
    message = consumer.poll(0)
    error = None if message is None else message.error()
    return one_line(error) if error is not None and is_about_group(error) else None
