"""Moving where partitions that are ours are read, in the way of their group's protocol.

The rule: what is not moved goes on from where it was read to, and no record of it is skipped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaException, TopicPartition

from worker.adapters.kafka.records import leader_epoch_of, to_partition

SEEK_TRIES = 100
SEEK_PAUSE_SECONDS = 0.01
"""Seconds between two tries: a client that still ends what it read before refuses to seek."""


def assign(consumer: Consumer, starts: Sequence[TopicPartition], *, incremental: bool) -> None:
    """Read what the group gave us just now from these offsets on."""
    (consumer.incremental_assign if incremental else consumer.assign)(list(starts))


def reassign(consumer: Consumer, starts: Sequence[TopicPartition], *, incremental: bool) -> None:
    """Read these partitions from their offsets on, and drop what was fetched of them.

    By assigning them anew: a client that found an offset unusable refuses to seek.
    """
    moved = list(starts)
    if incremental:
        consumer.incremental_unassign(moved)
        consumer.incremental_assign(moved)
        return
    apart = {to_partition(of) for of in moved}
    kept = [of for of in consumer.assignment() if to_partition(of) not in apart]
    consumer.assign([*moved, *(_where_read_to(consumer, of) for of in kept)])


def have_validated(consumer: Consumer, starts: Sequence[TopicPartition]) -> list[TopicPartition]:
    """Have the client ask where the leader epochs of these offsets ended; a truncated log is an error.

    An assignment alone does not make it ask, nor does one without an epoch; a seek to the same offset does.
    What it has read meanwhile is dropped. Returns those of which it does not ask: it refuses to seek.
    """
    known = [of for of in starts if leader_epoch_of(of) is not None and of.offset > 0]
    return [of for of in known if not _seek(consumer, of)]


def _seek(consumer: Consumer, of: TopicPartition) -> bool:
    for _ in range(SEEK_TRIES):
        try:
            consumer.seek(of)
        except KafkaException:
            time.sleep(SEEK_PAUSE_SECONDS)
        else:
            return True
    return False


def _where_read_to(consumer: Consumer, assigned: TopicPartition) -> TopicPartition:
    """Where a partition is read on: from where it was assigned, while nothing of it was read."""
    (read_to,) = consumer.position([assigned])
    return read_to if read_to.offset >= 0 else assigned
