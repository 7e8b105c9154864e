"""Probes whether partitions can be read: a fetch at the end of each, which its leader must answer. Blocking.

The rule: it joins no group and commits nothing, so no group's offsets move; silence is reported with its true
cause.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any, cast

from confluent_kafka import OFFSET_END, Consumer, KafkaError, TopicPartition

from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.error_causes import ErrorCauses
from worker.adapters.kafka.errors import END_OF_PARTITION, NO_ANSWER, made_from_settings
from worker.adapters.kafka.records import ReceivedMessage
from worker.core.record import Partition

WITHIN_SECONDS = 10.0
"""Seconds within which every partition must answer."""


_TURN_SECONDS = 0.2


def unread(config: Config, partitions: Collection[Partition]) -> dict[Partition, str]:
    """The partitions that can't be read, and why; `config` is for no worker's group.

    Raises KafkaUnavailable for bad settings.
    """
    causes = ErrorCauses()
    own: Config = {"enable.partition.eof": True, **QUIET}
    settings: dict[str, Any] = {**config, **own, "error_cb": causes.hear}
    with made_from_settings():
        consumer = Consumer(settings)
    try:
        consumer.assign([TopicPartition(at.topic, at.number, OFFSET_END) for at in partitions])
        refused = _refusals(consumer, silent := set(partitions))
    finally:
        consumer.close()
    lines = {at: causes.line(error) for at, error in refused.items()}
    return {**lines, **dict.fromkeys(silent, causes.line() or NO_ANSWER)}


def _refusals(consumer: Consumer, silent: set[Partition]) -> dict[Partition, KafkaError]:
    """Wait for each answer, and take its partition out of `silent`; return refusals and their reasons."""
    refused: dict[Partition, KafkaError] = {}
    deadline = time.monotonic() + WITHIN_SECONDS
    while silent and time.monotonic() < deadline:
        message = cast("ReceivedMessage | None", consumer.poll(_TURN_SECONDS))
        if message is None or (at := Partition(message.topic(), message.partition())) not in silent:
            continue
        silent.remove(at)
        error = message.error()
        if error is not None and error.code() != END_OF_PARTITION:
            refused[at] = error
    return refused
