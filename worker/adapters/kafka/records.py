"""A message of the client, turned into a record.

The rule: hot, so each method of the message is called once; and no message, however odd, stops the reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import methodcaller
from typing import cast

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message, TopicPartition

from worker.core.holding import Position
from worker.core.record import Headers, Partition, Record

_HEADERS = methodcaller("headers")


def to_record(message: Message, at: Partition) -> Record:
    """Turn a message of the partition `at`, which the caller knows already, into a record."""
    kind, milliseconds = message.timestamp()
    return Record(
        at,
        cast("int", message.offset()),
        message.key(),
        message.value(),
        headers_of(message),
        0.0 if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds / 1000,
    )


def headers_of(message: Message) -> Headers:
    """The headers, unchanged; none where a name is not UTF-8, which the client can't represent.

    The client then returns with an exception pending. A plain call, once the interpreter has specialised it,
    does not look for that: the exception would surface anywhere later. A methodcaller always looks.
    """
    try:
        return cast("Headers", _HEADERS(message) or ())
    except (SystemError, UnicodeDecodeError):  # it must not be asked a second time
        return ()


def to_partition(of: TopicPartition | Message) -> Partition:
    """The partition that a message or an answer of the client is about."""
    if isinstance(of, Message):
        return Partition(cast("str", of.topic()), cast("int", of.partition()))
    return Partition(of.topic, of.partition)


def to_topic_partitions(partitions: Sequence[Partition] | set[Partition]) -> list[TopicPartition]:
    """What the client takes for partitions."""
    return [TopicPartition(partition.topic, partition.number) for partition in partitions]


def to_offset(at: Partition, position: Position) -> TopicPartition:
    """What the client commits for a position."""
    return TopicPartition(at.topic, at.number, position.offset, position.metadata)
