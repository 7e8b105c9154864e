"""Checks that the broker has everything a worker with these settings needs, and that this user may use it.

The rule: it only asks, and reads at the ends of partitions; it joins no group and writes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from worker.adapters.kafka import KafkaUnavailable
from worker.adapters.kafka.committed_offsets import owners_of
from worker.adapters.kafka.config import consumer_config, unique_client_id
from worker.adapters.kafka.fetch_probe import unread
from worker.adapters.kafka.own_topics import describe
from worker.adapters.kafka.rights import Rights
from worker.compiled import identity_of, needed_topics
from worker.core.group_ownership import belongs_line
from worker.core.record import Partition
from worker.core.rights import Needs, Resource, ResourceKind, Said, lacking, unsaid
from worker.core.topics import Severity, Topic, judge
from worker.former_destinations import former_lines, was_read_by
from worker.group_check import unread_lines
from worker.names_check import taken_lines
from worker.ops.broker import answering, asking, former_tiers, partitions_by_topic
from worker.ops.errors import BrokerUnavailable, CannotDo
from worker.ops.reading import MAKE_TOPICS, reading_config
from worker.settings import Deployment, Settings
from worker.settings.command_rights import rights_of_commands
from worker.settings.several import former_group, left_line
from worker.settings.tiers import rights_needed

MOST_QUESTIONS = 4
"""How often the broker is asked about its groups: one that has just started does not know them yet."""

ASK_AGAIN_AFTER_SECONDS = 1.0
"""Seconds between two of these questions."""

DESCRIBED_WITHIN_SECONDS = 5.0
"""Seconds that the broker may take to describe its topics."""

DENIED = (
    "`kafka-acls.sh --add --allow-principal User:NAME --operation RIGHT --topic|--group NAME` grants a right"
)
_SIGNS_OF_REFUSAL = ("uthorization failed", "does not exist")
"""Parts of error texts about a topic, a group or the cluster that a user may not use or see."""

SILENT = "may this machine reach every broker, by the name that it advertises?"

MOVED = "docs/destinations.md, 'From one destination to several', says how a group is kept"


class Access(NamedTuple):
    """What keeps a worker from being ready, and what else is wrong or may be unintended, in lines.

    `hint` says what to do about the gravest.
    """

    problems: list[str]
    warnings: list[str]
    hint: str


def look_for_all(deployment: Deployment) -> Access:
    """What a worker that serves all destinations would meet, each line once. Raises BrokerUnavailable."""
    found = [look(settings) for settings in deployment.destinations]
    problems = dict.fromkeys(line for one in found for line in one.problems)
    problems |= dict.fromkeys(asyncio.run(taken_lines(reading_config(deployment.common), deployment)))
    warnings = dict.fromkeys(line for one in found for line in one.warnings)
    with answering(deployment.common, or_refusing=False):
        warnings |= dict.fromkeys(former_lines(deployment, partitions_by_topic(deployment.common)))
    hint = next((one.hint for one in found if one.problems), found[0].hint)
    return Access(list(problems), list(warnings), hint)


def look(settings: Settings) -> Access:
    """What a worker with these settings would meet. Raises BrokerUnavailable."""
    with answering(settings, or_refusing=False):
        there = partitions_by_topic(settings)
        needed = rights_needed(settings)
        said = _said(settings, needed)
        denied = lacking(needed, said)
        # A topic that may not be described looks missing.
        hidden = [resource.name for resource in denied if resource.kind is ResourceKind.TOPIC]
        missing, warnings = _judged(settings, there, hidden)
        silent = _unread(settings, there, _to_read(needed, denied))
        unknown = _unknown(needed, said, there)
        left, unsure = _left(settings), _of_another(settings)
    hint = DENIED if denied else MAKE_TOPICS if missing else SILENT if silent else MOVED
    return Access([*denied.values(), *missing, *silent, *left], [*warnings, *unknown, *unsure], hint)


def rights_lacking(settings: Settings, command: str, reasons: Iterable[str]) -> list[str]:
    """A line for each topic and group on which a command that failed for these reasons lacks a right.

    Empty if that is not the cause. A topic that may not be described looks missing, so those count, too.
    """
    needed = {
        resource: rights - {"DESCRIBE_CONFIGS"}  # this right is only warned about; nothing fails for it
        for resource, rights in rights_of_commands(settings).get(command, {}).items()
    }
    if not needed or not any(sign in reason for reason in reasons for sign in _SIGNS_OF_REFUSAL):
        return []
    try:
        return list(lacking(needed, Rights(asking(settings)).said(needed)).values())
    except KafkaUnavailable:
        return []


def with_lacking_rights(settings: Settings, command: str, error: CannotDo) -> CannotDo:
    """Why a command failed: the lacking rights, if that is the cause, instead of the broker's error."""
    lines = rights_lacking(settings, command, error.reasons)
    return BrokerUnavailable(lines, DENIED) if lines else error


