"""What happens, as Prometheus metrics.

The rule: no label ever holds a URL, a click id or an event id. What happens is counted in plain numbers;
gauges are read from the worker when they are scraped.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version

from confluent_kafka import libversion
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from schemas import DeadReason
from worker.adapters.counters import Counters, Distribution
from worker.adapters.process import stderr
from worker.core.admission.outage import Outage
from worker.core.endings import Dead, Delivered, Retry
from worker.core.record import Partition, Record
from worker.core.silence import SILENT_WHY
from worker.core.start_offset import How, Start
from worker.core.unreadable import Place, Stopped
from worker.ports import Observer, Snapshot

_HOUR, _DAY = 3600, 86400
_DAYS = tuple(days * _DAY for days in (1, 3, 7, 14, 30))
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_DELAY_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 1800, 2 * _HOUR, 6 * _HOUR, *_DAYS)


class Metrics(Observer):
    """An observer that counts; `registry` is what `/metrics` serves.

    `started_at` (epoch seconds) is when the process began; `publishes_to` are the topics of its own.
    """

    def __init__(self, started_at: float = 0.0, publishes_to: Iterable[str] = ()) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        counters, distribution = self._counters, self._distribution
        self._consumed = counters("records_consumed", "Records taken up", "topic")
        self._attempts = counters("attempts", "Attempts that count, by how they ended", "outcome", "status")
        self._seconds = distribution("request_duration_seconds", "Requests sent", _REQUEST_SECONDS)
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
        self._started_at = started_at
        self._opened = counters("circuit_opened", "How often the circuit opened, by its cause", "status")
        self._probes = counters("probes", "Requests that ask whether the partner is back", "outcome")
        self._last_delivery = 0.0
        self.loop_lag = 0.0
        """How late the event loop last woke, in seconds."""
        self._start_at_zero()
        for topic in publishes_to:
            self._refused.add((topic,), 0)
        self.registry.register(_Own(self))

    def watch(self, look: Callable[[], Snapshot], not_ready: Callable[[], Iterable[str]]) -> None:
        """Show this worker's gauges; `not_ready` gives the reasons that `/readyz` gives."""
        self.registry.register(_Gauges(look, not_ready))

    def consumed(self, topic: str, count: int) -> None:
        """Count records taken up."""
        self._consumed.add((topic,), count)

    def requested(self, seconds: float) -> None:
        """Count a request that was sent."""
        self._seconds.observe(seconds)

    def attempted(self, outcome: str, status: str) -> None:
        """Count an attempt."""
        self._attempts.add((outcome, status))

    def delivered(self, ending: Delivered, now: float) -> None:
        """Note a delivery and its delay."""
        self._delay.observe(ending.delay)
        self._last_delivery = now

    def retried(self, ending: Retry) -> None:
        """Count a retry."""
        self._retries.add((ending.tier.label, ending.reason.value))

    def dead(self, ending: Dead) -> None:
        """Count a dead letter."""
        self._dead.add((ending.reason.value,))

    def skipped(self, record: Record) -> None:  # noqa: ARG002 - the port's other observers use it
        """Count a record that was delivered already."""
        self._skipped.add(("already_delivered",))

    def started(self, at: Partition, start: Start) -> None:
        """Count where reading begins that is not the committed offset, and what is gone."""
        if not start.how.without_offset:
            self._resets.add((at.topic, start.how.value))
        elif start.distance:
            self._without_offset.add((at.topic,))
        if start.how is How.EXPIRED:
            self._expired.add((at.topic,), start.distance)

    def map_refused(self, partition: Partition, why: str) -> None:  # noqa: ARG002
        """Count commit metadata that is not believed."""
        self._maps.add(())

    def stopped(self, stopped: Stopped) -> None:
        """Count a partition that stopped."""
        at = stopped.place.at
        self._unreadable.add((at.topic, str(at.number)))

    def passed_over(self, place: Place, beyond: int) -> None:
        """Count offsets that were skipped."""
        self._skipped.add(("unreadable",), beyond - place.offset)

    def made_anew(self, topic: str, discarded: int, under_way: int) -> None:  # noqa: ARG002
        """Count a topic that was made anew."""
        self._made_anew.add((topic,))

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

    def own_gauges(self) -> Iterable[Metric]:
        """Describe what is no state of a worker and nothing that it tells."""
        yield _single("last_delivery_timestamp_seconds", "When the last delivery was", self._last_delivery)
        yield _single("event_loop_lag_seconds", "How late the event loop last woke", self.loop_lag)
        yield _single("start_time_seconds", "When this process started", self._started_at)
        yield CounterMetricFamily(
            "postback_log_lines_dropped", "Log lines that could not be written", value=stderr.dropped()
        )
        info = GaugeMetricFamily(
            "postback_build_info", "What runs", labels=["version", "python", "librdkafka"]
        )
        info.add_metric([version("postback-worker"), platform.python_version(), libversion()[0]], 1)
        yield info

    def _start_at_zero(self) -> None:
        """Show the counts whose labels are known from the start, so that their first event is an increase."""
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
        self._skipped.add(("unreadable",), 0)
        self._maps.add((), 0)

    def _counters(self, name: str, text: str, *labels: str) -> Counters:
        counters = Counters(f"postback_{name}", text, *labels)
        self.registry.register(counters)
        return counters

    def _distribution(self, name: str, text: str, bounds: Sequence[float]) -> Distribution:
        distribution = Distribution(f"postback_{name}", text, bounds)
        self.registry.register(distribution)
        return distribution


