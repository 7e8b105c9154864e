"""Who hears of everything that happens: metrics, logs, a demonstration."""

from __future__ import annotations

from collections.abc import Sequence

from worker.core.admission.outage import Outage
from worker.core.endings import Dead, Delivered, Retry
from worker.core.place import Place
from worker.core.record import Partition, Record
from worker.core.start_offset import Start
from worker.core.tracing import SpanContext
from worker.core.unreadable import Stopped


class Observer:
    """Hears of everything that happens, on the loop; this one does nothing. Must be cheap and not raise."""

    def consumed(self, topic: str, count: int) -> None:
        """Hear of records that were taken up from a topic."""

    def passed(self, topic: str, count: int) -> None:
        """Hear of events of a topic that this destination does not take."""

    def requested(self, seconds: float) -> None:
        """Hear of a request that was sent, however it ended."""

    def traced(self, seconds: float, context: SpanContext, now: float) -> None:
        """Hear which attempt a request of so many seconds was of, where that is traced."""

    def attempted(self, outcome: str, status: str) -> None:
        """Hear of an attempt that counts: `delivered`, `retry` or `dead`, and the code or failure kind."""

    def delivered(self, ending: Delivered, now: float) -> None:
        """Hear of a delivery."""

    def retried(self, ending: Retry) -> None:
        """Hear of a retry whose publishing was acknowledged."""

    def dead(self, ending: Dead) -> None:
        """Hear of a dead letter whose publishing was acknowledged."""

    def skipped(self, record: Record) -> None:
        """Hear of a record that was delivered already, in an earlier assignment."""

    def duplicate(self, record: Record) -> None:
        """Hear of a record that is not sent: its event is delivered, waits, is dead or is being sent."""

    def warmed(self, remembered: int, cached: int, steps_read: int) -> None:
        """Hear once that all is known that is remembered: how much, of a cache, after how many steps."""

    def started(self, at: Partition, start: Start) -> None:
        """Hear where reading begins or goes on, if not at the committed offset, and why."""

    def map_refused(self, partition: Partition, why: str) -> None:
        """Hear of commit metadata that is not believed: what is finished above it may be sent again."""

    def stopped(self, stopped: Stopped) -> None:
        """Hear of a partition that stands at a record that can't be read."""

    def passed_over(self, place: Place, beyond: int) -> None:
        """Hear of offsets that were skipped, as was asked for, because they can't be read."""

    def made_anew(self, topic: str, discarded: int, under_way: int) -> None:
        """Hear that a topic was deleted and made again, and how many of its records were held and begun."""

    def committed(self, error: str | None) -> None:
        """Hear of a commit, and why it failed where it did."""

    def rebalanced(self, kind: str, partitions: Sequence[Partition]) -> None:
        """Hear of an `assign`, a `revoke` or a `lost`."""

    def refused(self, topic: str, error: str) -> None:
        """Hear of a publish that was refused and will be tried again."""

    def circuit_opened(self, outage: Outage) -> None:
        """Hear that the partner counts as down from now on, and for which cause."""

    def probed(self, *, answered: bool) -> None:
        """Hear of a probe, and whether the partner answered it."""

    def circuit_closed(self, outage: Outage, now: float) -> None:
        """Hear that the partner is back."""

    def ordered(self, message: str) -> None:
        """Hear of a standing order that is new, or has ended: one line."""

    def trouble(self, message: str) -> None:
        """Hear of something that an operator should know: one line."""
