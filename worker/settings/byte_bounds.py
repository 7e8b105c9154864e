"""How POSTBACK_MAX_HELD_BYTES is divided.

The rule: the bound covers the records read and not ended, the producer's copies of what is being published
(each of a held record), and the queues of both consumers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Self

from worker.settings.kafka_properties import VARIABLE
from worker.settings.values import LEAST_BYTES

# One fetch need not return more of a partition.
_FETCHED_OF_A_PARTITION_BYTES = 131_072
_LEAST_QUEUE_KBYTES = 64


class ByteBounds(NamedTuple):
    """`held` bounds the records between reading and ending; `client` holds the properties for a consumer."""

    held: int
    client: Mapping[str, int]

    @classmethod
    def of(cls, most: int) -> Self:
        """Divide: three eighths for held records, three for publishing, two for the clients' queues."""
        part = most // 16
        queue = max(_LEAST_QUEUE_KBYTES, part // 1024)
        client = {
            "queued.max.messages.kbytes": queue,
            "fetch.max.bytes": queue * 1024,
            "fetch.message.max.bytes": min(_FETCHED_OF_A_PARTITION_BYTES, part),
        }
        return cls(6 * part, client)


def least_of(destinations: int) -> int:
    """The least bytes that this many destinations need, as each has its share."""
    return destinations * LEAST_BYTES


def problems(most: int, properties: Mapping[str, str], variable: str) -> list[str]:
    """Name the user's properties that would let a client hold more than its share."""
    limits = {**ByteBounds.of(most).client}
    limits["max.partition.fetch.bytes"] = limits["fetch.message.max.bytes"] = limits["fetch.max.bytes"]
    return [
        f"{VARIABLE}{name.replace('.', '_').upper()}: must be at most {limit}, the part of {variable} "
        "that a client's queue has; raise that, or leave this out"
        for name, limit in limits.items()
        if int(properties.get(name, 0)) > limit
    ]
