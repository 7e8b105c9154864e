"""Takes up assigned partitions once it is known where each begins.

The rules: until then nothing is read of a partition, while others flow. What the broker does not answer is
asked again, for as long as the partition is ours, and reported once. Only a right that stays denied ends the
source, because waiting does not mend that. Called by the poll thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing

from confluent_kafka import Consumer, KafkaException, TopicPartition

from worker.adapters.kafka.assignment import Assignment
from worker.adapters.kafka.errors import KafkaUnavailable, one_line
from worker.adapters.kafka.loop_bridge import names
from worker.adapters.kafka.offset_lookup import Beginnings, OffsetLookup
from worker.adapters.kafka.records import to_partition
from worker.core.backoff import Backoff
from worker.core.binding import LogId
from worker.core.record import Partition
from worker.ports import SourceFailed

LONGEST_PAUSE_SECONDS = 4.0
"""Most seconds between two tries: each blocks the poll thread until it is answered."""

REFUSED_SECONDS = 32.0
"""Seconds of refusals after which the source ends; a broker that is starting may refuse for a while."""


class DeferredPartitions:
    """Of one member; `tell` reports why a partition can't begin.

    `fresh` makes another client for the second try: one client can stay wrong about leaders.
    """

    def __init__(
        self,
        assignment: Assignment,
        starts: OffsetLookup,
        tell: Callable[[str], None],
        fresh: Callable[[], Consumer],
    ) -> None:
        self._assignment = assignment
        self._starts = starts
        self._tell = tell
        self._fresh = fresh
        self.awaited: Mapping[Partition, str] = {}
        """Partitions that have not begun, and why; replaced whole, so the loop may read it at any time."""
        self._backoff = Backoff(LONGEST_PAUSE_SECONDS)
        self._next_try = 0.0
        self._refused_since: float | None = None

    def begin(self, consumer: Consumer, partitions: Sequence[Partition]) -> None:
        """Take up newly assigned partitions; raises SourceFailed."""
        found = self._ask(partitions, lambda logs: self._starts.of(consumer, logs))
        late = found.others(partitions)
        self._assignment.begin(consumer, found.known, late)
        if found.why is not None:
            self._backoff = Backoff(LONGEST_PAUSE_SECONDS)
            self._put_off(late, found.why)

    def look(self, consumer: Consumer) -> None:
        """Try again with partitions that have not begun, if it is time; raises SourceFailed."""
        if not self.awaited or time.monotonic() < self._next_try:
            return
        partitions = list(self.awaited)
        found = self._ask(partitions, self._ask_another)
        late = found.others(partitions)
        self.drop({*partitions} - {*late})
        if found.known:
            self._assignment.begin(consumer, found.known, rested=True)
        if found.why is not None:
            self._put_off(late, found.why)

    def give_up(self, given_up: Sequence[TopicPartition]) -> list[Partition]:
        """Stop waiting for revoked or lost partitions; return those of them that had begun."""
        partitions = [to_partition(of) for of in given_up]
        self.drop(partitions)
        return [at for at in partitions if at in self._assignment.ours]

    def drop(self, partitions: Collection[Partition]) -> None:
        """Stop waiting for partitions that have begun, or are no longer ours."""
        self.awaited = {at: why for at, why in self.awaited.items() if at not in partitions}
        if not self.awaited:
            self._refused_since = None

    def _ask(
        self, partitions: Sequence[Partition], ask: Callable[[Mapping[Partition, LogId]], Beginnings]
    ) -> Beginnings:
        try:
            return ask(self._assignment.logs.bind(partitions))
        except KafkaUnavailable as error:
            return Beginnings([], error)

    def _ask_another(self, logs: Mapping[Partition, LogId]) -> Beginnings:
        """Make another client to ask; that fails while a file that it needs is being replaced, say."""
        try:
            other = self._fresh()
        except (KafkaException, ValueError, TypeError) as error:
            raise KafkaUnavailable(f"no client to ask with: {one_line(error)}") from error
        with closing(other):
            return self._starts.of(other, logs)

    def _put_off(self, partitions: Sequence[Partition], error: KafkaUnavailable) -> None:
        """Leave partitions for a later try."""
        now = time.monotonic()
        if not error.refused:
            self._refused_since = None
        elif self._refused_since is None:
            self._refused_since = now
        if self._refused_since is not None and now - self._refused_since >= REFUSED_SECONDS:
            raise SourceFailed(str(error))
        self._assignment.logs.forget(partitions)  # nothing was read of a topic that is made anew meanwhile
        if news := [at for at in partitions if at not in self.awaited]:
            self._tell(f"{names(news)}: not read until it is known where to begin: {error}")
        self.awaited = {**self.awaited, **dict.fromkeys(partitions, str(error))}
        self._next_try = time.monotonic() + self._backoff.pause()
