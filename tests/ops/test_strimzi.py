"""The manifests of the Strimzi operator: their form, and that their rights are the one list."""

from __future__ import annotations

from typing import Any

import jsonschema

from worker.core.topics import OwnTopic, Topic, image
from worker.ops.strimzi import topic, user
from worker.settings import Settings
from worker.settings.command_rights import rights_of_commands

# What the operator's own definitions of these kinds ask for, in few words.
TEXT, COUNT = {"type": "string"}, {"type": "integer", "minimum": 1}
NAME = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"}
KINDS: dict[str, Any] = {
    "KafkaTopic": {"topicName": TEXT, "partitions": COUNT, "replicas": COUNT, "config": {"type": "object"}},
    "KafkaUser": {
        "authentication": {"properties": {"type": {"enum": ["tls", "tls-external", "scram-sha-512"]}}},
        "authorization": {"required": ["acls", "type"], "properties": {"type": {"const": "simple"}}},
    },
}


def is_right(manifest: Any) -> None:
    """Raise where the operator would refuse it."""
    spec = {"type": "object", "properties": KINDS[manifest["kind"]], "additionalProperties": False}
    metadata = {"properties": {"name": NAME}, "required": ["name", "labels"]}
    jsonschema.validate(manifest, {"properties": {"spec": spec, "metadata": metadata}, "required": ["spec"]})
    assert manifest["apiVersion"] == "kafka.strimzi.io/v1"


def test_a_topic() -> None:
    """It is what `topics create` makes, under a name that Kubernetes takes."""
    source = Topic("s", 3, 2, 1_000_000, 2, 3600.0, False, "producer", -1.0)
    made = topic(image(source, OwnTopic("g_1.retry.10s", 10.0)), "main")
    is_right(made)
    assert made["metadata"] == {"name": "g-1.retry.10s", "labels": {"strimzi.io/cluster": "main"}}
    assert (made["spec"]["topicName"], made["spec"]["partitions"], made["spec"]["replicas"]) == (
        *("g_1.retry.10s", 3),
        2,
    )
    assert made["spec"]["config"]["cleanup.policy"] == "delete"


def test_the_user() -> None:
    """Its rights are those of the list for the worker, each once."""
    settings = Settings.model_validate({"retry": {"delays": "10s"}})
    needed = rights_of_commands(settings)["run"]
    made = user("postback-worker", needed, "main")
    is_right(made)
    told = {
        (acl["resource"]["type"], acl["resource"]["name"]): {
            operation.upper().replace("DESCRIBECONFIGS", "DESCRIBE_CONFIGS")
            for operation in acl["operations"]
        }
        for acl in made["spec"]["authorization"]["acls"]
    }
    assert told == {(of.kind.value, of.name): set(rights) for of, rights in needed.items()}


def test_a_user_that_gives_orders() -> None:
    """The worker's own user may give every standing order, and count what it is about."""
    rights = rights_of_commands(Settings.model_validate({"retry": {"delays": "10s"}}))
    orders = [name for name in rights if name.split()[0] in {"pause", "resume", "rate", "cancel", "waiting"}]
    implied = {"DESCRIBE": {"READ"}}
    assert len(orders) == 9
    for command in orders:
        for of, needed in rights[command].items():
            assert all(implied.get(right, {right}) <= rights["run"][of] for right in needed), command
