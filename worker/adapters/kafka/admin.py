"""The worker's own topics: what they must be, whether they are, and making them. Blocking; for commands.

The rule: a record as large as the source allows still fits with the worker's headers, and outlives its delay.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.errors import KafkaUnavailable, LimitedLog, kafka_error, one_line

ROOM = 64 * 1024
"""Bytes that a record may grow by the worker's headers."""

DAY = 24 * 3600
SLACK = 7 * DAY
"""Seconds that a tier keeps a record beyond twice its delay: a worker may stand still for days."""

SPARE = 3600
"""Seconds beyond its delay that a tier must keep a record at least: a worker may stand still."""

DLQ_RETENTION = 60 * DAY
"""Seconds that dead letters are kept: the window of a conversion, and as long to look into it."""

TIMEOUT = 15.0
"""Seconds for each answer of the broker."""

_FOREVER = -1
_Answer = TypeVar("_Answer")


class Topic(NamedTuple):
    """A topic as it is; `retention` in seconds, None for ever; `compacted` where later records replace."""

    name: str
    partitions: int
    replication: int
    max_message_bytes: int
    min_insync_replicas: int
    retention: float | None
    compacted: bool


class Own(NamedTuple):
    """A topic that the worker needs: a tier with its delay in seconds, or the dead letters with None."""

    name: str
    delay: float | None

    @property
    def retention(self) -> float:
        """How long it should keep a record, in seconds."""
        return DLQ_RETENTION if self.delay is None else self.delay * 2 + SLACK


def describe(config: Config, topics: Iterable[str]) -> dict[str, Topic]:
    """Those of `topics` that exist. Raises KafkaUnavailable."""
    admin = _client(config)
    listed = _list(admin)
    found = [name for name in topics if name in listed]
    settings = _settings(admin, found)
    return {name: _topic(name, listed[name], settings[name]) for name in found}


def existing(config: Config, prefix: str) -> list[str]:
    """The topics whose names begin so (`{group}.retry.`), sorted. Raises KafkaUnavailable."""
    return sorted(name for name in _list(_client(config)) if name.startswith(prefix))


def create(config: Config, source: str, own: Sequence[Own]) -> list[str]:
    """Make those of the worker's topics that are missing, after the source's image; return their names.

    What exists is left as it is: see `check`. Raises KafkaUnavailable, also without the source topic.
    """
    found = describe(config, [source, *(topic.name for topic in own)])
    if source not in found:
        raise KafkaUnavailable(f"the source topic {source} does not exist: its partitions are the measure")
    new = [_new(found[source], topic) for topic in own if topic.name not in found]
    if not new:
        return []
    admin = _client(config)  # named: its futures die with it
    answers = _call(lambda: admin.create_topics(new, operation_timeout=TIMEOUT, request_timeout=TIMEOUT))
    return [name for name, answer in answers.items() if _is_made(name, answer)]


def check(config: Config, source: str, own: Sequence[Own]) -> list[str]:
    """What is wrong with the topics, a line each; empty where all is well. Raises KafkaUnavailable."""
    found = describe(config, [source, *(topic.name for topic in own)])
    if source not in found:
        return [f"{source}: does not exist"]
    return [line for topic in own for line in problems(found[source], topic, found.get(topic.name))]


def problems(source: Topic, own: Own, found: Topic | None) -> list[str]:
    """What is wrong with one of the worker's topics."""
    if found is None:
        return [f"{own.name}: does not exist"]
    lines = []
    if found.partitions < source.partitions:
        lines.append(f"{own.name}: has {found.partitions} partitions, the source {source.partitions}")
    lines += lifetime_problems(own, found)
    if found.max_message_bytes < source.max_message_bytes + ROOM:
        wanted = source.max_message_bytes + ROOM
        lines.append(f"{own.name}: max.message.bytes is {found.max_message_bytes}, not {wanted} or more")
    return lines


def short_lived(config: Config, own: Sequence[Own]) -> list[str]:
    """Which of the worker's topics lose records before their time, a line each. Raises KafkaUnavailable."""
    found = describe(config, [topic.name for topic in own])
    return [
        line for topic in own if topic.name in found for line in lifetime_problems(topic, found[topic.name])
    ]


def lifetime_problems(own: Own, found: Topic) -> list[str]:
    """What makes the broker remove records of this topic before they are sent, or looked at."""
    lines = []
    if found.retention is not None and own.delay is not None and found.retention < own.delay + SPARE:
        lines.append(
            f"{own.name}: keeps records {found.retention:g} s, and those that wait longer are lost: "
            f"its delay takes a retention.ms of {(own.delay + SPARE) * 1000:.0f} or more"
        )
    if found.compacted:
        lines.append(
            f"{own.name}: cleanup.policy is compact, and of one key's records only the last is kept: "
            "it must be delete"
        )
    return lines


def _new(source: Topic, own: Own) -> NewTopic:
    settings = {
        "cleanup.policy": "delete",
        "retention.ms": str(int(own.retention * 1000)),
        "max.message.bytes": str(source.max_message_bytes + ROOM),
        "min.insync.replicas": str(source.min_insync_replicas),
    }
    return NewTopic(own.name, source.partitions, source.replication, config=settings)


def _is_made(name: str, answer: Future[None]) -> bool:
    """Whether it was made; not, where somebody else was faster. Raises KafkaUnavailable."""
    try:
        answer.result(TIMEOUT)
    except (KafkaException, TimeoutError) as error:
        cause = kafka_error(error)
        if cause is not None and cause.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise KafkaUnavailable(f"{name}: {one_line(error)}") from error
    return True


def _client(config: Config) -> AdminClient:
    settings: dict[str, Any] = {**config, "error_cb": _ignore}
    return _call(lambda: AdminClient(settings, logger=LimitedLog(logging.getLogger("worker.kafka"))))


def _ignore(_error: KafkaError) -> None:
    """Say nothing: the call that fails for it says so."""


def _list(admin: AdminClient) -> Mapping[str, Any]:
    topics = _call(lambda: admin.list_topics(timeout=TIMEOUT).topics)
    return {name: topic for name, topic in topics.items() if topic.error is None}


def _settings(admin: AdminClient, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    if not topics:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
    answers = _call(lambda: admin.describe_configs(resources, request_timeout=TIMEOUT))
    found = {of.name: _call(partial(answer.result, TIMEOUT)) for of, answer in answers.items()}
    return {name: {key: entry.value for key, entry in entries.items()} for name, entries in found.items()}


def _topic(name: str, listed: Any, settings: Mapping[str, str]) -> Topic:
    milliseconds = int(settings["retention.ms"])
    return Topic(
        name,
        partitions=len(listed.partitions),
        replication=min(len(partition.replicas) for partition in listed.partitions.values()),
        max_message_bytes=int(settings["max.message.bytes"]),
        min_insync_replicas=int(settings["min.insync.replicas"]),
        retention=None if milliseconds == _FOREVER else milliseconds / 1000,
        compacted="compact" in settings["cleanup.policy"],
    )


def _call(call: Callable[[], _Answer]) -> _Answer:
    """Ask the client; raise KafkaUnavailable where it can't say."""
    try:
        return call()
    except (KafkaException, TimeoutError, ValueError, TypeError) as error:
        raise KafkaUnavailable(one_line(error)) from error
