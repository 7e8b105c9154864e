"""Taking up what the group gives a member, once it is known where it begins.

The rules: nothing is read of a partition before that, and others flow. What can't be had now is asked for
again and again, for as long as the partition is ours, and said once. Only a right that is lacking all the
while ends the source: no waiting mends that. Called by the consumer's thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from worker.adapters.kafka.assignment import Assignment
from worker.adapters.kafka.errors import KafkaUnavailable, one_line
from worker.adapters.kafka.loop_bridge import names
from worker.adapters.kafka.records import to_partition
from worker.adapters.kafka.start_offsets import StartOffsets
from worker.core.backoff import Backoff
from worker.core.record import Partition
from worker.ports import SourceFailed

LONGEST_PAUSE_SECONDS = 4.0
"""Seconds between two tries at most: each holds up what else the thread does until it is answered."""

REFUSED_SECONDS = 32.0
"""Seconds of being refused after which the source ends; a broker that starts may refuse for a while."""


class Beginnings:
    """Of one member; `tell` is told what keeps a partition from being begun.

    `fresh` makes the client that is asked after ours was once: what one believes of leaders can stay wrong.
    """

    def __init__(
        self,
        assignment: Assignment,
        starts: StartOffsets,
        tell: Callable[[str], None],
        fresh: Callable[[], Consumer],
    ) -> None:
        self._assignment = assignment
        self._starts = starts
        self._tell = tell
        self._fresh = fresh
        self.awaited: Mapping[Partition, str] = {}
        """Partitions that are not begun yet, and why; replaced whole, so the loop may read it at any time."""
        self._backoff = Backoff(LONGEST_PAUSE_SECONDS)
        self._next_try = 0.0
        self._refused_since: float | None = None

    def begin(self, consumer: Consumer, partitions: Sequence[Partition]) -> None:
        """Take up partitions that were given to us just now; raises SourceFailed."""
        logs = self._assignment.logs.bind(partitions)
        try:
            begun = self._starts.of(consumer, logs)
        except KafkaUnavailable as error:
            places = [TopicPartition(at.topic, at.number, OFFSET_END) for at in partitions]
            self._assignment.rest(consumer, places)
            self._backoff = Backoff(LONGEST_PAUSE_SECONDS)
            self._put_off(partitions, error)
        else:
            self._assignment.begin(consumer, begun)

    def look(self, consumer: Consumer) -> None:
        """Try again with what is not begun, where it is time; raises SourceFailed."""
        if not self.awaited or time.monotonic() < self._next_try:
            return
        partitions = list(self.awaited)
        logs = self._assignment.logs.bind(partitions)
        try:
            with closing(self._another()) as other:
                begun = self._starts.of(other, logs)
        except KafkaUnavailable as error:
            self._put_off(partitions, error)
        else:
            self.drop(partitions)
            self._assignment.begin(consumer, begun, rested=True)

    def give_up(self, given_up: Sequence[TopicPartition]) -> list[Partition]:
        """Wait no more for partitions that are another's now; return those of them that were begun."""
        partitions = [to_partition(of) for of in given_up]
        self.drop(partitions)
        return [at for at in partitions if at in self._assignment.ours]

    def drop(self, partitions: Collection[Partition]) -> None:
        """Wait no more for partitions: they are begun, or not ours any more."""
        self.awaited = {at: why for at, why in self.awaited.items() if at not in partitions}
        if not self.awaited:
            self._refused_since = None

    def _another(self) -> Consumer:
        """Make a client to ask with; one can't be made while a file that it needs is amid a change, say."""
        try:
            return self._fresh()
        except (KafkaException, ValueError, TypeError) as error:
            raise KafkaUnavailable(f"no client to ask with: {one_line(error)}") from error

    def _put_off(self, partitions: Sequence[Partition], error: KafkaUnavailable) -> None:
        """Leave partitions for a later try."""
        now = time.monotonic()
        if not error.refused:
            self._refused_since = None
        elif self._refused_since is None:
            self._refused_since = now
        if self._refused_since is not None and now - self._refused_since >= REFUSED_SECONDS:
            raise SourceFailed(str(error))
        self._assignment.logs.forget(partitions)  # none that is made anew meanwhile was ever read
        if news := [at for at in partitions if at not in self.awaited]:
            self._tell(f"{names(news)}: not read until it is known where to begin: {error}")
        self.awaited = {**self.awaited, **dict.fromkeys(partitions, str(error))}
        self._next_try = time.monotonic() + self._backoff.pause()
