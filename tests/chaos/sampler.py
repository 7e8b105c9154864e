"""The sampler: looks all the time at what the group has committed, and at the group's state.

The rule: what is logged was true at `at` at the latest; a broker that does not answer is no state at all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.chaos.group_state import STALLED, GroupState
from tests.chaos.logs import COMMITTED, GROUP, Committed, Group, Log
from tests.support.background import Background

EVERY = 0.1
PATIENCE = 1.0  # seconds for an answer
LOOK_AT_TOPICS = 2.0


class Sampler(Background):
    """Runs in a thread of its own, as a context manager."""

    def __init__(
        self, bootstrap: str, topics: Mapping[str, Sequence[str]], folder: Path, every: float = EVERY
    ) -> None:
        """Look at each group, a key of `topics`, and at what it committed of its topics.

        `every` is the pause between two looks, in seconds.
        """
        super().__init__("sampler")
        self._every = every
        quiet: dict[str, str | int | float | bool] = {
            "bootstrap.servers": bootstrap,
            "log_level": 0,
            "reconnect.backoff.max.ms": 500,
        }
        self._consumers = {
            group: Consumer({**quiet, "group.id": group, "enable.auto.commit": False}) for group in topics
        }
        self._groups = [GroupState(bootstrap, group, PATIENCE) for group in topics]
        self._topics = topics
        self._commits, self._states = Log(folder / COMMITTED), Log(folder / GROUP)
        self._partitions: dict[str, list[TopicPartition]] = {}
        self._looked_at_topics = float("-inf")
        self._known: dict[tuple[str, int], tuple[int, str]] = {}
        self._state, self._seen = "", time.monotonic()

    def stop(self) -> None:
        """End it, and let go of the groups."""
        super().stop()
        for consumer in self._consumers.values():
            consumer.close()
        for group in self._groups:
            group.close()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            states = [group.ask() for group in self._groups]
            self._note_state(next((state for state in states if state in STALLED), states[0]))
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
            self._partitions = {group: self._find_partitions(group) for group in self._topics}
            self._looked_at_topics = time.monotonic()
        for group, partitions in self._partitions.items():
            since = time.monotonic()
            self._note_commits(self._consumers[group].committed(partitions, timeout=PATIENCE), since)

    def _note_commits(self, found: Sequence[TopicPartition], since: float) -> None:
        now = time.monotonic()
        for at in found:
            new = (at.offset, at.metadata or "")
            if at.error is None and at.offset >= 0 and self._known.get((at.topic, at.partition)) != new:
                self._known[at.topic, at.partition] = new
                epoch: int | None = at.leader_epoch  # None where none was committed, whatever the stubs say
                self._commits.write(
                    Committed(at.topic, at.partition, *new, now, since, -1 if epoch is None else epoch)
                )

    def _find_partitions(self, group: str) -> list[TopicPartition]:
        topics = self._consumers[group].list_topics(timeout=PATIENCE).topics
        return [
            TopicPartition(name, number)
            for name in self._topics[group]
            if name in topics
            for number in topics[name].partitions
        ]
