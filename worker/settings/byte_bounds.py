"""How the bytes of POSTBACK_MAX_HELD_BYTES are shared out.

The rule: what is read and not ended, the client's copies of what is being published (each is of a record that
is held) and the queues of both members' clients fit together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Self

from worker.settings.kafka_properties import VARIABLE
from worker.settings.values import LEAST_BYTES

# librdkafka's own default where nobody sets more; in one fetch a partition need give no more.
_FETCHED_OF_A_PARTITION_BYTES = 131_072
_LEAST_QUEUE_KBYTES = 64


class ByteBounds(NamedTuple):
    """`held` is for records between reading and ending, `client` is what a consumer must be told."""

    held: int
    client: Mapping[str, int]

    @classmethod
    def of(cls, most: int) -> Self:
        """Share out: three eighths are held, as much is being published, two eighths lie in the clients."""
        part = most // 16
        queue = max(_LEAST_QUEUE_KBYTES, part // 1024)
        client = {
            "queued.max.messages.kbytes": queue,
            "fetch.max.bytes": queue * 1024,
            "fetch.message.max.bytes": min(_FETCHED_OF_A_PARTITION_BYTES, part),
        }
        return cls(6 * part, client)


def least_of(destinations: int) -> int:
    """Bytes that so many destinations need at least, as each has its share."""
    return destinations * LEAST_BYTES


def problems(most: int, properties: Mapping[str, str], variable: str) -> list[str]:
    """Say which of the user's properties would have a client hold more than its part."""
    limits = {**ByteBounds.of(most).client}
    limits["max.partition.fetch.bytes"] = limits["fetch.message.max.bytes"] = limits["fetch.max.bytes"]
    return [
        f"{VARIABLE}{name.replace('.', '_').upper()}: must be at most {limit}, the part of {variable} "
        "that a client's queue has; raise that, or leave this out"
        for name, limit in limits.items()
        if int(properties.get(name, 0)) > limit
    ]
