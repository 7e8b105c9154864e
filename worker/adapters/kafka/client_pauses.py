"""Tells the client which partitions are paused.

The rules: the client is told only of changes. Its pauses outlive assignments, so a newly assigned partition
may still be paused: for it the client is told in any case. Whatever is resumed is read at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from confluent_kafka import Consumer

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.pause_reasons import PausedPartitions
from worker.adapters.kafka.records import to_topic_partitions
from worker.adapters.kafka.wake import wake
from worker.core.record import Partition


class ClientPauses:
    """Used by the poll thread alone; `wanted` knows which should be paused, `config` is the client's."""

    def __init__(self, wanted: PausedPartitions, config: Config) -> None:
        self._wanted = wanted
        self._config = config
        self._paused: set[Partition] = set()
        self._running: set[Partition] = set()

    def set(self, consumer: Consumer, ours: Collection[Partition]) -> None:
        """Make the client pause exactly those of our partitions that should be."""
        if not self._wanted.stale:
            return
        self._wanted.stale = False
        wanted = self._wanted.wanted(ours)
        running = set(ours) - wanted
        if pause := wanted - self._paused:
            consumer.pause(to_topic_partitions(pause))
        if resume := running - self._running:
            consumer.resume(to_topic_partitions(resume))
            wake(consumer, self._config)
        self._paused, self._running = wanted, running

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Forget what the client was told of partitions that were assigned anew, or are no longer ours."""
        for at in partitions:
            self._paused.discard(at)
            self._running.discard(at)
        self._wanted.stale = True
