"""Moves the reading of our partitions to other offsets, as their group's protocol allows.

The rules: partitions that are not moved go on from where they were read to; no record is skipped. Pauses
outlive an assignment, and are lifted before it: the client can lose a resume that comes while it still works
on one, and the partition then stays paused for ever (librdkafka issue 5591).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaException, TopicPartition

from worker.adapters.kafka.records import leader_epoch_of, to_partition
from worker.core.record import Partition

SEEK_TRIES = 100
SEEK_PAUSE_SECONDS = 0.01
"""Seconds between two tries: a client still finishing an earlier fetch refuses to seek."""


def assign(consumer: Consumer, starts: Sequence[TopicPartition], *, incremental: bool) -> None:
    """Read newly assigned partitions from these offsets on."""
    (consumer.incremental_assign if incremental else consumer.assign)(list(starts))


def reassign(
    consumer: Consumer, starts: Sequence[TopicPartition], *, incremental: bool
) -> Sequence[Partition]:
    """Read these partitions from these offsets on, and drop what was fetched of them.

    By assigning them again, because a client that found an offset unusable refuses to seek. Returns the
    partitions that were assigned again: none of them is paused now.
    """
    moved = list(starts)
    if incremental:
        consumer.resume(moved)
        consumer.incremental_unassign(moved)
        consumer.incremental_assign(moved)
        return [to_partition(of) for of in moved]
    apart = {to_partition(of) for of in moved}
    kept = [of for of in consumer.assignment() if to_partition(of) not in apart]
    again = [*moved, *(_where_read_to(consumer, of) for of in kept)]
    consumer.resume(again)
    consumer.assign(again)
    return [to_partition(of) for of in again]


def have_validated(consumer: Consumer, starts: Sequence[TopicPartition]) -> list[TopicPartition]:
    """Have the client validate the leader epochs of these offsets; a truncated log becomes an error.

    An assignment does not make it validate, but a seek to the same offset with an epoch does. What was read
    meanwhile is dropped. Returns those that it can't validate because it refuses to seek.
    """
    known = [of for of in starts if leader_epoch_of(of) is not None and of.offset > 0]
    return [of for of in known if not _seek(consumer, of)]


def does_seek(consumer: Consumer, of: TopicPartition) -> bool:
    """Have the client seek; False if it refuses, as it does where it found an offset unusable."""
    try:
        consumer.seek(of)
    except KafkaException:
        return False
    return True


def _seek(consumer: Consumer, of: TopicPartition) -> bool:
    for _ in range(SEEK_TRIES):
        if does_seek(consumer, of):
            return True
        time.sleep(SEEK_PAUSE_SECONDS)
    return False


def _where_read_to(consumer: Consumer, assigned: TopicPartition) -> TopicPartition:
    """The offset at which a partition goes on; where it was assigned, if nothing was read yet."""
    (read_to,) = consumer.position([assigned])
    return read_to if read_to.offset >= 0 else assigned
