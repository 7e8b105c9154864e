"""Destinations that are configured no more, found by what their groups left at the broker.

The rule: a group counts as a former destination's only where its commits say so, for it may be another
deployment's whose name begins like ours.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from worker.adapters.kafka import KafkaUnavailable
from worker.adapters.kafka.committed_offsets import has_read
from worker.adapters.kafka.config import consumer_config, unique_client_id
from worker.core.binding import Identity
from worker.core.routing import NAME
from worker.settings import Deployment, Settings
from worker.settings.destination import Destination
from worker.settings.several import base_group

DEFAULT_NAME: str = Destination.model_fields["name"].default


def former_lines(deployment: Deployment, topics: Collection[str]) -> list[str]:
    """A line for each group among those of `topics` that read our source for a destination of before."""
    source = deployment.common.kafka.topic
    return [
        f"{name} is no destination any more: what waits in the tiers of its group {group} is not sent; if it "
        f"was renamed, its GROUP_ID should be {group}, else delete the topics {group}.… once nothing waits"
        for group, name in _candidates(deployment, topics)
        if was_read_by(deployment.common, group, Identity(source, name))
    ]


def _candidates(deployment: Deployment, topics: Collection[str]) -> Iterator[tuple[str, str]]:
    """Groups that a destination of ours would have by its name, or as the only one, with the name.

    None of those configured. Of an only one the name that it has by default is looked for.
    """
    ours = {one.kafka.group_id for one in deployment.destinations}
    for base in sorted(dict.fromkeys(map(base_group, deployment.destinations))):
        if base not in ours:
            yield base, DEFAULT_NAME
        pattern = re.compile(rf"({re.escape(base)}\.({NAME.pattern}))\.control")
        for topic in sorted(topics):
            found = pattern.fullmatch(topic)
            if found is not None and found[1] not in ours:
                yield found[1], found[2]


def was_read_by(settings: Settings, group: str, identity: Identity) -> bool:
    """Whether a group of before has read the source as this deployment; False where that is not told."""
    kafka = settings.kafka
    config = consumer_config(kafka.bootstrap_servers, group, unique_client_id(group), kafka.properties)
    try:
        return has_read(config, identity)
    except KafkaUnavailable:
        return False  # nobody needs a right on a group of before
