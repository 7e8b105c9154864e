"""Which topics there are, beside those that the settings need; and what keeps the worker from being ready.

The rule: it only asks; topics are neither made nor changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.settings import Settings
from worker.settings.tiers import former_tier

if TYPE_CHECKING:
    from worker.adapters.kafka.config import Config

TIMEOUT_SECONDS = 10.0
"""Seconds that the broker may take to answer."""


class Findings(NamedTuple):
    """Lines on what keeps the worker from being ready, and on what may not be meant."""

    problems: list[str]
    warnings: list[str]


def partitions_by_topic(settings: Settings) -> Mapping[str, int | None]:
    """Every topic that there is, with its partitions, None where they are unknown; raise KafkaUnavailable."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    from worker.adapters.kafka.error_causes import Causes
    from worker.adapters.kafka.errors import KafkaUnavailable
    from worker.adapters.kafka.topic_descriptions import existing_topics, partition_count

    causes = Causes()
    listening: dict[str, Any] = {**asking(settings), "log_level": 0, "error_cb": causes.hear}
    admin = AdminClient(listening)
    try:
        topics = admin.list_topics(timeout=TIMEOUT_SECONDS).topics
    except KafkaException as error:
        raise KafkaUnavailable(causes.line_of_all(error, admin.poll)) from None
    return {name: partition_count(topic) for name, topic in existing_topics(topics).items()}


def asking(settings: Settings) -> Config:
    """The settings of a client that only asks."""
    from worker.adapters.kafka.config import admin_config, unique_client_id

    kafka = settings.kafka
    return admin_config(kafka.bootstrap_servers, unique_client_id(kafka.group_id), kafka.properties)


def findings(settings: Settings, topics: Mapping[str, int | None]) -> Findings:
    """Compare the topics that are there with those that the settings need."""
    source = settings.kafka.topic
    own = [*(settings.tier_topic(tier) for tier in settings.tiers), settings.dlq_topic]
    problems = [f"topic {name} does not exist" for name in (source, *own) if name not in topics]
    warnings = [
        f"topic {name} has {_count(topics[name])} partitions, {source} has {_count(topics[source])}"
        for name in own
        if name in topics and source in topics and topics[name] != topics[source]
    ]
    return Findings(problems, [*warnings, *_control(settings, topics), *_forgotten(settings, topics)])


def _control(settings: Settings, topics: Mapping[str, int | None]) -> list[str]:
    name = settings.control_topic
    if name in topics:
        return []
    return [f"topic {name} does not exist: should the broker lose the group's offsets, none is remembered"]


def _count(partitions: int | None) -> str:
    return "an unknown number of" if partitions is None else str(partitions)


def _forgotten(settings: Settings, topics: Mapping[str, int | None]) -> list[str]:
    return [
        f"topic {name} is a delay tier that POSTBACK_RETRY__DELAYS no longer has: what is left in it is sent "
        "when due; delete it once it is empty"
        for name in sorted(topics)
        if former_tier(settings, name) is not None
    ]
