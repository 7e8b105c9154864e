"""The settings of the three kinds of client: our defaults, the user's properties, then what must not change.

The rule: what the delivery guarantee rests on is set last, so that no property can change it.
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
"""Properties that may be given and only a consumer knows."""

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
"""Properties that may be given and only a producer knows."""

_GIVES_UP = frozenset({"message.timeout.ms", "message.send.max.retries", "retries"})
"""With these a producer would give up records that may be on the topic; publishing again duplicates them."""

_CLASSIC_ONLY = ("partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms")
"""With the KIP-848 protocol the broker sets these, and librdkafka refuses them."""

_CONSUMER_DEFAULTS: Config = {
    # A byte rotten on disk could change a payout, or who is paid.
    "check.crcs": True,
    # Members keep what they have while others come and go.
    "partition.assignment.strategy": "cooperative-sticky",
    # A killed worker's partitions move on after this; heartbeats come from a thread of librdkafka's own.
    "session.timeout.ms": 15_000,
    # Members hear of a rebalance by heartbeat. Until all have, nobody sends the partitions that move, and
    # their share of the group's rate is lost.
    "heartbeat.interval.ms": 250,
    # Records wait in Kafka rather than here: a pause discards what was fetched ahead.
    "queued.min.messages": 1_000,
    "queued.max.messages.kbytes": 8_192,
    "fetch.message.max.bytes": 131_072,
    # With a short queue, the default of a second would starve the worker each time the queue was full.
    "fetch.queue.backoff.ms": 20,
    # A resumed partition joins the next fetch: this bounds how long the current one takes.
    "fetch.wait.max.ms": 100,
}

QUIET: Config = {"log_level": 0}
"""For a client that only asks: what goes wrong is what its calls say, and it logs nothing."""

TIERS_FETCHES: Config = {"fetch.wait.max.ms": 500}
"""What differs for a client of the delay tiers.

A partition is resumed a second before its first record is due, so a fetch may wait, and idle tiers cost less.
"""

MESSAGE_LIMIT_BYTES = 128 * 1024 * 1024
"""Bytes of the largest record that a producer takes: the topic's own limit decides, not the client's."""

BATCH_BYTES = 1_000_000
"""Bytes of a batch before compression: below the default limit of topics."""

_TIGHTEST = "zstd"

BULK_LINGER_MS = 100
"""Milliseconds that the first record of a bulk batch waits for others."""

BULK_RECORDS = 256
"""Records of a partition that leave at once, as many as a full batch of steps: more would save little.

A partition that flows alone would otherwise have most of its room taken by records that wait here.
"""

_PRODUCER_DEFAULTS: Config = {
    "message.max.bytes": MESSAGE_LIMIT_BYTES,
    "batch.size": BATCH_BYTES,
    # A topic's limit applies to the compressed record: what a producer compressed to fit must fit again.
    # zstd packs tightest; it costs 1 us more than lz4 for a small event, and 6 ms more for one of 3 MB.
    "compression.type": _TIGHTEST,
    "linger.ms": 5,
    # A key goes to the partition that Java producers choose.
    "partitioner": "murmur2_random",
}

_COMMON_DEFAULTS: Config = {
    # A broker that returns is found within this.
    "reconnect.backoff.max.ms": 2_000,
    # A topic that is created, grows or is permitted again is seen within this.
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
    """The settings of a member of `group`; the user's `properties` override the defaults and `bounds`."""
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
    if (
        "fetch.max.bytes" in config
    ):  # a producer's property, but a consumer with a smaller fetch.max.bytes does not start
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
        "delivery.timeout.ms": 0,  # it retries as long as it takes
    }


def fitted(config: Config, limit: int | None) -> Config:
    """`config` with batches that fit a topic's `max.message.bytes`; unchanged if `limit` is None."""
    if limit is None:
        return config
    return {**config, "batch.size": max(1, min(int(config.get("batch.size", BATCH_BYTES)), limit))}


def alone(config: Config) -> Config:
    """The settings of a second producer, for records that came back because their batch was too large.

    Each is sent alone, compressed as tightly as possible, whatever `compression.type` the user has chosen.
    """
    own: Config = {"batch.num.messages": 1, "compression.type": _TIGHTEST}
    if "client.id" in config:
        own["client.id"] = f"{config['client.id']}-alone"
    return {**_without(config, frozenset({"compression.type", "compression.codec"})), **own}


def in_bulk(config: Config) -> Config:
    """The settings of a third producer, for many small records that are awaited together: the journal's.

    A request (one for each partition) costs client and broker as much as a hundred records in it, so records
    wait for more. lz4, because zstd sets itself up anew for each batch.
    """
    records = min(int(config.get("batch.num.messages", BULK_RECORDS)), BULK_RECORDS)
    own: Config = {
        "linger.ms": BULK_LINGER_MS,
        "batch.num.messages": records,
        "compression.type": "lz4",
    }
    if "client.id" in config:
        own["client.id"] = f"{config['client.id']}-bulk"
    return {**_without(config, frozenset({"compression.codec", "queue.buffering.max.ms"})), **own}


def message_limit(config: Config) -> int:
    """The client's own limit for a record, in bytes before compression."""
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
