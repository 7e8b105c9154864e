"""Telling the client which partitions are paused.

The rule: the client is told of changes alone. Its pauses outlive assignments, so that of a partition that was
just assigned nothing is known: it is told in any case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from confluent_kafka import Consumer

from worker.adapters.kafka.paused import Paused
from worker.adapters.kafka.records import to_topic_partitions
from worker.core.record import Partition


class ClientPauses:
    """The consumer's thread's own; `wanted` knows which should be."""

    def __init__(self, wanted: Paused) -> None:
        self._wanted = wanted
        self._paused: set[Partition] = set()
        self._running: set[Partition] = set()

    def set(self, consumer: Consumer, ours: Collection[Partition]) -> None:
        """Have just those of ours paused that should be."""
        if not self._wanted.stale:
            return
        self._wanted.stale = False
        wanted = self._wanted.wanted(ours)
        running = set(ours) - wanted
        if pause := wanted - self._paused:
            consumer.pause(to_topic_partitions(pause))
        if resume := running - self._running:
            consumer.resume(to_topic_partitions(resume))
        self._paused, self._running = wanted, running

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Know nothing of these: they were assigned anew, or are not ours any more."""
        for at in partitions:
            self._paused.discard(at)
            self._running.discard(at)
        self._wanted.stale = True