class _Own(Collector):
    """The gauges of the metrics themselves."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Describe them."""
        return self._metrics.own_gauges()


class _Gauges(Collector):
    """The gauges of a worker, read at each scrape."""

    def __init__(self, look: Callable[[], Snapshot], not_ready: Callable[[], Iterable[str]]) -> None:
        self._look = look
        self._not_ready = not_ready

    def collect(self) -> Iterable[Metric]:
        """Read the worker and describe it."""
        now = self._look()
        yield _single("ready", "1 while /readyz says so", not any(self._not_ready()))
        yield _single("in_flight", "Requests in flight", now.in_flight)
        yield _single("concurrency_limit", "The adaptive limit of requests in flight", now.limit)
        yield _single("circuit_state", "0 closed, 1 half-open, 2 open", now.circuit)
        yield _single("paused_partitions", "Partitions that rest: full, or not due", now.paused)
        yield _single("foreign_partitions", "Partitions that rest as another deployment's", now.barred)
        yield _single("stopped_partitions", "Partitions that stand at an unreadable record", now.stopped)
        yield _silent(now)
        yield from _by_partition(now)
        overdue = GaugeMetricFamily(
            "postback_overdue_seconds", "How late the tier's head is", labels=["tier"]
        )
        for tier, seconds in now.overdue.items():
            overdue.add_metric([tier], seconds)
        yield overdue


def _single(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"postback_{name}", text, value=value)


def _silent(now: Snapshot) -> Metric:
    text = "Partitions that have records and give none, by what keeps them back"
    silent = GaugeMetricFamily("postback_silent_partitions", text, labels=["why"])
    for why in SILENT_WHY:
        silent.add_metric([why], sum(silence.why == why for silence in now.silent))
    return silent


def _by_partition(now: Snapshot) -> Iterable[Metric]:
    labels = ["topic", "partition"]
    outstanding = GaugeMetricFamily("postback_outstanding", "Unfinished records held", labels=labels)
    oldest = GaugeMetricFamily(
        "postback_oldest_outstanding_seconds", "Age of the oldest unfinished record held", labels=labels
    )
    lag = GaugeMetricFamily("postback_consumer_lag", "Records behind the committed offset", labels=labels)
    for state in now.partitions:
        at = [state.at.topic, str(state.at.number)]
        outstanding.add_metric(at, state.outstanding)
        oldest.add_metric(at, state.oldest_seconds)
        if state.lag is not None:
            lag.add_metric(at, state.lag)
    return outstanding, oldest, lag
