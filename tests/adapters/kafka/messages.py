"""Messages of Kafka's client, as a test makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from confluent_kafka import TIMESTAMP_CREATE_TIME, Message

from worker.core.record import Headers, Partition

if TYPE_CHECKING:
    from worker.adapters.kafka.records import ReceivedMessage

AT = Partition("conversions", 3)


def message(offset: int, value: bytes | None, headers: Headers | None = None) -> ReceivedMessage:
    """A message of AT."""
    made = Message(
        AT.topic,
        AT.number,
        offset,
        b"key",
        value,
        None if headers is None else list(headers),
        timestamp=(TIMESTAMP_CREATE_TIME, 1_000),
    )
    return cast("ReceivedMessage", made)
