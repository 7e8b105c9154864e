"""An observer that keeps all that a worker reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from worker.core.admission.outage import Outage
from worker.core.endings import Dead, Delivered, RetryLater
from worker.core.record import Partition, Record
from worker.core.start_offset import Start
from worker.core.tracing import SpanContext
from worker.ports import Observer


class Heard(Observer):
    """An observer that remembers."""

    def __init__(self) -> None:
        self.endings: list[Delivered | RetryLater | Dead] = []
        self.attempts: Counter[tuple[str, str]] = Counter()
        self.requests = 0
        self.examples: list[tuple[float, SpanContext, float]] = []
        self.taken: Counter[str] = Counter()
        self.passes: Counter[str] = Counter()
        self.commits: list[str | None] = []
        self.rebalances: list[tuple[str, list[Partition]]] = []
        self.skips: list[int] = []
        self.duplicates: list[int] = []
        self.map_refusals: list[str] = []
        self.starts: list[tuple[Partition, Start]] = []
        self.refusals: list[tuple[str, str]] = []
        self.made_anews: list[tuple[str, int, int]] = []
        self.troubles: list[str] = []
        self.orders: list[str] = []
        self.outages: list[Outage] = []
        self.ended_outages: list[Outage] = []
        self.probes: list[bool] = []

    def consumed(self, topic: str, count: int) -> None:
        self.taken[topic] += count

    def passed(self, topic: str, count: int) -> None:
        self.passes[topic] += count

    def requested(self, seconds: float) -> None:
        self.requests += 1

    def traced(self, seconds: float, context: SpanContext, now: float) -> None:
        self.examples.append((seconds, context, now))

    def attempted(self, outcome: str, status: str) -> None:
        self.attempts[outcome, status] += 1

    def delivered(self, ending: Delivered, now: float) -> None:
        self.endings.append(ending)

    def retried(self, ending: RetryLater) -> None:
        self.endings.append(ending)

    def dead(self, ending: Dead) -> None:
        self.endings.append(ending)

    def skipped(self, record: Record) -> None:
        self.skips.append(record.offset)

    def duplicate(self, record: Record) -> None:
        self.duplicates.append(record.offset)

    def started(self, at: Partition, start: Start) -> None:
        self.starts.append((at, start))

    def map_refused(self, partition: Partition, why: str) -> None:
        self.map_refusals.append(why)

    def made_anew(self, topic: str, discarded: int, under_way: int) -> None:
        self.made_anews.append((topic, discarded, under_way))

    def committed(self, error: str | None) -> None:
        self.commits.append(error)

    def rebalanced(self, kind: str, partitions: Sequence[Partition]) -> None:
        self.rebalances.append((kind, list(partitions)))

    def refused(self, topic: str, error: str) -> None:
        self.refusals.append((topic, error))

    def circuit_opened(self, outage: Outage) -> None:
        self.outages.append(outage)

    def probed(self, *, answered: bool) -> None:
        self.probes.append(answered)

    def circuit_closed(self, outage: Outage, now: float) -> None:
        self.ended_outages.append(outage)

    def ordered(self, message: str) -> None:
        self.orders.append(message)

    def trouble(self, message: str) -> None:
        self.troubles.append(message)
