"""The settings of the three kinds of client: our defaults, the user's properties over them, ours on top.

The rule: what the delivery guarantee stands on is set last, so that no property can change it.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from types import MappingProxyType

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

_GIVES_UP = frozenset({"message.timeout.ms", "message.send.max.retries", "retries"})
"""With these a producer gives up what may be on its topic: published again, it would be there twice."""

_CLASSIC_ONLY = ("partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms")
"""The KIP-848 protocol has these on the broker, and librdkafka refuses them with it."""

_CONSUMER_DEFAULTS: Config = {
    # A byte that rotted on a disk would change a payout, or who is paid.
    "check.crcs": True,
    # Members keep what they have while others come and go.
    "partition.assignment.strategy": "cooperative-sticky",
    # A killed worker's partitions move on after this; heartbeats come from a thread of librdkafka's own.
    "session.timeout.ms": 15_000,
    # By a heartbeat a member hears of a rebalance. Until all have, what goes to another is sent by nobody,
    # and of a rate that the group shares that part is lost.
    "heartbeat.interval.ms": 250,
    # Records wait in Kafka rather than here: a pause throws away what was fetched ahead, to fetch it again.
    "queued.min.messages": 1_000,
    "queued.max.messages.kbytes": 8_192,
    "fetch.message.max.bytes": 131_072,
    # With a short queue the default of a whole second would starve the worker each time it was full.
    "fetch.queue.backoff.ms": 20,
    # A resumed partition joins the next fetch: this is how long the one under way may take.
    "fetch.wait.max.ms": 100,
}

MESSAGE_LIMIT_BYTES = 128 * 1024 * 1024
"""Bytes of the largest record that a producer takes: a topic's own limit decides, not the client's."""

BATCH_BYTES = 1_000_000
"""Bytes of a batch, before it is compressed: below the limit that topics have unless they are told."""

_TIGHTEST = "zstd"

BULK_LINGER_MS = 100
"""How long the first record of a batch in bulk waits for others."""

_PRODUCER_DEFAULTS: Config = {
    "message.max.bytes": MESSAGE_LIMIT_BYTES,
    "batch.size": BATCH_BYTES,
    # A topic's limit is that of the compressed record: what a producer compressed to fit must fit again.
    # zstd packs tighter than any other, for 1 us more than lz4 for a small event and 6 ms for one of 3 MB.
    "compression.type": _TIGHTEST,
    "linger.ms": 5,
    # A key lands where the Java producers put it.
    "partitioner": "murmur2_random",
}

_COMMON_DEFAULTS: Config = {
    # A broker that comes back is found within this.
    "reconnect.backoff.max.ms": 2_000,
    # A topic that is made, grows or may be used again is seen within this.
    "topic.metadata.refresh.interval.ms": 10_000,
    "statistics.interval.ms": 0,
}


def consumer_config(
    bootstrap: str,
    group: str,
    client_id: str,
    properties: Mapping[str, Property],
    bounds: Mapping[str, Property] = MappingProxyType({}),
) -> Config:
    """The settings of a member of `group`; the user's `properties` go over the defaults and the `bounds`."""
    config: Config = {
        **_COMMON_DEFAULTS,
        **_CONSUMER_DEFAULTS,
        **bounds,
        "client.id": client_id,
        **_without(properties, PRODUCER_ONLY),
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "enable.auto.commit": False,  # a commit says "finished", and only core/offsets.py knows that
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",  # the worker decides, and says so: see worker/core/start_offset.py
        "allow.auto.create.topics": False,
    }
    if "fetch.max.bytes" in config:  # a producer's limit, but a consumer that fetches less does not start
        config["message.max.bytes"] = min(int(config["fetch.max.bytes"]), BATCH_BYTES)
    return _without(config, frozenset(_CLASSIC_ONLY)) if uses_new_protocol(config) else config


def producer_config(bootstrap: str, client_id: str, properties: Mapping[str, Property]) -> Config:
    """The settings of a producer: the worker's to its own topics, the commands' to the source."""
    return {
        **_COMMON_DEFAULTS,
        **_PRODUCER_DEFAULTS,
        "client.id": client_id,
        **_without(properties, CONSUMER_ONLY | _GIVES_UP),
        "bootstrap.servers": bootstrap,
        "acks": "all",
        "enable.idempotence": True,  # the client's own resends make no second record
        "delivery.timeout.ms": 0,  # it goes on for as long as it takes
    }


def fitted(config: Config, limit: int | None) -> Config:
    """`config` with batches that a topic of this `max.message.bytes` takes; None leaves them as they are."""
    if limit is None:
        return config
    return {**config, "batch.size": max(1, min(int(config.get("batch.size", BATCH_BYTES)), limit))}


def alone(config: Config) -> Config:
    """The settings of a second producer, for what came back from a batch for its size.

    Each record is sent alone, packed as tightly as can be, whatever `compression.type` the user has chosen.
    """
    own: Config = {"batch.num.messages": 1, "compression.type": _TIGHTEST}
    if "client.id" in config:
        own["client.id"] = f"{config['client.id']}-alone"
    return {**_without(config, frozenset({"compression.type", "compression.codec"})), **own}


def in_bulk(config: Config) -> Config:
    """The settings of a third producer, for many small records that are awaited together: the journal's.

    A request, of which there is one for each partition, costs the client and the broker as much as a hundred
    records in it: so they wait for more. zstd sets itself up anew for each.
    """
    own: Config = {"linger.ms": BULK_LINGER_MS, "compression.type": "lz4"}
    if "client.id" in config:
        own["client.id"] = f"{config['client.id']}-bulk"
    return {**_without(config, frozenset({"compression.codec", "queue.buffering.max.ms"})), **own}


def message_limit(config: Config) -> int:
    """The client's own limit for a record, in bytes, before it is compressed."""
    return int(config.get("message.max.bytes", MESSAGE_LIMIT_BYTES))


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
