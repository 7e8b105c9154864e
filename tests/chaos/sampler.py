"""The sampler: looks all the time at what the group has committed, and at the group's state.

The rule: what is logged was true at `at` at the latest; a broker that does not answer is no state at all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.chaos.group_state import GroupState
from tests.chaos.logs import COMMITTED, GROUP, Committed, Group, Log

EVERY = 0.1
PATIENCE = 1.0  # seconds for an answer
LOOK_AT_TOPICS = 2.0


class Sampler:
    """Runs in a thread of its own, as a context manager."""

    def __init__(self, bootstrap: str, group: str, topics: Sequence[str], folder: Path) -> None:
        quiet: dict[str, str | int | float | bool] = {
            "bootstrap.servers": bootstrap,
            "log_level": 0,
            "reconnect.backoff.max.ms": 500,
        }
        self._consumer = Consumer({**quiet, "group.id": group, "enable.auto.commit": False})
        self._group = GroupState(bootstrap, group, PATIENCE)
        self._topics = topics
        self._commits, self._states = Log(folder / COMMITTED), Log(folder / GROUP)
        self._partitions: list[TopicPartition] = []
        self._looked_at_topics = float("-inf")
        self._known: dict[tuple[str, int], tuple[int, str]] = {}
        self._state, self._seen = "", time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._consumer.close()
        self._group.close()

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            self._note_state(self._group.ask())
            try:
                self._look_at_commits()
            except KafkaException:
                continue  # the state tells of it

    def _note_state(self, state: str) -> None:
        now = time.monotonic()
        if state != self._state:
            self._states.write(Group(state, self._seen, now))
        self._state, self._seen = state, now

    def _look_at_commits(self) -> None:
        if time.monotonic() > self._looked_at_topics + LOOK_AT_TOPICS:
            self._partitions = self._find_partitions()
            self._looked_at_topics = time.monotonic()
        found = self._consumer.committed(self._partitions, timeout=PATIENCE)
        now = time.monotonic()
        for at in found:
            new = (at.offset, at.metadata or "")
            if at.error is None and at.offset >= 0 and self._known.get((at.topic, at.partition)) != new:
                self._known[at.topic, at.partition] = new
                self._commits.write(Committed(at.topic, at.partition, *new, now))

    def _find_partitions(self) -> list[TopicPartition]:
        topics = self._consumer.list_topics(timeout=PATIENCE).topics
        return [
            TopicPartition(name, number)
            for name in self._topics
            if name in topics
            for number in topics[name].partitions
        ]
