"""Counts what happens to the events of one destination; reads its gauges when they are scraped.

The rule: no label ever holds a URL, a click id or an event id. The label `destination` is added in `metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from schemas import DeadReason
from worker.adapters.counters import Counters, Distribution
from worker.adapters.gauges import gauges, last_delivery, topic_problems
from worker.core.admission.outage import Outage
from worker.core.endings import Dead, Delivered, RetryLater
from worker.core.place import Place
from worker.core.record import Partition, Record
from worker.core.start_offset import Start, StartReason
from worker.core.tracing import SpanContext
from worker.core.unreadable import StoppedPartition
from worker.ports import Observer, Snapshot

_HOUR_SECONDS, _DAY_SECONDS = 3600, 86400
_DAYS = tuple(days * _DAY_SECONDS for days in (1, 3, 7, 14, 30))
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_DELAY_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 1800, 2 * _HOUR_SECONDS, 6 * _HOUR_SECONDS, *_DAYS)


class DestinationMetrics(Observer):
    """An observer that counts; the counts of the topics that it `publishes_to` and `reads` begin at zero."""

    def __init__(self, publishes_to: Iterable[str] = (), reads: Iterable[str] = ()) -> None:
        self._collectors: list[Collector] = []
        self._look: Callable[[], Snapshot] | None = None
        self._not_ready: Callable[[], Iterable[str]] = tuple
        counters, distribution = self._counters, self._distribution
        self._consumed = counters("records_consumed", "Records taken up", "topic")
        self._passed = counters("records_passed", "Events that this destination does not take")
        self._attempts = counters("attempts", "Attempts that count, by how they ended", "outcome", "status")
        self._seconds = distribution("request_duration_seconds", "How long requests took", _REQUEST_SECONDS)
        self._delay = distribution("delivery_delay_seconds", "From occurred_at to the 200", _DELAY_SECONDS)
        self._retries = counters("retries", "Records moved to a delay tier", "tier", "reason")
        self._dead = counters("dead_letters", "Records moved to the dead-letter topic", "reason")
        self._skipped = counters("skipped", "Records that were not sent", "why")
        self._commits = counters("commits", "Offset commits", "result")
        self._rebalances = counters("rebalances", "Rebalances of this member", "kind")
        self._refused = counters("publishes_refused", "Publishes that were refused and tried again", "topic")
        self._maps = counters("commit_maps_refused", "Commit metadata that was not believed")
        self._unreadable = counters(
            "unreadable", "Records that can't be read, at which a partition stopped", "topic", "partition"
        )
        self._without_offset = counters(
            "starts_without_offset",
            "Partitions with records, begun without a committed offset",
            "topic",
        )
        self._resets = counters("offset_resets", "Offsets that could not be used", "topic", "why")
        self._expired = counters(
            "offsets_expired", "Offsets that were removed before they were read", "topic"
        )
        self._made_anew = counters("topics_made_anew", "Topics that were deleted and made again", "topic")
        self._opened = counters("circuit_opened", "How often the circuit opened, by its cause", "status")
        self._probes = counters("probes", "Requests that ask whether the partner is back", "outcome")
        self._last_delivery = 0.0
        self._topic_problems = 0
        self._start_at_zero(tuple(publishes_to), tuple(reads))

    def watch(self, look: Callable[[], Snapshot], not_ready: Callable[[], Iterable[str]]) -> None:
        """Show the destination's gauges, too; `not_ready` gives its reasons on `/readyz`."""
        self._look, self._not_ready = look, not_ready

    def collect(self) -> Iterable[Metric]:
        """Describe all metrics of the destination, without its name."""
        for collector in self._collectors:
            yield from collector.collect()
        yield last_delivery(self._last_delivery)
        yield topic_problems(self._topic_problems)
        if self._look is not None:
            yield from gauges(self._look(), is_ready=not any(self._not_ready()))

    def consumed(self, topic: str, count: int) -> None:
        """Count records taken up."""
        self._consumed.add((topic,), count)

    def passed(self, topic: str, count: int) -> None:  # noqa: ARG002 - events are of one topic, the source
        """Count events that this destination does not take."""
        self._passed.add((), count)

    def requested(self, seconds: float) -> None:
        """Count a request that was sent."""
        self._seconds.observe(seconds)

    def traced(self, seconds: float, context: SpanContext, now: float) -> None:
        """Make a traced attempt the exemplar of requests that take as long."""
        trace, span = f"{context.trace_id:032x}", f"{context.span_id:016x}"
        self._seconds.exemplify(seconds, {"trace_id": trace, "span_id": span}, now)

    def attempted(self, outcome: str, status: str) -> None:
        """Count an attempt."""
        self._attempts.add((outcome, status))

    def delivered(self, ending: Delivered, now: float) -> None:
        """Note a delivery and its delay."""
        self._delay.observe(ending.delay)
        self._last_delivery = now

    def retried(self, ending: RetryLater) -> None:
        """Count a retry."""
        self._retries.add((ending.tier.label, ending.reason.value))

    def dead(self, ending: Dead) -> None:
        """Count a dead letter."""
        self._dead.add((ending.reason.value,))

    def skipped(self, record: Record) -> None:  # noqa: ARG002 - the port's other observers use it
        """Count a record that was delivered already."""
        self._skipped.add(("already_delivered",))

    def duplicate(self, record: Record) -> None:  # noqa: ARG002
        """Count a copy."""
        self._skipped.add(("duplicate",))

    def started(self, at: Partition, start: Start) -> None:
        """Count a start at another offset than the committed one, and the records that are gone."""
        if not start.how.without_offset:
            self._resets.add((at.topic, start.how.value))
        elif start.distance:
            self._without_offset.add((at.topic,))
        if start.how is StartReason.EXPIRED:
            self._expired.add((at.topic,), start.distance)

    def map_refused(self, partition: Partition, why: str) -> None:  # noqa: ARG002
        """Count commit metadata that is not believed."""
        self._maps.add(())

    def stopped(self, stopped: StoppedPartition) -> None:
        """Count a partition that stopped."""
        at = stopped.place.at
        self._unreadable.add((at.topic, str(at.number)))

    def passed_over(self, place: Place, beyond: int) -> None:
        """Count offsets that were skipped."""
        self._skipped.add(("unreadable",), beyond - place.offset)

    def made_anew(self, topic: str, discarded: int, under_way: int) -> None:  # noqa: ARG002
        """Count a topic that was made anew."""
        self._made_anew.add((topic,))

    def topics_judged(self, problems: int) -> None:
        """Note how many problems the topics' settings have."""
        self._topic_problems = problems

    def committed(self, error: str | None) -> None:
        """Count a commit."""
        self._commits.add(("ok" if error is None else "error",))

    def rebalanced(self, kind: str, partitions: Sequence[Partition]) -> None:  # noqa: ARG002
        """Count a rebalance."""
        self._rebalances.add((kind,))

    def refused(self, topic: str, error: str) -> None:  # noqa: ARG002
        """Count a refused publish."""
        self._refused.add((topic,))

    def circuit_opened(self, outage: Outage) -> None:
        """Count that the circuit opened."""
        self._opened.add((outage.label,))

    def probed(self, *, answered: bool) -> None:
        """Count a probe."""
        self._probes.add(("answered" if answered else "failed",))

    def _start_at_zero(self, publishes_to: Collection[str], reads: Collection[str]) -> None:
        """Show the counts whose labels are known from the start, so that their first event is an increase."""
        for topic in publishes_to:
            self._refused.add((topic,), 0)
        for topic in reads:
            self._consumed.add((topic,), 0)
        for topic in (*publishes_to, *reads):
            self._expired.add((topic,), 0)
            self._made_anew.add((topic,), 0)
            self._resets.add((topic, StartReason.MADE_ANEW.value), 0)
        for reason in DeadReason:
            self._dead.add((reason.value,), 0)
        for kind in ("assign", "revoke", "lost"):
            self._rebalances.add((kind,), 0)
        for outcome in ("answered", "failed"):
            self._probes.add((outcome,), 0)
        for result in ("ok", "error"):
            self._commits.add((result,), 0)
        self._attempts.add(("delivered", "200"), 0)
        self._skipped.add(("already_delivered",), 0)
        self._skipped.add(("duplicate",), 0)
        self._skipped.add(("unreadable",), 0)
        self._passed.add((), 0)
        self._maps.add((), 0)

    def _counters(self, name: str, text: str, *labels: str) -> Counters:
        counters = Counters(f"postback_{name}", text, *labels)
        self._collectors.append(counters)
        return counters

    def _distribution(self, name: str, text: str, bounds: Sequence[float]) -> Distribution:
        distribution = Distribution(f"postback_{name}", text, bounds)
        self._collectors.append(distribution)
        return distribution
