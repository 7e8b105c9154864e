"""The gauges of one destination, read from its run at each scrape."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from worker.core.admission.held import HeldReason
from worker.core.silence import SILENT_WHY
from worker.ports import Snapshot


def gauges(now: Snapshot, *, is_ready: bool) -> Iterable[Metric]:
    """Describe a run at this moment."""
    yield single("ready", "1 while /readyz calls this destination ready", is_ready)
    yield single("in_flight", "Requests in flight", now.in_flight)
    yield single("concurrency_limit", "The adaptive limit of requests in flight", now.limit)
    yield single("workers_wanted", "How many workers what is due now could use", now.workers_wanted)
    yield single("circuit_state", "0 closed, 1 half-open, 2 open", now.circuit)
    yield single("paused_partitions", "Paused partitions: full, or not due", now.paused)
    yield single("foreign_partitions", "Partitions that another deployment commits", now.barred)
    yield single("stopped_partitions", "Partitions stopped at an unreadable record", now.stopped)
    if now.remembered is not None:
        yield single("remembered_ids", "Conversions remembered, to recognise copies", now.remembered)
        yield _forgotten(now.forgotten)
    yield _held(now)
    yield _silent(now)
    yield from _by_partition(now)
    overdue = GaugeMetricFamily("postback_overdue_seconds", "How late the tier's head is", labels=["tier"])
    for tier, seconds in now.overdue.items():
        overdue.add_metric([tier], seconds)
    yield overdue


def last_delivery(at: float) -> Metric:
    """When the last delivery was, in epoch seconds; 0 if there was none."""
    return single("last_delivery_timestamp_seconds", "When the last delivery was", at)


def topic_problems(count: int) -> Metric:
    """How many problems the topics' settings had when they were last looked at."""
    return single("topic_problems", "Problems of topics' settings that lose or refuse records", count)


def single(name: str, text: str, value: float) -> Metric:
    """Describe a gauge without labels."""
    return GaugeMetricFamily(f"postback_{name}", text, value=value)


def _forgotten(count: int) -> Metric:
    text = "Conversions forgotten before their window ended, for want of room"
    return CounterMetricFamily("postback_forgotten_ids", text, value=count)


def _held(now: Snapshot) -> Metric:
    held = GaugeMetricFamily("postback_held", "1 while nothing is sent for this reason", labels=["why"])
    for why in HeldReason:
        held.add_metric([why], why in now.held)
    return held


def _silent(now: Snapshot) -> Metric:
    text = "Partitions that have records but yield none, by cause"
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
