"""What the broker shows this user, and how a missing answer is reported.

The rule: it only asks; topics are neither made nor changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from worker.ops.errors import BrokerUnavailable

if TYPE_CHECKING:
    from worker.adapters.kafka.config import Config
    from worker.settings import Settings

TIMEOUT_SECONDS = 10.0
"""Seconds that the broker may take to answer."""

LEADERLESS = (
    "the brokers that hold these partitions are away; "
    "`kafka-topics.sh --describe --unavailable-partitions` shows which"
)


@contextmanager
def answering(settings: Settings, *, or_refusing: bool = True) -> Iterator[None]:
    """Raise BrokerUnavailable if the broker does not answer or refuses.

    Without `or_refusing`, because there is nothing to refuse, the lines do not mention that.
    """
    from worker.adapters.kafka.errors import KafkaUnavailable

    where = settings.kafka.bootstrap_servers
    try:
        yield
    except KafkaUnavailable as error:
        if error.leaderless:
            raise BrokerUnavailable([f"{where}: {error}"], LEADERLESS) from error
        if or_refusing:
            hint = "is the broker running, and may this user ask it?"
            raise BrokerUnavailable([f"{where}: {error}"], hint) from error
        raise BrokerUnavailable([f"{where} does not answer: {error}"], "is the broker running?") from error


def partitions_by_topic(settings: Settings) -> Mapping[str, int | None]:
    """Every topic with its number of partitions, None if unknown; raise KafkaUnavailable."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    from worker.adapters.kafka.config import QUIET
    from worker.adapters.kafka.error_causes import ErrorCauses
    from worker.adapters.kafka.errors import KafkaUnavailable, made_from_settings
    from worker.adapters.kafka.topic_descriptions import existing_topics, partition_count

    causes = ErrorCauses()
    listening: dict[str, Any] = {**asking(settings), **QUIET, "error_cb": causes.hear}
    with made_from_settings():
        admin = AdminClient(listening)
    try:
        there = causes.patient(
            lambda seconds: admin.list_topics(timeout=seconds), admin.poll, TIMEOUT_SECONDS
        )
    except KafkaException as error:
        raise KafkaUnavailable(causes.line_of_all(error, admin.poll)) from None
    return {name: partition_count(topic) for name, topic in existing_topics(there.topics).items()}


def asking(settings: Settings) -> Config:
    """The configuration of a client that only asks."""
    from worker.adapters.kafka.config import admin_config, unique_client_id

    kafka = settings.kafka
    return admin_config(kafka.bootstrap_servers, unique_client_id(kafka.group_id), kafka.properties)


def former_tiers(settings: Settings, there: Collection[str]) -> list[str]:
    """The delay tiers among the topics `there` that the settings no longer have, sorted."""
    from worker.settings.tiers import every_tier

    return [topic for topic, tier in every_tier(settings, there).items() if tier not in settings.tiers]


def hidden_topics(settings: Settings, command: str) -> Mapping[str, str]:
    """Topics that look missing only because this user lacks a right that a command needs, with a line each.

    Raises KafkaUnavailable.
    """
    from worker.adapters.kafka.rights import Rights
    from worker.core.rights import DescribeRefused, ResourceKind, lacking
    from worker.settings.command_rights import rights_of_commands

    needed = rights_of_commands(settings)[command]
    said = Rights(asking(settings)).said(needed, [ResourceKind.TOPIC])
    refused = {resource: answer for resource, answer in said.items() if isinstance(answer, DescribeRefused)}
    return {resource.name: line for resource, line in lacking(needed, refused).items()}
