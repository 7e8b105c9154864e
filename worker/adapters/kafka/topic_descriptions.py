"""Reads a broker's descriptions of topics, without trust: other makes of brokers leave entries out.

The rule: a missing or unreadable entry is unknown (None), never guessed; no answer raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import KafkaError
from confluent_kafka.admin import TopicMetadata  # type: ignore[attr-defined]

from worker.adapters.kafka.errors import one_line
from worker.core.topics import FOREVER, Topic

UNLIMITED = -1
"""The value of `retention.ms` and `retention.bytes` that stands for no limit."""


class TopicConfig(NamedTuple):
    """A topic's settings, as far as the broker gave them; `why_not` if it refused."""

    entries: Mapping[str, str | None] = {}
    why_not: str | None = None


def existing_topics(listed: Mapping[str, TopicMetadata]) -> dict[str, TopicMetadata]:
    """The listed topics that exist; a topic with any error but "unknown" exists."""
    return {name: topic for name, topic in listed.items() if not _is_unknown(topic.error)}


def partition_count(listed: TopicMetadata) -> int | None:
    """How many partitions a topic has; None if the broker does not show them."""
    return len(listed.partitions) or None


def read_topic(name: str, listed: TopicMetadata, config: TopicConfig) -> Topic:
    """Put together the description of a topic."""
    entries = config.entries
    policy = entries.get("cleanup.policy")
    # A policy without "delete" removes nothing by age or size, whatever those settings say.
    expires = not policy or "delete" in policy
    milliseconds = _limit(entries.get("retention.ms")) if expires else FOREVER
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
        retention_bytes=_limit(entries.get("retention.bytes")) if expires else FOREVER,
        unsaid=error or config.why_not,
    )


def _is_unknown(error: KafkaError | None) -> bool:
    return error is not None and error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def _limit(text: str | None) -> float | None:
    number = _number(text)
    return FOREVER if number == UNLIMITED else number


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
