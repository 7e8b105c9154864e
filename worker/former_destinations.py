"""Destinations that are configured no more, found by what their groups left at the broker.

The rule: a group counts as a former destination's only where its commits say so, for it may be another
deployment's whose name begins like ours. Nothing is told of what can't be asked.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Iterator
from functools import partial

from worker.adapters.kafka import KafkaUnavailable, admin_config, consumer_config
from worker.adapters.kafka.committed_offsets import has_read
from worker.adapters.kafka.config import Config, unique_client_id
from worker.adapters.kafka.group_members import GroupMembers
from worker.adapters.kafka.group_state import GroupState
from worker.adapters.own_thread import in_own_thread
from worker.core.binding import Identity
from worker.core.routing import NAME
from worker.settings import Deployment, Settings
from worker.settings.destination import Destination
from worker.settings.several import base_group
from worker.settings.tiers import any_tier

DEFAULT_NAME: str = Destination.model_fields["name"].default

LOOK_AFTER_SECONDS = 10.0
"""Seconds from a worker's start until it looks: by then it sends, and who else reads has joined again."""

AGAIN_AFTER_SECONDS = 60.0
"""Seconds until it looks again where Kafka did not answer."""


async def tell_unsent(present: Callable[[], Deployment], tell: Callable[[str], object]) -> None:
    """Tell a running worker's log, once, of what waits for destinations of before and is read by nobody.

    `present` gives the deployment as it logs in now.
    """
    await asyncio.sleep(LOOK_AFTER_SECONDS)
    while True:
        ask = partial(unsent_lines, present())
        try:
            lines = await in_own_thread("kafka-former-destinations", ask, KafkaUnavailable)
        except KafkaUnavailable:
            await asyncio.sleep(AGAIN_AFTER_SECONDS)
        else:
            for line in lines:
                tell(line)
            return


def unsent_lines(deployment: Deployment) -> list[str]:
    """A line for each former destination in whose tiers something waits that nobody reads. Blocking.

    Raises KafkaUnavailable.
    """
    common = deployment.common
    with GroupState(_member(common, common.kafka.group_id)) as state:
        topics = state.topics()
    found = former_groups(deployment, topics)
    return [
        f"{name} is no destination any more: {waits} events wait in the tiers of its group {group} and are "
        f"not sent; {_what_to_do(group)}"
        for group, name in found
        if (waits := _waits_unread(common, group, topics))
    ]


def former_lines(deployment: Deployment, topics: Collection[str]) -> list[str]:
    """A line for each group among those of `topics` that read our source for a destination of before."""
    return [
        f"{name} is no destination any more: what waits in the tiers of its group {group} is not sent; "
        f"{_what_to_do(group)}"
        for group, name in former_groups(deployment, topics)
    ]


def former_groups(deployment: Deployment, topics: Collection[str]) -> list[tuple[str, str]]:
    """The groups of destinations of before, with their names."""
    source = deployment.common.kafka.topic
    return [
        (group, name)
        for group, name in _candidates(deployment, topics)
        if was_read_by(deployment.common, group, Identity(source, name))
    ]


def was_read_by(settings: Settings, group: str, identity: Identity) -> bool:
    """Whether a group of before has read the source as this deployment; False where that is not told."""
    try:
        return has_read(_member(settings, group), identity)
    except KafkaUnavailable:
        return False  # nobody needs a right on a group of before


def _candidates(deployment: Deployment, topics: Collection[str]) -> Iterator[tuple[str, str]]:
    """Groups that a destination of ours would have by its name, or as the only one, with the name.

    None of those configured. Of an only one the name that it has by default is looked for.
    """
    configured = (*deployment.destinations, *deployment.others)
    ours = {one.kafka.group_id for one in configured}
    for base in sorted(dict.fromkeys(map(base_group, configured))):
        if base not in ours:
            yield base, DEFAULT_NAME
        pattern = re.compile(rf"({re.escape(base)}\.({NAME.pattern}))\.control")
        for topic in sorted(topics):
            found = pattern.fullmatch(topic)
            if found is not None and found[1] not in ours:
                yield found[1], found[2]


def _waits_unread(settings: Settings, group: str, topics: Collection[str]) -> int:
    """How many records wait in the tiers of a group; 0 if somebody reads them, or if it is not told."""
    retry_group, kafka = f"{group}.retry", settings.kafka
    asking = admin_config(kafka.bootstrap_servers, unique_client_id(kafka.group_id), kafka.properties)
    try:
        with GroupState(_member(settings, retry_group)) as state:
            standing = state.standing([topic for topic in topics if re.match(any_tier(group), topic)])
        waits = sum(one.left for one in standing.values())
        if waits:
            with GroupMembers(asking, [retry_group]) as groups:
                waits = 0 if groups.members()[retry_group] else waits
    except KafkaUnavailable:
        return 0
    return waits


def _member(settings: Settings, group: str) -> Config:
    kafka = settings.kafka
    return consumer_config(kafka.bootstrap_servers, group, unique_client_id(group), kafka.properties)


def _what_to_do(group: str) -> str:
    return (
        f"if it was renamed, its GROUP_ID should be {group}, else delete the topics {group}.… once nothing "
        "waits"
    )
