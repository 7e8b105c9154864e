"""The settings of the three kinds of client: our defaults, the user's properties over them, ours on top.

The rule: what the delivery guarantee stands on is set last, so that no property can change it.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping

Property = str | int | float | bool
Config = dict[str, Property]

CONSUMER_ONLY = frozenset(
    {
        "check.crcs",
        "coordinator.query.interval.ms",
        "fetch.error.backoff.ms",
        "fetch.max.bytes",
        "fetch.message.max.bytes",
        "fetch.min.bytes",
        "fetch.queue.backoff.ms",
        "fetch.wait.max.ms",
        "group.instance.id",
        "group.protocol",
        "group.remote.assignor",
        "heartbeat.interval.ms",
        "isolation.level",
        "max.partition.fetch.bytes",
        "max.poll.interval.ms",
        "partition.assignment.strategy",
        "queued.max.messages.kbytes",
        "queued.min.messages",
        "session.timeout.ms",
    }
)
"""Of the properties that may be given: those which only a consumer knows."""

PRODUCER_ONLY = frozenset(
    {
        "batch.num.messages",
        "batch.size",
        "compression.codec",
        "compression.level",
        "compression.type",
        "delivery.timeout.ms",
        "enable.gapless.guarantee",
        "linger.ms",
        "message.send.max.retries",
        "message.timeout.ms",
        "partitioner",
        "queue.buffering.backpressure.threshold",
        "queue.buffering.max.kbytes",
        "queue.buffering.max.messages",
        "queue.buffering.max.ms",
        "queuing.strategy",
        "request.timeout.ms",
        "retries",
        "sticky.partitioning.linger.ms",
        "transaction.timeout.ms",
    }
)
"""Of the properties that may be given: those which only a producer knows."""

_CLASSIC_ONLY = ("partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms")
"""The KIP-848 protocol has these on the broker, and librdkafka refuses them with it."""

_CONSUMER_DEFAULTS: Config = {
    # Members keep what they have while others come and go.
    "partition.assignment.strategy": "cooperative-sticky",
    # A killed worker's partitions move on after this; heartbeats come from a thread of librdkafka's own.
    "session.timeout.ms": 15_000,
    # Records wait in Kafka rather than here: a pause throws away what was fetched ahead, to fetch it again.
    "queued.min.messages": 1_000,
    "queued.max.messages.kbytes": 8_192,
    "fetch.message.max.bytes": 131_072,
    # With a short queue the default of a whole second would starve the worker each time it was full.
    "fetch.queue.backoff.ms": 20,
    # A resumed partition joins the next fetch: this is how long the one under way may take.
    "fetch.wait.max.ms": 100,
}

_PRODUCER_DEFAULTS: Config = {
    # A topic's own limit decides, not the client's.
    "message.max.bytes": 128 * 1024 * 1024,
    "linger.ms": 5,
    # A key lands where the Java producers put it.
    "partitioner": "murmur2_random",
    # A hop not acknowledged by then is a refusal, and the worker tries again.
    "delivery.timeout.ms": 30_000,
}

_COMMON_DEFAULTS: Config = {
    # A broker that comes back is found within this.
    "reconnect.backoff.max.ms": 2_000,
    # A topic that is made, grows or may be used again is seen within this.
    "topic.metadata.refresh.interval.ms": 10_000,
    "statistics.interval.ms": 0,
}


def consumer_config(bootstrap: str, group: str, client_id: str, properties: Mapping[str, Property]) -> Config:
    """The settings of a member of `group`; `properties` are the user's, over the defaults."""
    config: Config = {
        **_COMMON_DEFAULTS,
        **_CONSUMER_DEFAULTS,
        "client.id": client_id,
        **_without(properties, PRODUCER_ONLY),
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "enable.auto.commit": False,  # a commit says "finished", and only the ledger knows that
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",  # any other start skips conversions
        "allow.auto.create.topics": False,
    }
    return _without(config, frozenset(_CLASSIC_ONLY)) if uses_new_protocol(config) else config


def producer_config(bootstrap: str, client_id: str, properties: Mapping[str, Property]) -> Config:
    """The settings of the producer to the delay tiers and the dead-letter topic."""
    return {
        **_COMMON_DEFAULTS,
        **_PRODUCER_DEFAULTS,
        "client.id": client_id,
        **_without(properties, CONSUMER_ONLY),
        "bootstrap.servers": bootstrap,
        "acks": "all",
        "enable.idempotence": True,  # the client's own resends make no second record
    }


def admin_config(bootstrap: str, client_id: str, properties: Mapping[str, Property]) -> Config:
    """The settings of a client that only asks and creates."""
    return {
        **_COMMON_DEFAULTS,
        "client.id": client_id,
        **_without(properties, CONSUMER_ONLY | PRODUCER_ONLY),
        "bootstrap.servers": bootstrap,
    }


def unique_client_id(group: str) -> str:
    """`{group}-{host}-{pid}-{random}`: no two members share one, so brokers' logs tell them apart."""
    return f"{group}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def uses_new_protocol(config: Mapping[str, Property]) -> bool:
    """Whether the group is managed by the broker (KIP-848)."""
    return str(config.get("group.protocol", "classic")).lower() == "consumer"


def is_incremental(config: Mapping[str, Property]) -> bool:
    """Whether assignments come as changes (cooperative) rather than whole (eager)."""
    strategy = str(config.get("partition.assignment.strategy", "")).strip()
    return uses_new_protocol(config) or strategy.startswith("cooperative")


def _without(properties: Mapping[str, Property], names: frozenset[str]) -> Config:
    return {name: value for name, value in properties.items() if name not in names}
