"""The rights that each command needs at the broker; docs, manifests and tests use this list.

The rule: each right here is needed, and no other. READ, WRITE and ALTER include DESCRIBE.
Without DESCRIBE_CONFIGS all works, but a warning says that the topic's settings can't be checked.
"""

from __future__ import annotations

from collections.abc import Mapping

from worker.core.rights import Needs, Resource, ResourceKind
from worker.settings.model import Settings
from worker.settings.tiers import rights_needed

_READ, _WRITE = frozenset({"READ"}), frozenset({"WRITE"})
_DESCRIBED = frozenset({"DESCRIBE"})
_SEEN = frozenset({"DESCRIBE", "DESCRIBE_CONFIGS"})
_MADE = frozenset({"CREATE", "ALTER", "DESCRIBE_CONFIGS"})  # ALTER: to add partitions, and to describe

CONSOLE_ACTS = "console --allow-actions"
"""The command line of a console that may act."""


def rights_of_commands(settings: Settings) -> Mapping[str, Needs]:
    """The rights of `run` and of each command that uses the broker, by its command line."""
    worker = _judging(rights_needed(settings))
    source, dlq, journal, control = _topics(settings)
    own = [resource for resource in worker if resource.kind is ResourceKind.TOPIC and resource != source]
    tiers, (group, retry_group) = _tiers(settings), _groups(settings)
    return {
        "run": worker,
        "config check": worker,
        "topics check": {source: _SEEN, **dict.fromkeys(own, _SEEN)},
        "topics create": {source: _SEEN, **dict.fromkeys(own, _MADE)},
        "publish": {source: _WRITE},
        "explain": {
            **dict.fromkeys([source, *tiers, dlq, journal], _READ),
            **dict.fromkeys([group, retry_group], _DESCRIBED),
        },
        "status": {
            **dict.fromkeys([source, *tiers, journal, control], _READ),
            **dict.fromkeys([dlq, group, retry_group], _DESCRIBED),
        },
        **_of_orders(settings),
        **_of_dead_letters(settings),
        **_of_console(settings),
    }


def _of_orders(settings: Settings) -> Mapping[str, Needs]:
    source, _, _, control = _topics(settings)
    group, retry_group = _groups(settings)
    waiting = {**dict.fromkeys(_tiers(settings), _READ), retry_group: _DESCRIBED}
    return {
        "pause": {control: _WRITE},
        "resume": {control: _READ | _WRITE},
        "rate": {control: _WRITE},
        "cancel": {source: _READ, **waiting, control: _WRITE, group: _DESCRIBED},
        "cancel list": {control: _READ},
        "cancel end": {control: _READ | _WRITE},
        "waiting list": waiting,
        "waiting now": {**waiting, control: _WRITE},
        "waiting drop": {**waiting, control: _WRITE},
    }


def _of_dead_letters(settings: Settings) -> Mapping[str, Needs]:
    source, dlq, _, control = _topics(settings)
    letters = {dlq: _READ}
    return {
        "dlq list": letters,
        "dlq show": letters,
        "dlq export": letters,
        "dlq stats": letters,
        "dlq replay": {**letters, source: _WRITE, control: _READ | _WRITE},
        "dlq purge": {dlq: frozenset({"READ", "DELETE"})},
    }


def _of_console(settings: Settings) -> Mapping[str, Needs]:
    source, dlq, journal, control = _topics(settings)
    topics = [source, *_tiers(settings), dlq, journal, control]
    seen = {**dict.fromkeys(topics, _READ), **dict.fromkeys(_groups(settings), _DESCRIBED)}
    return {"console": seen, CONSOLE_ACTS: {**seen, **dict.fromkeys([source, control], _READ | _WRITE)}}


def _topics(settings: Settings) -> tuple[Resource, Resource, Resource, Resource]:
    """The source, dead-letter, journal and control topics."""
    kafka = settings.kafka
    return (
        Resource(ResourceKind.TOPIC, kafka.topic),
        Resource(ResourceKind.TOPIC, settings.dlq_topic),
        Resource(ResourceKind.TOPIC, settings.journal_topic),
        Resource(ResourceKind.TOPIC, settings.control_topic),
    )


def _tiers(settings: Settings) -> list[Resource]:
    return [Resource(ResourceKind.TOPIC, settings.tier_topic(tier)) for tier in settings.tiers]


def _groups(settings: Settings) -> tuple[Resource, Resource]:
    """The groups of the source and of the tiers."""
    return Resource(ResourceKind.GROUP, settings.kafka.group_id), Resource(
        ResourceKind.GROUP, settings.retry_group
    )


def _judging(needed: Needs) -> Needs:
    """These rights, and the right to read the topics' settings."""
    look = {ResourceKind.TOPIC: frozenset({"DESCRIBE_CONFIGS"}), ResourceKind.GROUP: frozenset[str]()}
    return {resource: rights | look[resource.kind] for resource, rights in needed.items()}
