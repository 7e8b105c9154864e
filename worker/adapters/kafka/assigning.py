"""Moving where partitions that are ours are read, in the way of their group's protocol.

The rule: what is not moved goes on from where it was read to, and no record of it is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from confluent_kafka import Consumer, KafkaException, TopicPartition

from worker.adapters.kafka.records import leader_epoch_of, to_partition


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


def have_validated(consumer: Consumer, starts: Sequence[TopicPartition]) -> None:
    """Have the client ask where the leader epochs of these offsets ended; a truncated log is an error.

    An assignment alone does not make it ask, nor does one without an epoch; a seek to the same offset does.
    """
    for of in starts:
        if leader_epoch_of(of) is not None and of.offset > 0:
            with suppress(KafkaException):  # then it asks when the log has another leader
                consumer.seek(of)


def _where_read_to(consumer: Consumer, assigned: TopicPartition) -> TopicPartition:
    """Where a partition is read on: from where it was assigned, while nothing of it was read."""
    (read_to,) = consumer.position([assigned])
    return read_to if read_to.offset >= 0 else assigned