def _judged(
    settings: Settings, there: Mapping[str, int | None], hidden: Collection[str]
) -> tuple[list[str], list[str]]:
    """Lines about missing topics, and about faults that a worker runs with all the same."""
    needed = needed_topics(settings)
    found, unsaid = _described(settings, [name for name in needed.names if name in there], there)
    judged = judge(needed, found, hidden=hidden, former=former_tiers(settings, there))
    missing = [one.line for one in judged if one.severity is Severity.NOT_READY]
    return missing, [*unsaid, *(one.line for one in judged if one.severity is not Severity.NOT_READY)]


def _described(
    settings: Settings, names: Sequence[str], there: Mapping[str, int | None]
) -> tuple[Mapping[str, Topic], list[str]]:
    """The broker's description of topics; if it only lists them, their partitions and a warning."""
    try:
        return describe(asking(settings), names, DESCRIBED_WITHIN_SECONDS), []
    except KafkaUnavailable as error:
        listed = {name: Topic(name, there[name]) for name in names}
        return listed, [f"the topics' settings can't be read: {error}"]


def _said(settings: Settings, needed: Needs) -> Said:
    rights = Rights(asking(settings))
    said = rights.said(needed)
    for _ in range(MOST_QUESTIONS - 1):
        if all(resource.kind is ResourceKind.TOPIC for resource in unsaid(needed, said)):
            break
        time.sleep(ASK_AGAIN_AFTER_SECONDS)
        said = rights.said(needed)
    return said


def _to_read(needed: Needs, denied: Mapping[Resource, str]) -> list[str]:
    readable = (
        resource for resource, rights in needed.items() if "READ" in rights and resource not in denied
    )
    return [resource.name for resource in readable if resource.kind is ResourceKind.TOPIC]


def _unread(settings: Settings, topics: Mapping[str, int | None], names: Iterable[str]) -> list[str]:
    """Partitions that can't be read, a line each."""
    kafka = settings.kafka
    # Not the worker's group, and not joined: a consumer has to name one.
    group, client_id = f"{kafka.group_id}.reader", unique_client_id(kafka.group_id)
    config = consumer_config(kafka.bootstrap_servers, group, client_id, kafka.properties)
    partitions = [Partition(name, number) for name in names for number in range(topics.get(name) or 0)]
    return [f"{at} can't be read: {why}" for at, why in sorted(unread(config, partitions).items())]


def _left(settings: Settings) -> list[str]:
    """A line if the destination's group would begin anew, though it has another one of before."""
    former, group, ours = former_group(settings), settings.kafka.group_id, identity_of(settings)
    if former is None or not was_read_by(settings, former, ours) or was_read_by(settings, group, ours):
        return []
    return [left_line(settings, former)]


def _of_another(settings: Settings) -> list[str]:
    """Lines if another deployment owns the group, such as one with the source's name of before."""
    kafka, ours = settings.kafka, identity_of(settings)
    source, tiers = (
        consumer_config(kafka.bootstrap_servers, group, unique_client_id(group), kafka.properties)
        for group in (kafka.group_id, settings.retry_group)
    )
    try:
        other = owners_of(source, tiers, ours).stranger
        return (
            []
            if other is None
            else [belongs_line(kafka.group_id, other, ours), *unread_lines(source, settings)]
        )
    except KafkaUnavailable:
        return []  # a right that is lacking is told of elsewhere


def _unknown(needed: Needs, said: Said, topics: Mapping[str, int | None]) -> list[str]:
    silent = (one for one in unsaid(needed, said) if one.kind is ResourceKind.GROUP or one.name in topics)
    return [f"{resource}: the broker does not say what this user may do with it" for resource in silent]
