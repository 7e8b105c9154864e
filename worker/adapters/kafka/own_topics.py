"""The worker's own topics: what they must be, whether they are, and making them. Blocking; for commands.

The rule: a record as large as the source allows still fits with the worker's headers, and outlives its delay.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from worker.adapters.kafka.admin import LATE_SECONDS, await_partitions, is_silent
from worker.adapters.kafka.config import Config
from worker.adapters.kafka.errors import KafkaUnavailable, LimitedLog, is_away, kafka_error, one_line
from worker.adapters.kafka.topic_descriptions import FOREVER, Settings, Topic, existing_topics, read_topic
from worker.core.record_size import ROOM

DAY_SECONDS = 24 * 3600
RETENTION_SLACK_SECONDS = 7 * DAY_SECONDS
"""Seconds that a tier keeps a record beyond twice its delay: a worker may stand still for days."""

SPARE_SECONDS = 3600
"""Seconds beyond its delay that a tier must keep a record at least: a worker may stand still."""

DLQ_RETENTION_SECONDS = 60 * DAY_SECONDS
"""Seconds that dead letters are kept: the window of a conversion, and as long to look into it."""

TIMEOUT_SECONDS = 15.0
"""Seconds for each answer of the broker."""

NO_ANSWER = "no answer: timed out"

BROKERS_DEFAULT = -1
"""In place of a number of replicas: what the broker is set to."""

_Answer = TypeVar("_Answer")


class Own(NamedTuple):
    """A topic of the worker: a tier with its delay in seconds, the dead letters, or the control topic."""

    name: str
    delay: float | None = None
    control: bool = False
    """Whether it keeps the last record of each key for ever, in one partition."""

    @property
    def retention(self) -> float:
        """How long it should keep a record, in seconds."""
        if self.control:
            return FOREVER
        return DLQ_RETENTION_SECONDS if self.delay is None else self.delay * 2 + RETENTION_SLACK_SECONDS


def describe(config: Config, topics: Iterable[str], within: float = TIMEOUT_SECONDS) -> dict[str, Topic]:
    """Those of `topics` that exist, each with what the broker says of it. Raises KafkaUnavailable.

    Each of the two answers may take `within` seconds.
    """
    admin = _client(config)
    listed = _list(admin, within)
    found = [name for name in topics if name in listed]
    settings = _settings(admin, found, within)
    return {name: read_topic(name, listed[name], settings.get(name, Settings())) for name in found}


def existing(config: Config, prefix: str) -> list[str]:
    """The topics whose names begin so (`{group}.retry.`), sorted. Raises KafkaUnavailable."""
    return sorted(name for name in _list(_client(config), TIMEOUT_SECONDS) if name.startswith(prefix))


def create(config: Config, source: str, own: Sequence[Own]) -> list[str]:
    """Make those of the worker's topics that are missing, after the source's image; return their names.

    What exists is left as it is (see `check`), and of the source's image only what the broker says is taken.
    It returns when the broker shows them. Raises KafkaUnavailable, also without the source topic.
    """
    found = describe(config, [source, *(topic.name for topic in own)])
    if source not in found:
        raise KafkaUnavailable(f"the source topic {source} does not exist: its partitions are the measure")
    new = [_new(found[source], topic) for topic in own if topic.name not in found]
    if not new:
        return []
    admin = _client(config)  # named: its futures die with it
    answers = _call(
        lambda: admin.create_topics(new, operation_timeout=TIMEOUT_SECONDS, request_timeout=TIMEOUT_SECONDS)
    )
    made = [name for name, answer in answers.items() if _is_made(name, answer)]
    for topic in new:
        await_partitions(admin, topic.topic, topic.num_partitions)
    return made


def check(config: Config, source: str, own: Sequence[Own]) -> list[str]:
    """What is wrong with the topics, a line each; empty where all is well. Raises KafkaUnavailable."""
    found = describe(config, [source, *(topic.name for topic in own)])
    if source not in found:
        return [f"{source}: does not exist"]
    return [line for topic in own for line in problems(found[source], topic, found.get(topic.name))]


def problems(source: Topic, own: Own, found: Topic | None) -> list[str]:
    """What is wrong with one of the worker's topics; what is unknown is not wrong."""
    if found is None:
        return [f"{own.name}: does not exist"]
    if own.control:
        return _control_problems(own, found)
    lines = []
    if is_less(found.partitions, source.partitions):
        lines.append(f"{own.name}: has {found.partitions} partitions, the source {source.partitions}")
    lines += lifetime_problems(own, found)
    wanted = None if source.max_message_bytes is None else source.max_message_bytes + ROOM
    if is_less(found.max_message_bytes, wanted):
        lines.append(f"{own.name}: max.message.bytes is {found.max_message_bytes}, not {wanted} or more")
    if _packs_looser(source, found):
        lines.append(
            f"{own.name}: compression.type is {found.compression}: the broker packs anew what it is given, "
            "and refuses what a producer had packed tighter to fit: it must be producer"
        )
    return lines


