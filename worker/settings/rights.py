"""What each command must be allowed at the broker: the list that the pages, the manifests and the tests use.

The rule: each right here is needed, and no other. READ, WRITE and ALTER let a user describe the topic, too.
Without DESCRIBE_CONFIGS all works, and a warning says that nothing can be said of how that topic is set.
"""

from __future__ import annotations

from collections.abc import Mapping

from worker.core.rights import Kind, Needs, Resource
from worker.settings.model import Settings
from worker.settings.tiers import rights_needed

_READ, _WRITE = frozenset({"READ"}), frozenset({"WRITE"})
_DESCRIBED = frozenset({"DESCRIBE"})
_SEEN = frozenset({"DESCRIBE", "DESCRIBE_CONFIGS"})
_MADE = frozenset({"CREATE", "ALTER", "DESCRIBE_CONFIGS"})  # ALTER: to let them grow, and to see them


def rights_of_commands(settings: Settings) -> Mapping[str, Needs]:
    """The rights of `run` and of each command that asks the broker for anything, by the command's words."""
    worker = _judging(rights_needed(settings))
    topics = (settings.kafka.topic, settings.dlq_topic, settings.journal_topic, settings.control_topic)
    source, dlq, journal, control = (Resource(Kind.TOPIC, name) for name in topics)
    own = [resource for resource in worker if resource.kind is Kind.TOPIC and resource != source]
    tiers = [Resource(Kind.TOPIC, settings.tier_topic(tier)) for tier in settings.tiers]
    group, retry_group = (
        Resource(Kind.GROUP, name) for name in (settings.kafka.group_id, settings.retry_group)
    )
    letters = {dlq: _READ}
    waiting = {**dict.fromkeys(tiers, _READ), retry_group: _DESCRIBED}
    return {
        "run": worker,
        "config check": worker,
        "topics check": {source: _SEEN, **dict.fromkeys(own, _SEEN)},
        "topics create": {source: _SEEN, **dict.fromkeys(own, _MADE)},
        "publish": {source: _WRITE},
        "explain": {
            source: _READ,
            journal: _READ,
            group: _DESCRIBED,
        },
        "status": {
            **dict.fromkeys([source, *tiers, journal, control], _READ),
            **dict.fromkeys([dlq, group, retry_group], _DESCRIBED),
        },
        "pause": {control: _WRITE},
        "resume": {control: _READ | _WRITE},
        "rate": {control: _WRITE},
        "cancel": {source: _READ, **waiting, control: _WRITE, group: _DESCRIBED},
        "cancel list": {control: _READ},
        "cancel end": {control: _READ | _WRITE},
        "waiting list": waiting,
        "waiting now": {**waiting, control: _WRITE},
        "waiting drop": {**waiting, control: _WRITE},
        "dlq list": letters,
        "dlq show": letters,
        "dlq export": letters,
        "dlq stats": letters,
        "dlq replay": {**letters, source: _WRITE, control: _READ | _WRITE},
        "dlq purge": {dlq: frozenset({"READ", "DELETE"})},
    }


def _judging(needed: Needs) -> Needs:
    """These rights, and that to look at how the topics are set."""
    look = {Kind.TOPIC: frozenset({"DESCRIBE_CONFIGS"}), Kind.GROUP: frozenset[str]()}
    return {resource: rights | look[resource.kind] for resource, rights in needed.items()}
