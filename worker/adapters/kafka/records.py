"""Turns a message of the client into a record.

The rule: it is hot, so each method of the message is called once. No message, however odd, stops the reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import methodcaller
from typing import Protocol, cast

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, KafkaError, Message, TopicPartition

from worker.core.assigned_partition import Position
from worker.core.record import Headers, JsonFields, Partition, Record, make, size_of

MOST_PARSED_BYTES = 4096
"""Bytes of the largest record that is held parsed, too: that takes several times its bytes."""

_HEADERS = methodcaller("headers")
_HEADERS_OF = cast("Callable[[ReceivedMessage], Headers | None]", Message.headers)


class ReceivedMessage(Protocol):
    """A message that was received: the client's own types leave open what it always has."""

    def topic(self) -> str:
        """Its topic."""
        ...

    def partition(self) -> int:
        """The number of its partition."""
        ...

    def offset(self) -> int:
        """Where it stands."""
        ...

    def key(self) -> bytes | None:
        """Its key."""
        ...

    def value(self) -> bytes | None:
        """Its value."""
        ...

    def leader_epoch(self) -> int | None:
        """The epoch of the leader that wrote it, if known."""
        ...

    def timestamp(self) -> tuple[int, int]:
        """What kind of time, and the milliseconds since the epoch."""
        ...

    def error(self) -> KafkaError | None:
        """The error, if it is no record."""
        ...


def to_record(message: ReceivedMessage, at: Partition) -> Record:
    """Turn a message of the partition `at`, which the caller knows already, into a record."""
    return to_known_record(message, at, headers_of(message), None)


def to_known_record(
    message: ReceivedMessage, at: Partition, headers: Headers, fields: JsonFields | None
) -> Record:
    """Do the same with what was read of it already: its headers, and its fields where they are known."""
    kind, milliseconds = message.timestamp()
    timestamp = 0.0 if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds / 1000
    key, value = message.key(), message.value()
    size = size_of(key, value, headers)
    if fields is not None and size > MOST_PARSED_BYTES:
        fields = None
    return make(Record, (at, message.offset(), key, value, headers, timestamp, size, fields))


def to_unsized_record(message: ReceivedMessage, at: Partition) -> Record:
    """The same without counting the size, for a command that reads very many and holds none."""
    kind, milliseconds = message.timestamp()
    timestamp = 0.0 if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds / 1000
    headers = headers_of(message)
    return make(Record, (at, message.offset(), message.key(), message.value(), headers, timestamp, 0, None))


def headers_of(message: ReceivedMessage | Message) -> Headers:
    """The headers, unchanged; none if a name is not UTF-8, which the client can't represent.

    The client then returns with an exception pending. A plain call that the interpreter has specialised does
    not check for that, and the exception would surface anywhere later. A methodcaller always checks.
    """
    try:
        headers: Headers | None = _HEADERS(message)
    except (SystemError, UnicodeDecodeError):  # do not call it a second time
        return ()
    return headers or ()


def all_headers_of(messages: Sequence[ReceivedMessage]) -> list[Headers]:
    """The headers of each of these, at half the price: map looks for a pending exception as well."""
    found: list[Headers | None] = []
    rest = iter(messages)
    while True:
        try:
            found.extend(map(_HEADERS_OF, rest))
        except (SystemError, UnicodeDecodeError):
            found.append(None)  # in its place: those before it were added, and `rest` stands behind it
        else:
            return [headers or () for headers in found]


def leader_epoch_of(of: TopicPartition) -> int | None:
    """The leader epoch of an offset; the client's own types promise one, but it may be missing."""
    return cast("int | None", of.leader_epoch)


def to_partition(of: TopicPartition) -> Partition:
    """The partition that an answer of the client is about."""
    return Partition(of.topic, of.partition)


def to_topic_partitions(partitions: Sequence[Partition] | set[Partition]) -> list[TopicPartition]:
    """Partitions as the client takes them."""
    return [TopicPartition(partition.topic, partition.number) for partition in partitions]


def to_offset(at: Partition, position: Position, leader_epoch: int | None) -> TopicPartition:
    """What the client commits: a position, with the epoch of the last record before it, if known."""
    place = (at.topic, at.number, position.offset, position.metadata)
    return TopicPartition(*place) if leader_epoch is None else TopicPartition(*place, leader_epoch)
