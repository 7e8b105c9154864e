"""Offsets that hold no record for us: markers of transactions, and what was aborted.

The client passes over them, and only its position shows it. The rules: a position is believed only once it is
known to belong to this reading, not to the one before a seek. It is told together with the offset behind the
last record that was handed over: whoever has not taken that record yet is not led past it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import Consumer, KafkaException

from worker.adapters.kafka.records import to_partition, to_topic_partitions
from worker.core.record import Partition

LOOK_EVERY_SECONDS = 2.0
"""Seconds between two looks."""


class Gaps:
    """The consumer's thread's own; times are monotonic."""

    def __init__(self) -> None:
        self.doubted: set[Partition] = set()
        """Partitions of which the client may still tell where an earlier reading was."""
        self._next_look = 0.0

    def doubt(self, consumer: Consumer, partitions: Iterable[Partition]) -> None:
        """Note that partitions are read from elsewhere: the client forgets where it was in its own time."""
        self.doubted.update(partitions)
        self._positions(consumer, list(self.doubted))

    def trust(self, partitions: Iterable[Partition]) -> None:
        """Note that records came of these: the client is in the present reading of them."""
        self.doubted.difference_update(partitions)

    def is_due(self, now: float) -> bool:
        """Whether it is time to look."""
        return now >= self._next_look

    def look(
        self, consumer: Consumer, partitions: Sequence[Partition], now: float
    ) -> Mapping[Partition, int]:
        """Where the client is in each of these, as far as that is believed."""
        self._next_look = now + LOOK_EVERY_SECONDS
        positions = self._positions(consumer, partitions)
        return {at: offset for at, offset in positions.items() if at not in self.doubted}

    def _positions(self, consumer: Consumer, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Where it is in each; one of which it tells nothing is in its present reading, or in none."""
        if not partitions:
            return {}
        try:
            answers = consumer.position(to_topic_partitions(partitions))
        except KafkaException:
            return {}
        self.trust(to_partition(of) for of in answers if of.offset < 0)
        return {to_partition(of): of.offset for of in answers if of.offset >= 0}
