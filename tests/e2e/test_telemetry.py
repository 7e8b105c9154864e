"""What the run in which everything happens shows of itself: health, metrics, log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse

from tests.e2e.ways import FAILING, GOOD, JUNK, QUERY_KEY, TOKEN, Story

pytestmark = [pytest.mark.kafka, pytest.mark.process]

# Those of a destination, with the labels that they have beside its name.
OF_A_DESTINATION = {
    "records_consumed": ("counter", {"topic"}),
    "records_passed": ("counter", set()),
    "attempts": ("counter", {"outcome", "status"}),
    "request_duration_seconds": ("histogram", {"le"}),
    "delivery_delay_seconds": ("histogram", {"le"}),
    "retries": ("counter", {"tier", "reason"}),
    "dead_letters": ("counter", {"reason"}),
    "skipped": ("counter", {"why"}),
    "in_flight": ("gauge", set()),
    "concurrency_limit": ("gauge", set()),
    "circuit_state": ("gauge", set()),
    "held": ("gauge", {"why"}),
    "outstanding": ("gauge", {"topic", "partition"}),
    "oldest_outstanding_seconds": ("gauge", {"topic", "partition"}),
    "consumer_lag": ("gauge", {"topic", "partition"}),
    "overdue_seconds": ("gauge", {"tier"}),
    "commits": ("counter", {"result"}),
    "rebalances": ("counter", {"kind"}),
    "paused_partitions": ("gauge", set()),
    "last_delivery_timestamp_seconds": ("gauge", set()),
    "ready": ("gauge", set()),
    "publishes_refused": ("counter", {"topic"}),
}
METRICS: dict[str, tuple[str, set[str]]] = {
    **{name: (kind, labels | {"destination"}) for name, (kind, labels) in OF_A_DESTINATION.items()},
    "event_loop_lag_seconds": ("gauge", set()),
    "start_time_seconds": ("gauge", set()),
    "build_info": ("gauge", {"version", "python", "librdkafka"}),
}


def test_health(story: Story) -> None:
    """Alive and ready while it works, whatever the partner does; nothing else is served."""
    assert {path: code for path, (code, _) in story.health.items()} == {
        "/livez": 200,
        "/readyz": 200,
        "/healthz": 200,
        "/nothing": 404,
    }
    assert json.loads(story.health["/readyz"][1]) == {"status": "ready", "reasons": []}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric(story: Story, name: str) -> None:
    """Each metric is there, of its kind and with its labels, in both formats."""
    kind, labels = METRICS[name]
    for families in (parse(story.metrics), parse_open(story.open_metrics[1])):  # type: ignore[no-untyped-call]
        family = found(families, f"postback_{name}")
        assert family.type == kind
        assert {label for sample in family.samples for label in sample.labels} == labels


def found(families: Iterable[Metric], name: str) -> Metric:
    """The family of this name."""
    return next(family for family in families if family.name == name)


def test_open_metrics(story: Story) -> None:
    """Who asks for OpenMetrics gets it."""
    content_type, text = story.open_metrics
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


def test_the_counts(story: Story) -> None:
    """The counters tell what happened, record for record."""
    reasons = Counter([reason for reason, _ in JUNK] + ["undecodable", "exhausted", "rejected"])
    assert story.counters("postback_dead_letters") == {(reason,): n for reason, n in reasons.items()}
    assert story.counters("postback_retries") == {
        ("status", "500ms"): 3.0,
        ("connection", "500ms"): 1.0,
        ("timeout", "500ms"): 1.0,
    }
    assert story.counters("postback_attempts") == {
        ("delivered", "200"): float(GOOD + len(FAILING)),
        ("retry", "500"): 1.0,
        ("retry", "503"): 1.0,
        ("retry", "400"): 1.0,
        ("retry", "connection"): 1.0,
        ("retry", "timeout"): 1.0,
        ("dead", "400"): 1.0,
        ("dead", "410"): 1.0,
    }
    taken = story.counters("postback_records_consumed")
    assert taken[story.names.topic,] == GOOD + len(FAILING) + 2 + len(JUNK) + 1
    assert taken[story.names.tier("500ms"),] == len(FAILING) + 1
    requests = float(len(story.tracker.hits))
    assert story.counters("postback_request_duration_seconds")["+Inf",] == requests


def test_labels(story: Story) -> None:
    """No label holds a URL, a click id or an event id."""
    values = {
        text
        for family in parse(story.metrics)
        for sample in family.samples
        for text in sample.labels.values()
    }
    assert not [text for text in values if "/" in text or text.startswith(("e-", "good", "http"))]
    assert not values.intersection(story.tracker.clicks)


# --- the log -----------------------------------------------------------------------------------


def test_lines(story: Story) -> None:
    """One line of JSON for each ending: deliveries at debug, retries at info, dead letters at warning."""
    lines = Counter((line["event"], line["level"]) for line in story.log)
    assert lines["delivered", "debug"] == GOOD + len(FAILING)
    assert lines["retry", "info"] == len(FAILING) + 1
    assert lines["dead letter", "warning"] == len(story.dead)
    assert story.log[-1]["event"] == "stopped"
    ids = [line["event_id"] for line in story.log if line["event"] == "delivered"]
    assert len(set(ids)) == len(ids)


def test_secrets(story: Story) -> None:
    """No secret, URL or click id is in the log, the metrics, the health answers or the added headers."""
    said = "\n".join([*story.lines, story.metrics, *(text for _, text in story.health.values())])
    added = b"\n".join(
        text or b"" for record in (*story.tier, *story.dead) for name, text in record.headers if "-" in name
    )
    for text in (said, added.decode()):
        assert TOKEN not in text
        assert QUERY_KEY not in text
        assert "postback?" not in text
    lines = "\n".join(json.dumps({**line, "event_id": ""}) for line in story.log)
    assert not [word for word in (*FAILING, "is gone", "good-") if word in lines]
