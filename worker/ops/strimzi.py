"""The worker's topics and user as manifests for the Strimzi operator.

The rule: the topics are those of `topics create`, the rights those of `worker/settings/command_rights.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from worker.adapters.kafka.own_topics import describe, entries_of
from worker.compiled import needed_topics
from worker.core.rights import Needs
from worker.core.topics import Topic, image
from worker.ops.broker import answering, asking
from worker.ops.errors import CannotDo
from worker.settings import Deployment, Settings
from worker.settings.command_rights import rights_of_commands

API_VERSION = "kafka.strimzi.io/v1"
CLUSTER_LABEL = "strimzi.io/cluster"

_OPERATIONS = {"READ": "Read", "WRITE": "Write", "DESCRIBE_CONFIGS": "DescribeConfigs"}
_NO_NAME = re.compile(r"[^a-z0-9.-]+")


def manifests(deployment: Deployment, cluster: str) -> list[Mapping[str, Any]]:
    """A KafkaTopic for each own topic of all destinations, and a KafkaUser, of a Strimzi cluster.

    Partitions and replicas are the source's. Raises CannotDo without the source, BrokerUnavailable.
    """
    found = [one for settings in deployment.destinations for one in _topics(settings, cluster)]
    needed: dict[Any, frozenset[str]] = {}
    for settings in deployment.destinations:
        for resource, rights in rights_of_commands(settings)["run"].items():
            needed[resource] = needed.get(resource, frozenset()) | rights
    return [*found, user(deployment.common.kafka.group_id, needed, cluster)]


def _topics(settings: Settings, cluster: str) -> list[Mapping[str, Any]]:
    needed = needed_topics(settings)
    with answering(settings):
        source = describe(asking(settings), [needed.source]).get(needed.source)
    if source is None:
        raise CannotDo([f"the source topic {needed.source} does not exist: its partitions are the measure"])
    return [topic(image(source, own), cluster) for own in needed.own]


def topic(made: Topic, cluster: str) -> Mapping[str, Any]:
    """A topic, as a KafkaTopic."""
    known = {"partitions": made.partitions, "replicas": made.replication}
    spec = {name: number for name, number in known.items() if number is not None}
    return _manifest(
        "KafkaTopic", made.name, cluster, {"topicName": made.name, **spec, "config": entries_of(made)}
    )


def user(name: str, needed: Needs, cluster: str) -> Mapping[str, Any]:
    """A user with these rights and a SCRAM-SHA-512 password, as a KafkaUser."""
    acls = [
        {
            "resource": {"type": of.kind.value, "name": of.name, "patternType": "literal"},
            "operations": sorted(_OPERATIONS[right] for right in rights),
        }
        for of, rights in needed.items()
    ]
    spec = {"authentication": {"type": "scram-sha-512"}, "authorization": {"type": "simple", "acls": acls}}
    return _manifest("KafkaUser", name, cluster, spec)


def _manifest(kind: str, name: str, cluster: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = {"name": _NO_NAME.sub("-", name.lower()).strip("-."), "labels": {CLUSTER_LABEL: cluster}}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
