"""Describes and creates the worker's own topics at the broker. Blocking.

The rule: `worker/core/topics.py` decides what they must be; here it is only asked and carried out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from worker.adapters.kafka.admin import BROKERS_DEFAULT, LATE_SECONDS, await_partitions, is_silent
from worker.adapters.kafka.config import Config
from worker.adapters.kafka.errors import (
    NO_ANSWER,
    KafkaUnavailable,
    LimitedLog,
    error_code,
    ignore,
    is_away,
    one_line,
)
from worker.adapters.kafka.topic_descriptions import UNLIMITED, TopicConfig, existing_topics, read_topic
from worker.core.topics import OwnTopic, Topic, image

TIMEOUT_SECONDS = 15.0
"""Seconds for each answer of the broker."""

_Answer = TypeVar("_Answer")


def describe(config: Config, topics: Iterable[str], within: float = TIMEOUT_SECONDS) -> dict[str, Topic]:
    """Those of `topics` that exist, as the broker describes them. Raises KafkaUnavailable.

    Each of the two answers may take `within` seconds.
    """
    admin = _client(config)
    listed = _list(admin, within)
    found = [name for name in topics if name in listed]
    settings = _settings(admin, found, within)
    return {name: read_topic(name, listed[name], settings.get(name, TopicConfig())) for name in found}


def create(config: Config, source: str, own: Sequence[OwnTopic]) -> list[str]:
    """Create the worker's missing topics, modelled on the source; return their names.

    Existing topics are left alone, and only what the broker reports of the source is copied. Returns when the
    broker shows them. Raises KafkaUnavailable, also without the source topic.
    """
    found = describe(config, [source, *(topic.name for topic in own)])
    if source not in found:
        raise KafkaUnavailable(f"the source topic {source} does not exist: its partitions are the measure")
    new = [_new(found[source], topic) for topic in own if topic.name not in found]
    if not new:
        return []
    admin = _client(config)  # kept in a variable, because its futures die with it
    answers = _call(
        lambda: admin.create_topics(new, operation_timeout=TIMEOUT_SECONDS, request_timeout=TIMEOUT_SECONDS)
    )
    refusals = {name: _refusal_to_make(answer) for name, answer in answers.items()}
    if refused := [f"topic {name}: {why}" for name, why in refusals.items() if why]:
        raise KafkaUnavailable("; ".join(refused))
    made = [name for name, answer in answers.items() if _is_made(answer)]
    for topic in new:
        await_partitions(admin, topic.topic, topic.num_partitions)
    return made


def _new(source: Topic, own: OwnTopic) -> NewTopic:
    """The topic to create; what is unknown of the source is left to the broker."""
    made = image(source, own)
    if source.partitions is None or made.partitions is None:
        why = f": {source.unsaid}" if source.unsaid else ""
        raise KafkaUnavailable(f"how many partitions {source.name} has is unknown{why}")
    return NewTopic(own.name, made.partitions, made.replication or BROKERS_DEFAULT, config=entries_of(made))


def entries_of(made: Topic) -> dict[str, str]:
    """The settings to create a topic with, without the unknown ones."""
    if made.compacted:
        entries = {"cleanup.policy": "compact"}
    else:
        entries = {"cleanup.policy": "delete", "retention.ms": f"{(made.retention or 0) * 1000:.0f}"}
    known = {
        "max.message.bytes": made.max_message_bytes,
        "compression.type": made.compression,
        "retention.bytes": None if made.retention_bytes is None else UNLIMITED,
        "min.insync.replicas": made.min_insync_replicas,
    }
    return entries | {name: str(value) for name, value in known.items() if value is not None}


def _is_made(answer: Future[None]) -> bool:
    """Whether we made it, rather than somebody faster; after silence it counts, and the metadata decides."""
    error = _outcome(answer)
    return error is None or is_silent(error)


def _refusal_to_make(answer: Future[None]) -> str | None:
    """Why the broker refused to make a topic; None if it exists or no answer came."""
    error = _outcome(answer)
    exists = error is not None and error_code(error) == KafkaError.TOPIC_ALREADY_EXISTS
    return None if error is None or exists or is_silent(error) else _refusal(error, "CREATE")


def _outcome(answer: Future[None]) -> KafkaException | TimeoutError | None:
    try:
        answer.result(TIMEOUT_SECONDS + LATE_SECONDS)
    except (KafkaException, TimeoutError) as error:
        return error
    return None


def _refusal(error: BaseException, right: str) -> str:
    """Why the broker refused, with the right to grant if one is missing."""
    denied = error_code(error) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    return f"{one_line(error).rstrip('.')}: grant this user {right}" if denied else one_line(error)


def _client(config: Config) -> AdminClient:
    settings: dict[str, Any] = {**config, "error_cb": ignore}
    return _call(lambda: AdminClient(settings, logger=LimitedLog(logging.getLogger("worker.kafka"))))


def _list(admin: AdminClient, within: float) -> Mapping[str, Any]:
    return existing_topics(_call(lambda: admin.list_topics(timeout=within).topics))


def _settings(admin: AdminClient, topics: Sequence[str], within: float) -> dict[str, TopicConfig]:
    if not topics:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
    answers = _call(lambda: admin.describe_configs(resources, request_timeout=within))
    return {of.name: _said(answer, within) for of, answer in answers.items()}


def _said(answer: Future[Any], within: float) -> TopicConfig:
    """The settings of one topic; a refusal leaves them unknown, and silence raises KafkaUnavailable."""
    try:
        entries = answer.result(within + LATE_SECONDS)
    except KafkaException as error:
        if is_away(error):
            raise KafkaUnavailable(one_line(error)) from error
        return TopicConfig(why_not=_refusal(error, "DESCRIBE_CONFIGS"))
    except TimeoutError as error:
        raise KafkaUnavailable(NO_ANSWER) from error
    return TopicConfig({name: entry.value for name, entry in entries.items()})


def _call(call: Callable[[], _Answer]) -> _Answer:
    """Ask the client; raise KafkaUnavailable if it has no answer."""
    try:
        return call()
    except (KafkaException, TimeoutError, ValueError, TypeError) as error:
        raise KafkaUnavailable(one_line(error)) from error
