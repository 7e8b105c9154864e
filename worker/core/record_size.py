"""The size of a record, and the error line for one that is too large for its topic.

The rule: the line names the topic, the record's size, the limit and the command that mends it.
"""

from __future__ import annotations

from typing import Final

from worker.core.record import Outgoing

ROOM_BYTES: Final = 64 * 1024
"""Bytes by which the worker's headers and the protocol may enlarge a record."""


def size_of(message: Outgoing) -> int:
    """Bytes of key, value and headers, before compression."""
    headers = sum(len(name.encode()) + len(value or b"") for name, value in message.headers)
    return len(message.key or b"") + len(message.value or b"") + headers


def too_large(topic: str, size: int, limit: int | None) -> str:
    """The line for a record of `size` bytes that its topic refuses; a `limit` of None is unknown."""
    said = "which the broker does not say" if limit is None else str(limit)
    return (
        f"{topic} refuses a record of {size} bytes, sent alone and compressed: it is larger than "
        f"max.message.bytes, {said}; kafka-configs.sh --bootstrap-server HOST:PORT --alter --topic {topic} "
        f"--add-config max.message.bytes={size + ROOM_BYTES} makes room"
    )


def too_large_for_client(topic: str, size: int, limit: int) -> str:
    """The line for a record above the client's own `message.max.bytes`, compressed or not."""
    return (
        f"a record of {size} bytes for {topic} is larger than the client's message.max.bytes, {limit}; "
        f"POSTBACK_KAFKA__PROPERTIES__MESSAGE_MAX_BYTES={size + ROOM_BYTES} makes room"
    )
