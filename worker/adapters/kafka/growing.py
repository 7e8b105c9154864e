"""Changes to topics that an operator asks for by name: a new source topic, more partitions. Blocking.

The rule: partitions are only ever added, and a call returns when the broker shows what it made.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.errors import KafkaUnavailable, one_line

TIMEOUT = 15.0
"""Seconds for each answer of the broker."""

BROKERS_DEFAULT = -1
"""In place of a number of partitions or replicas: what the broker is set to."""

_LOOK_AGAIN = 0.1


def create_topic(config: Config, name: str, partitions: int, replication: int) -> int:
    """Make a topic and return its partitions. Raises KafkaUnavailable, also where it is there already."""
    admin = _client(config)
    _await(admin.create_topics([NewTopic(name, partitions, replication)], request_timeout=TIMEOUT))
    return _await_partitions(admin, name, max(1, partitions))


def grow(config: Config, partitions: Mapping[str, int]) -> None:
    """Add partitions to topics until each has as many as it is given here. Raises KafkaUnavailable."""
    if not partitions:
        return
    admin = _client(config)
    wanted = [NewPartitions(name, count) for name, count in partitions.items()]
    _await(admin.create_partitions(wanted, request_timeout=TIMEOUT))
    for name, count in partitions.items():
        _await_partitions(admin, name, count)


def _client(config: Config) -> AdminClient:
    quiet: dict[str, Any] = {**config, "log_level": 0, "error_cb": lambda _: None}
    return AdminClient(quiet)


def _await(answers: Mapping[str, Future[None]]) -> None:
    for name, answer in answers.items():
        try:
            answer.result(TIMEOUT)
        except (KafkaException, TimeoutError) as error:
            raise KafkaUnavailable(f"{name}: {one_line(error)}") from error


def _await_partitions(admin: AdminClient, name: str, least: int) -> int:
    """Return the number of partitions once the broker, maybe behind its controller, shows so many."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        try:
            topic = admin.list_topics(timeout=TIMEOUT).topics.get(name)
        except KafkaException as error:
            raise KafkaUnavailable(one_line(error)) from error
        if topic is not None and topic.error is None and len(topic.partitions) >= least:
            return len(topic.partitions)
        time.sleep(_LOOK_AGAIN)
    raise KafkaUnavailable(f"{name} is made, but the broker does not show it yet")
