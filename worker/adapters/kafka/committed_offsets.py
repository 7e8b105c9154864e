"""What a group has committed, asked without joining it. Blocking.

The rule: it joins no group and commits nothing. Silence is reported within bounds; what is not answered is
unknown, never "nothing".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from worker.adapters.kafka.answers import all_told, group_refusal
from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.errors import KafkaUnavailable, ignore, made_from_settings, one_line
from worker.adapters.kafka.topic_descriptions import existing_topics
from worker.core.assigned_partition import Position
from worker.core.binding import Identity
from worker.core.group_ownership import Commit, is_signed, stranger
from worker.core.record import Partition

TIMEOUT_SECONDS = 3.0
"""Seconds for each answer of the broker."""


class GroupRefused(KafkaUnavailable):
    """This user may not ask about the group; asking again is useless."""


class Owners(NamedTuple):
    """Who has committed in our groups: another deployment, by its name, and anybody at all on our source."""

    stranger: str | None
    has_begun: bool


def owners_of(source: Config, tiers: Config, ours: Identity) -> Owners:
    """Look for another deployment that committed in our group of the source or of the tiers.

    The settings are those of a member of each group. Raises KafkaUnavailable.
    """
    prefix = f"{tiers['group.id']}."
    begun = commits_of(source, lambda topic: topic == ours.source)
    commits = [*begun, *commits_of(tiers, lambda topic: topic.startswith(prefix))]
    if stranger(ours, commits, ()) is None:
        return Owners(None, bool(begun))
    topics = sorted({ours.source, *_topics_of(source)})
    return Owners(
        stranger(ours, commits, [Identity(topic, ours.destination) for topic in topics]), bool(begun)
    )


def has_read(config: Config, identity: Identity) -> bool:
    """Whether the group of `config` has read its source as this very deployment. Raises KafkaUnavailable."""
    return is_signed(identity, commits_of(config, lambda topic: topic == identity.source))


def commits_of(config: Config, is_wanted: Callable[[str], bool]) -> list[Commit]:
    """What the group of `config` has committed for the wanted topics; raise KafkaUnavailable."""
    return [Commit(of.topic, of.metadata or "") for of in _committed(config, is_wanted)]


def positions_of(config: Config, topic: str) -> dict[Partition, Position]:
    """The committed positions of the group of `config` on a topic, with metadata; raise KafkaUnavailable."""
    found = _committed(config, lambda name: name == topic)
    return {Partition(of.topic, of.partition): Position(of.offset, of.metadata or "") for of in found}


def _committed(config: Config, is_wanted: Callable[[str], bool]) -> list[TopicPartition]:
    settings: dict[str, Any] = {**config, **QUIET, "error_cb": ignore}
    settings.pop("group.instance.id", None)
    with made_from_settings():
        consumer = Consumer(settings)
    try:
        wanted = list(_partitions(consumer.list_topics(timeout=TIMEOUT_SECONDS).topics, is_wanted))
        found = all_told(consumer.committed(wanted, timeout=TIMEOUT_SECONDS)) if wanted else []
    except KafkaException as error:
        refusal = group_refusal(consumer)
        if refusal is not None:
            raise GroupRefused(f"group {config['group.id']}: {refusal}") from error
        raise KafkaUnavailable(one_line(error)) from error
    else:
        return [of for of in found if of.offset >= 0]
    finally:
        consumer.close()


def _topics_of(config: Config) -> set[str]:
    """The topics that a group has read, as far as that is known: they only help to name its owner."""
    try:
        return {commit.topic for commit in commits_of(config, lambda _topic: True)}
    except KafkaUnavailable:
        return set()


def _partitions(topics: Mapping[str, Any], is_wanted: Callable[[str], bool]) -> Iterator[TopicPartition]:
    """The partitions of wanted topics that exist; raise KafkaUnavailable if one does not show them."""
    for name, topic in existing_topics(topics).items():
        if not is_wanted(name):
            continue
        if topic.error is not None:
            raise KafkaUnavailable(f"{name}: {one_line(topic.error)}")
        for number in topic.partitions:
            yield TopicPartition(name, number)
