"""Turns dead letters into records for the source topic, for another round of attempts.

The rules: key and producer's headers are unchanged, and the value unless it is edited. The worker's headers
are only the count of replays, one higher, and the destination that it is for. A record goes to the partition
of its origin. The letters stay where they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from worker.core.place import read_place
from worker.ops.dead_letters import letter_of
from worker.ops.partition_offsets import PartitionOffset, PartitionOffsets

if TYPE_CHECKING:
    from schemas import DeadLetter
    from schemas.headers import Header
    from worker.adapters.kafka.topic_reader import TopicReader
    from worker.ops.publishing import NamedRecord


def read_again(
    reader: TopicReader,
    topic: str,
    wanted: Iterable[PartitionOffset],
    on_waiting: Callable[[str], None] | None = None,
) -> Iterator[DeadLetter]:
    """Read the letters at these places.

    With `on_waiting`, which hears why it waits for the broker, as long as it takes; else raises
    KafkaUnavailable, as `TopicReader.read` does.
    """
    from worker.adapters.kafka.topic_reader import OffsetRange
    from worker.core.record import Partition

    places = PartitionOffsets.of(wanted)
    spans = {
        Partition(topic, number): OffsetRange(offsets[0], offsets[-1] + 1)
        for number, offsets in places.offsets.items()
    }
    for record in reader.read(spans, on_waiting):
        if (record.at.number, record.offset) in places:
            yield letter_of(record)


CATCHES_UP_SECONDS = 0.05
"""Seconds of a delay that are made up for: after a standstill very many would go at once."""


class Outbound(NamedTuple):
    """How letters go back: for which destination, to which source topic and partitions, how edited."""

    destination: str
    topic: str
    partitions: Collection[int]
    revise: Callable[[DeadLetter], bytes | None]

    def item(self, letter: DeadLetter) -> NamedRecord:
        """What to publish for a letter."""
        from worker.adapters.kafka.bulk_publisher import RecordName
        from worker.ops.publishing import NamedRecord

        named = RecordName(f"dead letter {letter.partition}/", letter.offset)
        value, headers = self.revise(letter), self.headers(letter)
        return NamedRecord(named, letter.key, value, headers, self.partition(letter))

    def headers(self, letter: DeadLetter) -> list[Header]:
        """The producer's headers, plus those of a replay."""
        from schemas import DeadReason, WorkerHeaders, without_worker_headers

        # What no destination took is routed anew; anything else has had its ending at the other destinations.
        wanted = None if letter.reason == DeadReason.UNROUTED else self.destination
        ours = WorkerHeaders(replays=letter.replays + 1, replayed_for=wanted)
        return [*without_worker_headers(letter.headers), *ours.write()]

    def partition(self, letter: DeadLetter) -> int | None:
        """The partition that it came from; None (the key decides) if that does not exist."""
        place = read_place(letter.origin or "")
        is_there = place is not None and place.at.topic == self.topic and place.at.number in self.partitions
        return place.at.number if place is not None and is_there else None


def items_of(
    letters: Iterator[DeadLetter],
    outbound: Outbound,
    rate: float | None,
    show: Callable[[Iterator[DeadLetter]], Iterable[DeadLetter]],
) -> Iterator[NamedRecord]:
    """What to publish for these letters, at most `rate` a second; `show` passes them on."""
    for letter in show(_paced(letters, rate)):
        yield outbound.item(letter)


def _paced(letters: Iterator[DeadLetter], rate: float | None) -> Iterator[DeadLetter]:
    due = time.monotonic()
    for letter in letters:
        if rate is not None:
            now = time.monotonic()
            time.sleep(max(0.0, due - now))
            due = max(due, now - CATCHES_UP_SECONDS) + 1 / rate
        yield letter
