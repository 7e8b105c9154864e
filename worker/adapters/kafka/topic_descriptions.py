"""What a broker says of its topics, read without trust: brokers of other makes leave entries out.

The rule: what is not said, or can't be read, is unknown (None) and never a guess; no answer raises.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import KafkaError
from confluent_kafka.admin import TopicMetadata  # type: ignore[attr-defined]

from worker.adapters.kafka.errors import one_line

FOREVER = math.inf
"""A retention without an end, in seconds or in bytes."""

_UNLIMITED = -1  # what `retention.ms` and `retention.bytes` say of it


class Settings(NamedTuple):
    """A topic's settings, as far as they were said; `why_not` where the broker refused to say any."""

    entries: Mapping[str, str | None] = {}
    why_not: str | None = None


class Topic(NamedTuple):
    """A topic as it is; None is what the broker does not say.

    `retention` is in seconds and `retention_bytes` in bytes of a partition, FOREVER without an end;
    `compacted` where later records replace earlier ones; `compression` is the topic's `compression.type`;
    `unsaid` is why something is unknown, if that was said.
    """

    name: str
    partitions: int | None
    replication: int | None
    max_message_bytes: int | None
    min_insync_replicas: int | None
    retention: float | None
    compacted: bool | None
    compression: str | None = None
    retention_bytes: float | None = None
    unsaid: str | None = None


def existing_topics(listed: Mapping[str, TopicMetadata]) -> dict[str, TopicMetadata]:
    """Those of a list that exist: a topic with any other error than that it does not is there."""
    return {name: topic for name, topic in listed.items() if not _is_unknown(topic.error)}


def partition_count(listed: TopicMetadata) -> int | None:
    """How many partitions a topic has; None where the broker does not show them."""
    return len(listed.partitions) or None


def read_topic(name: str, listed: TopicMetadata, settings: Settings) -> Topic:
    """Put together what was said of a topic."""
    entries = settings.entries
    policy = entries.get("cleanup.policy")
    milliseconds = _limit(entries.get("retention.ms"))
    error = None if listed.error is None else one_line(listed.error)
    return Topic(
        name,
        partitions=partition_count(listed),
        replication=min((len(one.replicas) for one in listed.partitions.values()), default=0) or None,
        max_message_bytes=_number(entries.get("max.message.bytes")),
        min_insync_replicas=_number(entries.get("min.insync.replicas")),
        retention=None if milliseconds is None else milliseconds / 1000,
        compacted="compact" in policy if policy else None,
        compression=entries.get("compression.type") or None,
        retention_bytes=_limit(entries.get("retention.bytes")),
        unsaid=error or settings.why_not,
    )


def _is_unknown(error: KafkaError | None) -> bool:
    return error is not None and error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def _limit(text: str | None) -> float | None:
    number = _number(text)
    return FOREVER if number == _UNLIMITED else number


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
