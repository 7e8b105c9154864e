"""Observers hear of everything that happens: metrics, logs, the demo."""

from __future__ import annotations

from collections.abc import Sequence

from worker.core.admission.outage import Outage
from worker.core.endings import Dead, Delivered, RetryLater
from worker.core.place import Place
from worker.core.record import Partition, Record
from worker.core.start_offset import Start
from worker.core.tracing import SpanContext
from worker.core.unreadable import StoppedPartition


class Observer:
    """Hears of events on the loop; this base class does nothing. Observers must be cheap and not raise."""

    def consumed(self, topic: str, count: int) -> None:
        """Hear of records taken up from a topic."""

    def passed(self, topic: str, count: int) -> None:
        """Hear of events of a topic that this destination does not take."""

    def requested(self, seconds: float) -> None:
        """Hear of a request that was sent, however it ended."""

    def traced(self, seconds: float, context: SpanContext, now: float) -> None:
        """Hear of a traced attempt, whose request took `seconds`."""

    def attempted(self, outcome: str, status: str) -> None:
        """Hear of an attempt that counts: `delivered`, `retry` or `dead`, and the code or failure kind."""

    def delivered(self, ending: Delivered, now: float) -> None:
        """Hear of a delivery."""

    def retried(self, ending: RetryLater) -> None:
        """Hear of a retry whose publish was acknowledged."""

    def dead(self, ending: Dead) -> None:
        """Hear of a dead letter whose publish was acknowledged."""

    def skipped(self, record: Record) -> None:
        """Hear of a record that was finished already, in an earlier assignment."""

    def duplicate(self, record: Record) -> None:
        """Hear of a copy, which is not sent."""

    def warmed(self, remembered: int, cached: int, steps_read: int) -> None:
        """Hear once that the journal is read: ids remembered, of them cached, and steps read."""

    def started(self, at: Partition, start: Start) -> None:
        """Hear of a start anywhere but at the committed offset, and why."""

    def map_refused(self, partition: Partition, why: str) -> None:
        """Hear of commit metadata that is not believed, so that finished records may be sent again."""

    def stopped(self, stopped: StoppedPartition) -> None:
        """Hear of a partition stopped at an unreadable record."""

    def passed_over(self, place: Place, beyond: int) -> None:
        """Hear of unreadable offsets that were skipped by order."""

    def made_anew(self, topic: str, discarded: int, under_way: int) -> None:
        """Hear of a topic made anew, and how many of its records were discarded and under way."""

    def topics_judged(self, problems: int) -> None:
        """Hear, at each look at the topics' settings, how many problems would lose or refuse records."""

    def committed(self, error: str | None) -> None:
        """Hear of a commit, and why it failed, if it did."""

    def rebalanced(self, kind: str, partitions: Sequence[Partition]) -> None:
        """Hear of an `assign`, a `revoke` or a `lost`."""

    def refused(self, topic: str, error: str) -> None:
        """Hear of a publish that was refused and will be tried again."""

    def circuit_opened(self, outage: Outage) -> None:
        """Hear that the partner counts as down, and why."""

    def probed(self, *, answered: bool) -> None:
        """Hear of a probe, and whether the partner answered it."""

    def circuit_closed(self, outage: Outage, now: float) -> None:
        """Hear that the partner is back."""

    def ordered(self, message: str) -> None:
        """Hear of a new or ended standing order, in one line."""

    def trouble(self, message: str) -> None:
        """Hear of something that an operator should know, in one line."""
