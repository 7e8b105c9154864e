"""What happens, as Prometheus metrics.

The rule: no label ever holds a URL, a click id or an event id. Children are bound once; gauges are read from
the worker when they are scraped.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.metadata import version

from confluent_kafka import libversion
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from schemas import DeadReason
from worker.core.record import Partition, Record
from worker.core.settle import Dead, Delivered, Retry
from worker.ports import Observer, Snapshot

_HOUR, _DAY = 3600, 86400
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_DELAY_SECONDS = (
    0.1,
    0.5,
    1,
    5,
    15,
    60,
    300,
    1800,
    2 * _HOUR,
    6 * _HOUR,
    *(n * _DAY for n in (1, 3, 7, 14, 30)),
)


class Metrics(Observer):
    """An observer that counts; `registry` is what `/metrics` serves."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        counter, histogram, gauge = self._counter, self._histogram, self._gauge
        consumed = counter("records_consumed", "Records taken up", "topic")
        self._consumed = cache(consumed.labels)
        attempts = counter("attempts", "Attempts that count, by how they ended", "outcome", "status")
        self._attempts = cache(attempts.labels)
        self._seconds = histogram("request_duration_seconds", "Requests sent", _REQUEST_SECONDS)
        self._delay = histogram("delivery_delay_seconds", "From occurred_at to the 200", _DELAY_SECONDS)
        retries = counter("retries", "Records moved to a delay tier", "tier", "reason")
        self._retries = cache(retries.labels)
        dead = counter("dead_letters", "Records moved to the dead-letter topic", "reason")
        self._dead = {reason: dead.labels(reason) for reason in DeadReason}
        self._skipped = counter("skipped", "Records that were not sent", "why").labels("already_delivered")
        commits = counter("commits", "Offset commits", "result")
        self._commits = {ok: commits.labels("ok" if ok else "error") for ok in (True, False)}
        rebalances = counter("rebalances", "Rebalances of this member", "kind")
        self._rebalances = {kind: rebalances.labels(kind) for kind in ("assign", "revoke", "lost")}
        refused = counter("publishes_refused", "Publishes that were refused and tried again", "topic")
        self._refused = cache(refused.labels)
        self._maps = counter("commit_maps_damaged", "Commit metadata that could not be read")
        self._last = gauge("last_delivery_timestamp_seconds", "When the last delivery was")
        self.loop_lag = gauge("event_loop_lag_seconds", "How late the event loop last woke")
        info = gauge("build_info", "What runs", "version", "python", "librdkafka")
        info.labels(version("postback-worker"), platform.python_version(), libversion()[0]).set(1)

    def watch(self, look: Callable[[], Snapshot]) -> None:
        """Show this worker's gauges."""
        self.registry.register(_Gauges(look))

    def consumed(self, topic: str, count: int) -> None:
        """Count records taken up."""
        self._consumed(topic).inc(count)

    def requested(self, seconds: float) -> None:
        """Count a request that was sent."""
        self._seconds.observe(seconds)

    def attempted(self, outcome: str, status: str) -> None:
        """Count an attempt."""
        self._attempts(outcome, status).inc()

    def delivered(self, ending: Delivered, now: float) -> None:
        """Note a delivery and its delay."""
        self._delay.observe(ending.delay)
        self._last.set(now)

    def retried(self, ending: Retry) -> None:
        """Count a retry."""
        self._retries(ending.tier.label, ending.reason).inc()

    def dead(self, ending: Dead) -> None:
        """Count a dead letter."""
        self._dead[ending.reason].inc()

    def skipped(self, record: Record) -> None:  # noqa: ARG002 - the port's other observers use it
        """Count a record that was delivered already."""
        self._skipped.inc()

    def map_damaged(self, partition: Partition, error: str) -> None:  # noqa: ARG002
        """Count commit metadata that can't be read."""
        self._maps.inc()

    def committed(self, error: str | None) -> None:
        """Count a commit."""
        self._commits[error is None].inc()

    def rebalanced(self, kind: str, partitions: Sequence[Partition]) -> None:  # noqa: ARG002
        """Count a rebalance."""
        self._rebalances[kind].inc()

    def refused(self, topic: str, error: str) -> None:  # noqa: ARG002
        """Count a refused publish."""
        self._refused(topic).inc()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"postback_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"postback_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(f"postback_{name}", text, buckets=buckets, registry=self.registry)


class _Gauges(Collector):
    """The gauges of a worker, read at each scrape."""

    def __init__(self, look: Callable[[], Snapshot]) -> None:
        self._look = look

    def collect(self) -> Iterable[Metric]:
        """Read the worker and describe it."""
        now = self._look()
        yield _single("in_flight", "Requests in flight", now.in_flight)
        yield _single("concurrency_limit", "The adaptive limit of requests in flight", now.limit)
        yield _single("circuit_state", "0 closed, 1 half-open, 2 open", now.circuit)
        yield _single("paused_partitions", "Partitions that rest: full, or not due", now.paused)
        yield from _by_partition(now)
        overdue = GaugeMetricFamily(
            "postback_overdue_seconds", "How late the tier's head is", labels=["tier"]
        )
        for tier, seconds in now.overdue.items():
            overdue.add_metric([tier], seconds)
        yield overdue


def _single(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"postback_{name}", text, value=value)


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
