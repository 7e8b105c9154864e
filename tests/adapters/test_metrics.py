"""What the metrics count and show."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from prometheus_client.samples import Sample

from tests.adapters.happenings import AT, DELIVERED, tell_everything
from worker.adapters.metrics import Metrics
from worker.core.admission.circuit import CircuitState
from worker.core.admission.held import HeldReason
from worker.core.tracing import SpanContext
from worker.ports import PartitionState, Snapshot

Samples = dict[tuple[str, ...], float]
STATE = PartitionState(AT, 5, 2.5, 9)
OF_THE_PROCESS = {"event_loop_lag_seconds", "start_time_seconds", "log_lines_dropped_total", "build_info"}


def all_samples(metrics: Metrics) -> list[Sample]:
    """Every sample, as it is read from what is served."""
    text = generate_latest(metrics.registry).decode()
    return [sample for family in parse(text) for sample in family.samples]


def samples(metrics: Metrics, skip: tuple[str, ...] = ("_bucket",), of: str = "voluum") -> Samples:
    """Those of a destination and of the process: by name without the prefix, and values of sorted labels."""
    found = {}
    for one in all_samples(metrics):
        labels = dict(one.labels)
        if labels.pop("destination", of) == of and not one.name.endswith(skip):
            values = (value for _, value in sorted(labels.items()))
            found[one.name.removeprefix("postback_"), *values] = one.value
    return found


def snapshot(**what: Any) -> Snapshot:
    """A destination at which nothing happens, but for what is given."""
    return Snapshot(0, 1, CircuitState.CLOSED, 0, (), {})._replace(**what)


def test_before_anything_happened() -> None:
    """Counts whose labels are known are there from the start, at 0."""
    metrics = Metrics()
    metrics.of("voluum", ["worker.dlq"], ["conversions"])
    found = samples(metrics)
    assert found["records_consumed_total", "conversions"] == 0
    assert found["publishes_refused_total", "worker.dlq"] == 0
    for topic in ("worker.dlq", "conversions"):
        assert found["offsets_expired_total", topic] == found["topics_made_anew_total", topic] == 0
        assert found["offset_resets_total", topic, "made_anew"] == 0
    assert found["attempts_total", "delivered", "200"] == 0
    assert found["skipped_total", "already_delivered"] == 0
    assert found["records_passed_total",] == 0
    for reason in ("undecodable", "invalid", "expired", "exhausted", "rejected"):
        assert found["dead_letters_total", reason] == 0
    for kind in ("assign", "revoke", "lost"):
        assert found["rebalances_total", kind] == 0
    assert sum(found.values()) == 1  # build_info


def test_the_process() -> None:
    """When the process started is shown, and 1 while there is no reason not to be ready."""
    metrics = Metrics(started_at=1_700_000_000.0)
    metrics.of("voluum")
    metrics.watch("voluum", snapshot, tuple)
    found = samples(metrics)
    assert (found["start_time_seconds",], found["ready",]) == (1_700_000_000.0, 1)


def test_every_metric_of_a_destination_names_it() -> None:
    """All but the process's own metrics have the destination's name, and no other is there twice."""
    metrics = Metrics()
    for name in ("voluum", "binom"):
        tell_everything(metrics.of(name))
        metrics.watch(name, partial(snapshot, overdue={"10s": 1.0}, partitions=(STATE,)), tuple)
    found = all_samples(metrics)
    nameless = {one.name.removeprefix("postback_") for one in found if "destination" not in one.labels}
    assert nameless == OF_THE_PROCESS
    assert samples(metrics) == samples(metrics, of="binom")
    text = generate_latest(metrics.registry).decode()
    described = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(described) == len(set(described))


def test_each_destination_counts_for_itself() -> None:
    """What happens at one destination changes nothing that is shown of another."""
    metrics = Metrics()
    one, _ = metrics.of("voluum"), metrics.of("binom")
    before = samples(metrics, of="binom")
    one.delivered(DELIVERED, 1_700_000_000.0)
    metrics.watch("voluum", partial(snapshot, in_flight=3), lambda: ["draining"])
    metrics.watch("binom", snapshot, tuple)
    found = samples(metrics), samples(metrics, of="binom")
    assert (found[0]["in_flight",], found[0]["ready",]) == (3, 0)
    assert (found[1]["in_flight",], found[1]["ready",]) == (0, 1)
    assert before.items() <= found[1].items()


def test_in_openmetrics() -> None:
    """Several destinations are what a strict reader of OpenMetrics takes."""
    metrics = Metrics()
    for name in ("voluum", "binom"):
        tell_everything(metrics.of(name))
        metrics.watch(name, partial(snapshot, partitions=(STATE,)), tuple)
    served = openmetrics.generate_latest(metrics.registry)  # type: ignore[no-untyped-call]
    families = list(parse_openmetrics(served.decode()))  # type: ignore[no-untyped-call]
    (delays,) = (one for one in families if one.name == "postback_delivery_delay_seconds")
    assert [one.value for one in delays.samples if one.name.endswith("_count")] == [1, 1]


def test_an_example_of_a_duration() -> None:
    """In OpenMetrics the bucket that a traced request fell into names its trace, and no other bucket does."""
    metrics = Metrics()
    observer = metrics.of("voluum")
    observer.requested(0.2)
    observer.traced(0.2, SpanContext(0xABC, 0xDEF), 1_700_000_000.0)
    served = openmetrics.generate_latest(metrics.registry)  # type: ignore[no-untyped-call]
    families = list(parse_openmetrics(served.decode()))  # type: ignore[no-untyped-call]
    shown = {
        one.labels["le"]: (dict(one.exemplar.labels), one.exemplar.value, float(one.exemplar.timestamp))
        for family in families
        for one in family.samples
        if one.exemplar is not None
    }
    trace = {"trace_id": "00000000000000000000000000000abc", "span_id": "0000000000000def"}
    assert shown == {"0.25": (trace, 0.2, 1_700_000_000.0)}


def test_each_event_counts() -> None:
    """Each thing that happens is counted once, where it belongs."""
    metrics = Metrics()
    observer = metrics.of("voluum")
    before = samples(metrics)
    tell_everything(observer)
    metrics.loop_lag = 0.25
    changed = {key: value for key, value in samples(metrics).items() if before.get(key) != value}
    assert changed == {
        ("records_consumed_total", "conversions"): 3,
        ("records_passed_total",): 4,
        ("request_duration_seconds_count",): 1,
        ("request_duration_seconds_sum",): pytest.approx(0.2),
        ("attempts_total", "retry", "500"): 1,
        ("delivery_delay_seconds_count",): 1,
        ("delivery_delay_seconds_sum",): pytest.approx(12.3456),
        ("last_delivery_timestamp_seconds",): 1_700_000_000.0,
        ("retries_total", "status", "10s"): 1,
        ("dead_letters_total", "undecodable"): 1,
        ("skipped_total", "already_delivered"): 1,
        ("skipped_total", "duplicate"): 1,
        ("commit_maps_refused_total",): 1,
        ("unreadable_total", "3", "conversions"): 1,
        ("skipped_total", "unreadable"): 2,
        ("starts_without_offset_total", "conversions"): 4,
        ("offset_resets_total", "conversions", "made_anew"): 1,
        ("offset_resets_total", "conversions", "truncated"): 1,
        ("offset_resets_total", "conversions", "expired"): 1,
        ("offsets_expired_total", "conversions"): 5,
        ("topics_made_anew_total", "conversions"): 1,
        ("topic_problems",): 2,
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
    metrics.of("voluum").delivered(DELIVERED._replace(delay=29 * 86400), 0.0)
    found = samples(metrics, skip=())
    assert found["delivery_delay_seconds_bucket", "1.2096e+06"] == 0
    assert found["delivery_delay_seconds_bucket", "2.592e+06"] == 1


def test_the_gauges_of_a_worker() -> None:
    """The gauges show the worker as it is when they are read; a lag that is unknown is not shown."""
    metrics = Metrics()
    metrics.of("voluum")
    states = (STATE, PartitionState(AT._replace(number=4), 0, 0.0, None))
    now = Snapshot(
        3,
        16,
        CircuitState.OPEN,
        1,
        states,
        {"10s": 4.0},
        held=frozenset({HeldReason.CIRCUIT}),
        workers_wanted=1.25,
    )
    metrics.watch("voluum", lambda: now, lambda: ["draining"])
    found = samples(metrics)
    assert found["ready",] == 0
    assert found["in_flight",] == 3
    assert found["concurrency_limit",] == 16
    assert found["workers_wanted",] == 1.25
    assert found["circuit_state",] == 2
    assert found["paused_partitions",] == 1
    assert {why: found["held", why] for why in HeldReason} == {why: why == "circuit" for why in HeldReason}
    assert found["overdue_seconds", "10s"] == 4.0
    assert found["outstanding", "3", "conversions"] == 5
    assert found["oldest_outstanding_seconds", "3", "conversions"] == 2.5
    assert found["consumer_lag", "3", "conversions"] == 9
    assert found["outstanding", "4", "conversions"] == 0
    assert ("consumer_lag", "4", "conversions") not in found
