"""Offsets that hold no record for us: transaction markers and aborted records.

The client passes over them, and only its position shows it. The rules: a position is believed only once it is
known to be of the present reading, not of one before a seek; never within a call of the client, or while it
leaves, when it is behind records that were read and not handed over. It is reported together with the offset
after the last record that was handed over, so that no listener moves past a record it has not taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import Consumer, KafkaException

from worker.adapters.kafka.records import to_partition, to_topic_partitions
from worker.core.record import Partition

LOOK_EVERY_SECONDS = 2.0
"""Seconds between two looks."""


class OffsetGaps:
    """Used by the poll thread alone; times are monotonic."""

    def __init__(self) -> None:
        self.doubted: set[Partition] = set()
        """Partitions for which the client may still report the position of an earlier reading."""
        self._next_look = 0.0

    def doubt(self, consumer: Consumer, partitions: Iterable[Partition]) -> None:
        """Note that partitions are read from other offsets: the client keeps its old position for a while."""
        self.doubted.update(partitions)
        self._positions(consumer, list(self.doubted))

    def trust(self, partitions: Iterable[Partition]) -> None:
        """Note that records came of these: the client's position in them is of the present reading."""
        self.doubted.difference_update(partitions)

    def is_due(self, now: float) -> bool:
        """Whether it is time to look."""
        return now >= self._next_look

    def look(
        self, consumer: Consumer, partitions: Sequence[Partition], now: float
    ) -> Mapping[Partition, int]:
        """The client's position in each of these, if it is believed."""
        self._next_look = now + LOOK_EVERY_SECONDS
        positions = self._positions(consumer, partitions)
        return {at: offset for at, offset in positions.items() if at not in self.doubted}

    def _positions(self, consumer: Consumer, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """The client's positions; a partition without one is not of an earlier reading."""
        if not partitions:
            return {}
        try:
            answers = consumer.position(to_topic_partitions(partitions))
        except KafkaException:
            return {}
        self.trust(to_partition(of) for of in answers if of.offset < 0)
        return {to_partition(of): of.offset for of in answers if of.offset >= 0}
