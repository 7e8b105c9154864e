"""What the metrics count and show."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from tests.adapters.happenings import AT, tell_everything
from worker.adapters.metrics import Metrics
from worker.core.admission.circuit import CircuitState
from worker.ports import PartitionState, Snapshot

Samples = dict[tuple[str, ...], float]


def samples(metrics: Metrics, skip: tuple[str, ...] = ("_bucket",)) -> Samples:
    """All samples, by name without the prefix and values of labels in the order of the labels' names."""
    text = generate_latest(metrics.registry).decode()
    return {
        (one.name.removeprefix("postback_"), *(text for _, text in sorted(one.labels.items()))): one.value
        for family in parse(text)
        for one in family.samples
        if not one.name.endswith(skip)
    }


def test_before_anything_happened() -> None:
    """Counts whose labels are known are there from the start, at 0."""
    found = samples(Metrics(publishes_to=["worker.dlq"]))
    assert found["publishes_refused_total", "worker.dlq"] == 0
    assert found["attempts_total", "delivered", "200"] == 0
    assert found["skipped_total", "already_delivered"] == 0
    for reason in ("undecodable", "invalid", "expired", "exhausted", "rejected"):
        assert found["dead_letters_total", reason] == 0
    for kind in ("assign", "revoke", "lost"):
        assert found["rebalances_total", kind] == 0
    assert sum(found.values()) == 1  # build_info


def test_the_process() -> None:
    """When the process started is shown, and 1 while there is no reason not to be ready."""
    metrics = Metrics(started_at=1_700_000_000.0)
    metrics.watch(lambda: Snapshot(0, 1, CircuitState.CLOSED, 0, (), {}), lambda: ())
    found = samples(metrics)
    assert (found["start_time_seconds",], found["ready",]) == (1_700_000_000.0, 1)


def test_each_event_counts() -> None:
    """Each thing that happens is counted once, where it belongs."""
    metrics = Metrics()
    before = samples(metrics)
    tell_everything(metrics)
    metrics.loop_lag = 0.25
    changed = {key: value for key, value in samples(metrics).items() if before.get(key) != value}
    assert changed == {
        ("records_consumed_total", "conversions"): 3,
        ("request_duration_seconds_count",): 1,
        ("request_duration_seconds_sum",): pytest.approx(0.2),
        ("attempts_total", "retry", "500"): 1,
        ("delivery_delay_seconds_count",): 1,
        ("delivery_delay_seconds_sum",): pytest.approx(12.3456),
        ("last_delivery_timestamp_seconds",): 1_700_000_000.0,
        ("retries_total", "status", "10s"): 1,
        ("dead_letters_total", "undecodable"): 1,
        ("skipped_total", "already_delivered"): 1,
        ("commit_maps_refused_total",): 1,
        ("unreadable_total", "3", "conversions"): 1,
        ("skipped_total", "unreadable"): 2,
        ("starts_without_offset_total", "conversions"): 3,
        ("offset_resets_total", "conversions", "made_anew"): 1,
        ("offset_resets_total", "conversions", "truncated"): 1,
        ("offset_resets_total", "conversions", "expired"): 1,
        ("offsets_expired_total", "conversions"): 5,
        ("topics_made_anew_total", "conversions"): 1,
        ("commits_total", "ok"): 1,
        ("commits_total", "error"): 1,
        ("rebalances_total", "lost"): 1,
        ("publishes_refused_total", "a-topic"): 1,
        ("circuit_opened_total", "503"): 1,
        ("probes_total", "failed"): 1,
        ("probes_total", "answered"): 1,
        ("event_loop_lag_seconds",): 0.25,
    }


def test_a_delay_of_a_month() -> None:
    """A delivery as late as the window allows falls into a bucket of its own."""
    metrics = Metrics()
    metrics._delay.observe(29 * 86400)
    found = samples(metrics, skip=())
    assert found["delivery_delay_seconds_bucket", "1.2096e+06"] == 0
    assert found["delivery_delay_seconds_bucket", "2.592e+06"] == 1


def test_the_gauges_of_a_worker() -> None:
    """The gauges show the worker as it is when they are read; a lag that is unknown is not shown."""
    metrics = Metrics()
    states = (PartitionState(AT, 5, 2.5, 9), PartitionState(AT._replace(number=4), 0, 0.0, None))
    now = Snapshot(3, 16, CircuitState.OPEN, 1, states, {"10s": 4.0})
    metrics.watch(lambda: now, lambda: ["draining"])
    found = samples(metrics)
    assert found["ready",] == 0
    assert found["in_flight",] == 3
    assert found["concurrency_limit",] == 16
    assert found["circuit_state",] == 2
    assert found["paused_partitions",] == 1
    assert found["overdue_seconds", "10s"] == 4.0
    assert found["outstanding", "3", "conversions"] == 5
    assert found["oldest_outstanding_seconds", "3", "conversions"] == 2.5
    assert found["consumer_lag", "3", "conversions"] == 9
    assert found["outstanding", "4", "conversions"] == 0
    assert ("consumer_lag", "4", "conversions") not in found