def client_problems(source: Topic, client_limit: int) -> list[str]:
    """What is wrong with the client's own `message.max.bytes`, which counts before a record is compressed."""
    wanted = None if source.max_message_bytes is None else source.max_message_bytes + ROOM
    if not is_less(client_limit, wanted):
        return []
    line = (
        f"{source.name}: max.message.bytes is {source.max_message_bytes}, and what is as large can't be "
        f"handed on: POSTBACK_KAFKA__PROPERTIES__MESSAGE_MAX_BYTES is {client_limit}, not {wanted} or more"
    )
    return [line]


def _control_problems(own: Own, found: Topic) -> list[str]:
    """What is wrong with the control topic."""
    lines = []
    if found.partitions not in {None, 1}:
        lines.append(f"{own.name}: has {found.partitions} partitions, and must have 1")
    if found.compacted is False:
        lines.append(f"{own.name}: cleanup.policy must be compact: what the group remembers would expire")
    return lines


def _packs_looser(source: Topic, found: Topic) -> bool:
    """Whether the broker's own packing of a topic may make a record larger than it was on the source."""
    as_it_comes = {None, "producer", "zstd", source.compression}
    return found.compression not in as_it_comes and source.compression != "uncompressed"


def is_less(one: float | None, than: float | None) -> bool:
    """Whether one number is known to be below another."""
    return one is not None and than is not None and one < than


def short_lived(config: Config, own: Sequence[Own]) -> list[str]:
    """Which of the worker's topics lose records before their time, a line each. Raises KafkaUnavailable."""
    found = describe(config, [topic.name for topic in own])
    return [
        line for topic in own if topic.name in found for line in lifetime_problems(topic, found[topic.name])
    ]


def lifetime_problems(own: Own, found: Topic) -> list[str]:
    """What makes the broker remove records of this topic before they are sent, or looked at."""
    if own.control:
        return []
    lines = []
    if own.delay is not None and is_less(found.retention, own.delay + SPARE_SECONDS):
        lines.append(
            f"{own.name}: keeps records {found.retention:g} s, and those that wait longer are lost: "
            f"its delay takes a retention.ms of {(own.delay + SPARE_SECONDS) * 1000:.0f} or more"
        )
    if is_less(found.retention_bytes, FOREVER):
        lines.append(
            f"{own.name}: retention.bytes is {found.retention_bytes:.0f}, and what a partition holds beyond "
            "it is removed before its time, the oldest first: it must be -1"
        )
    if found.compacted:
        lines.append(
            f"{own.name}: cleanup.policy is compact, and of one key's records only the last is kept: "
            "it must be delete"
        )
    return lines


