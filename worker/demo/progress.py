"""The progress of a demonstration: what the worker has ended, what waits, and what each network answered.

The rule: it uses counts that exist anyway; looking costs the worker nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from worker.core.admission.circuit import CircuitState
from worker.core.endings import Dead, Delivered, RetryLater
from worker.ports import Observer


class NetworkProgress(NamedTuple):
    """The progress with one network."""

    name: str
    delivered: int
    retries: int
    dead: int
    in_flight: int
    circuit: CircuitState
    answers: Mapping[str, int]
    """The network's answers so far by status, and its other acts by name."""
    waiting: Mapping[str, int]
    """How many wait in each delay tier, by its label."""
    passed: int = 0
    """How many records it has passed over, as another network's."""

    @property
    def done(self) -> int:
        """Records that this network is done with: they have ended, or are not its own."""
        return self.delivered + self.dead + self.passed


class Progress(NamedTuple):
    """The progress of all networks."""

    published: int
    networks: Sequence[NetworkProgress]
    http: str

    @property
    def ended(self) -> int:
        """Records with an ending."""
        return sum(one.delivered + one.dead for one in self.networks)

    @property
    def is_over(self) -> bool:
        """Whether every record has ended, and each network is done with every one, its own or not."""
        return self.ended >= self.published and all(one.done >= self.published for one in self.networks)


class Endings(Observer):
    """An observer that counts the endings, and what waits in the tiers, by their topics."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        """Take the label of each tier, by its topic."""
        self._labels = labels
        self.delivered_count = self.retry_count = self.dead_count = self.passed_count = 0
        self.waiting: Counter[str] = Counter(dict.fromkeys(labels.values(), 0))

    def delivered(self, ending: Delivered, now: float) -> None:  # noqa: ARG002 - the port's metrics use it
        """Count a delivery."""
        self.delivered_count += 1
        self._left(ending.record.at.topic)

    def retried(self, ending: RetryLater) -> None:
        """Count a retry: it has left its topic and waits in its tier."""
        self.retry_count += 1
        self._left(ending.record.at.topic)
        self.waiting[ending.tier.label] += 1

    def dead(self, ending: Dead) -> None:
        """Count a dead letter."""
        self.dead_count += 1
        self._left(ending.record.at.topic)

    def passed(self, topic: str, count: int) -> None:  # noqa: ARG002 - events are of one topic, the source
        """Count what is not this network's."""
        self.passed_count += count

    def _left(self, topic: str) -> None:
        if topic in self._labels:
            self.waiting[self._labels[topic]] -= 1
