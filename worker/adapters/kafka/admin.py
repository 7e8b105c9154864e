"""Changes that an operator asks for: a new source topic, more partitions, old records removed. Blocking.

The rule: partitions are only ever added, and a call returns when the broker shows what it made. Silence is no
answer: the change may have been made all the same, so the metadata decides.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.errors import KafkaUnavailable, ignore, is_away, one_line
from worker.adapters.kafka.topic_descriptions import existing_topics
from worker.core.record import Partition

TIMEOUT_SECONDS = 15.0
"""Seconds for each answer of the broker."""

BROKERS_DEFAULT = -1
"""In place of a number of partitions or replicas: the broker's own default."""

LATE_SECONDS = 1.0
"""Seconds after a timeout within which the client itself says that no answer came."""

_LOOK_AGAIN_SECONDS = 0.1


def create_topic(config: Config, name: str, partitions: int, replication: int) -> int:
    """Make a topic and return its number of partitions. Raises KafkaUnavailable, also if it exists."""
    admin = _client(config)
    _await(admin.create_topics([NewTopic(name, partitions, replication)], request_timeout=TIMEOUT_SECONDS))
    return await_partitions(admin, name, max(1, partitions))


def grow(config: Config, partitions: Mapping[str, int]) -> None:
    """Add partitions to topics until each has the number given here. Raises KafkaUnavailable."""
    if not partitions:
        return
    admin = _client(config)
    wanted = [NewPartitions(name, count) for name, count in partitions.items()]
    _await(admin.create_partitions(wanted, request_timeout=TIMEOUT_SECONDS))
    for name, count in partitions.items():
        await_partitions(admin, name, count)


def delete_before(config: Config, offsets: Mapping[Partition, int]) -> None:
    """Remove the records before these offsets, for good. Raises KafkaUnavailable if the broker refuses."""
    if not offsets:
        return
    admin = _client(config)
    wanted = [TopicPartition(*at, offset) for at, offset in offsets.items()]
    how = {"request_timeout": TIMEOUT_SECONDS, "operation_timeout": TIMEOUT_SECONDS}
    for at, answer in admin.delete_records(wanted, **how).items():
        try:
            answer.result(TIMEOUT_SECONDS + LATE_SECONDS)
        except (KafkaException, TimeoutError) as error:
            raise KafkaUnavailable(f"{at.topic}/{at.partition}: {one_line(error)}") from error


def _client(config: Config) -> AdminClient:
    quiet: dict[str, Any] = {**config, **QUIET, "error_cb": ignore}
    return AdminClient(quiet)


def is_silent(error: BaseException) -> bool:
    """Whether it only says that no answer came in time: the change may have been made or not."""
    return isinstance(error, TimeoutError) or is_away(error)


def await_partitions(admin: AdminClient, name: str, least: int) -> int:
    """Return the number of partitions once the broker, which may lag behind its controller, shows `least`.

    Raises KafkaUnavailable if it does not within TIMEOUT_SECONDS.
    """
    deadline = time.monotonic() + TIMEOUT_SECONDS
    heard = ""
    while (left := deadline - time.monotonic()) > 0:
        try:
            topic = existing_topics(admin.list_topics(timeout=left).topics).get(name)
        except KafkaException as error:
            heard = f": {one_line(error)}"
        else:
            if topic is not None and topic.error is None and len(topic.partitions) >= least:
                return len(topic.partitions)
            heard = ""
        time.sleep(_LOOK_AGAIN_SECONDS)
    raise KafkaUnavailable(
        f"{name}: it may be made or not, the broker does not show it within {TIMEOUT_SECONDS:g} s{heard}; "
        "the same command may be given again"
    )


def _await(answers: Mapping[str, Future[None]]) -> None:
    """Wait for the answers; raise KafkaUnavailable for a refusal. The caller looks into silence."""
    for name, answer in answers.items():
        try:
            answer.result(TIMEOUT_SECONDS + LATE_SECONDS)
        except (KafkaException, TimeoutError) as error:
            if not is_silent(error):
                raise KafkaUnavailable(f"{name}: {one_line(error)}") from error