def risks(own: Own, found: Topic) -> list[str]:
    """What may lose a record of this topic though nothing is wrong with it."""
    replicas, least = found.replication, found.min_insync_replicas
    if replicas is None or least is None or replicas == 1 or least > 1:
        return []
    what = "a dead letter" if own.delay is None else "a retry"
    line = (
        f"{own.name}: min.insync.replicas is {least} of {replicas} replicas: {what} counts as kept when one "
        "broker has it, and the loss of that broker may lose it: set 2"
    )
    return [line]


def _new(source: Topic, own: Own) -> NewTopic:
    """The topic to make: what is not known of the source is left to the broker."""
    if source.partitions is None:
        why = f": {source.unsaid}" if source.unsaid else ""
        raise KafkaUnavailable(f"how many partitions {source.name} has is unknown{why}")
    if own.control:
        return NewTopic(own.name, 1, source.replication or BROKERS_DEFAULT, config=_control_settings(source))
    settings = {"cleanup.policy": "delete", "retention.ms": str(int(own.retention * 1000))}
    if source.max_message_bytes is not None:
        settings["max.message.bytes"] = str(source.max_message_bytes + ROOM)
    if source.compression is not None:  # else the broker may not know the setting
        settings["compression.type"] = "producer"
    if source.retention_bytes is not None:
        settings["retention.bytes"] = "-1"  # the broker's own default may be a limit
    if source.min_insync_replicas is not None:
        settings["min.insync.replicas"] = str(source.min_insync_replicas)
    return NewTopic(own.name, source.partitions, source.replication or BROKERS_DEFAULT, config=settings)


def _control_settings(source: Topic) -> dict[str, str]:
    settings = {"cleanup.policy": "compact"}
    if source.min_insync_replicas is not None:
        settings["min.insync.replicas"] = str(source.min_insync_replicas)
    return settings


def _is_made(name: str, answer: Future[None]) -> bool:
    """Whether it was made; not, where somebody else was faster, and where no answer came, who looks sees it.

    Raises KafkaUnavailable for a refusal.
    """
    try:
        answer.result(TIMEOUT_SECONDS + LATE_SECONDS)
    except (KafkaException, TimeoutError) as error:
        cause = kafka_error(error)
        if cause is not None and cause.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        if not is_silent(error):
            raise KafkaUnavailable(f"{name}: {one_line(error)}") from error
    return True


def _client(config: Config) -> AdminClient:
    settings: dict[str, Any] = {**config, "error_cb": _ignore}
    return _call(lambda: AdminClient(settings, logger=LimitedLog(logging.getLogger("worker.kafka"))))


def _ignore(_error: KafkaError) -> None:
    """Say nothing: the call that fails for it says so."""


def _list(admin: AdminClient, within: float) -> Mapping[str, Any]:
    return existing_topics(_call(lambda: admin.list_topics(timeout=within).topics))


def _settings(admin: AdminClient, topics: Sequence[str], within: float) -> dict[str, Settings]:
    if not topics:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
    answers = _call(lambda: admin.describe_configs(resources, request_timeout=within))
    return {of.name: _said(answer, within) for of, answer in answers.items()}


def _said(answer: Future[Any], within: float) -> Settings:
    """What was said of one topic: a refusal leaves it unknown; raises KafkaUnavailable for silence."""
    try:
        entries = answer.result(within + LATE_SECONDS)
    except KafkaException as error:
        if is_away(error):
            raise KafkaUnavailable(one_line(error)) from error
        return Settings(why_not=one_line(error))
    except TimeoutError as error:
        raise KafkaUnavailable(NO_ANSWER) from error
    return Settings({name: entry.value for name, entry in entries.items()})


def _call(call: Callable[[], _Answer]) -> _Answer:
    """Ask the client; raise KafkaUnavailable where it can't say."""
    try:
        return call()
    except (KafkaException, TimeoutError, ValueError, TypeError) as error:
        raise KafkaUnavailable(one_line(error)) from error
