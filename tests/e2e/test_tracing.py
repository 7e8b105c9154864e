"""One run of the real program, on a real Kafka, as a collector of spans sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Act, Query, Tracker
from tests.e2e.ways import open_metrics_of
from tests.support.collector import Collector, Seen
from tests.support.kafka import Names, Read, Write, create_topics, produce, read_all

pytestmark = [pytest.mark.kafka, pytest.mark.process]

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = (("traceparent", f"00-{TRACE}-{SPAN}-01".encode()), ("tracestate", b"vendor=value"))
NOT_SAMPLED = (("traceparent", f"00-{'1' * 32}-{'2' * 16}-00".encode()),)
SPANS = 5 + 8  # of a retry; of what is dead and replayed


class Run(NamedTuple):
    """What was seen of the run."""

    collector: Collector
    tracker: Tracker
    names: Names
    tier: list[Read]
    source: list[Read]
    metrics: str
    lines: list[str]


def act(query: Query, nth: int) -> Act:
    """Fail once what is tried again, and twice what dies."""
    return 500 if nth <= {"click-retry": 1, "click-dead": 2}.get(query["click_id"], 0) else 200


@pytest.fixture(scope="module")
def run(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The one run."""
    at, names = tmp_path_factory.mktemp("tracing"), Names.fresh("tracing")
    with Collector() as collector, Tracker(act) as tracker:
        yield play(kafka, names, collector, tracker, at)


def play(kafka: str, names: Names, collector: Collector, tracker: Tracker, at: Path) -> Run:
    """Have one conversion tried again, one die and be replayed, one that is not sampled."""
    create_topics(kafka, {names.topic: 1})
    env = settings(
        *(kafka, names, tracker),
        RETRY__DELAYS="500ms",
        RETRY__MAX_ATTEMPTS=2,
        TRACING__ENDPOINT=collector.endpoint,
        TRACING__SAMPLE=1,
    )
    assert call("topics", "create", env=env, at=at).returncode == 0
    records = [
        Write(value("e-retry", "click-retry"), b"k", SENT),
        Write(value("e-dead", "click-dead"), b"k"),
        Write(value("e-not", "click-not"), b"k", NOT_SAMPLED),
    ]
    produce(kafka, names.topic, records)
    with Program({**env, "OTEL_BSP_SCHEDULE_DELAY": "200"}, at) as program:
        program.said("dead letter")
        tracker.asked(5)
        replayed = call("dlq", "replay", "--yes", env=env, at=at)
        assert replayed.returncode == 0, replayed.stderr
        tracker.asked(6)
        collector.wait_for(SPANS)
        metrics = open_metrics_of(program.said("started")["http"])[1]
        assert program.end() == 0
    tier, source = (read_all(kafka, topic) for topic in (names.tier("500ms"), names.topic))
    return Run(collector, tracker, names, tier, source, metrics, program.lines)


def told(traces: list[list[Seen]]) -> list[list[str]]:
    """The names of the spans of each trace."""
    return [[span.name for span in trace] for trace in traces]


def test_a_retry(run: Run) -> None:
    """A conversion with a retry is one connected story: two attempts, each linked to the producer's span."""
    first, second = run.collector.of("e-retry")
    source, tier = run.names.topic, run.names.tier("500ms")
    assert told([first, second]) == [[f"process {source}", "GET", f"send {tier}"], [f"process {tier}", "GET"]]
    assert [span.links for span in (*first, *second)] == [
        [(TRACE, SPAN)],
        [],
        [(TRACE, SPAN)],
        [(TRACE, SPAN)],
        [],
    ]
    assert [span.error for span in (*first, *second)] == ["HTTP 500", "HTTP 500", None, None, None]
    assert [span.attributes.get("http.response.status_code") for span in (first[1], second[1])] == [500, 200]
    assert second[1].attributes["http.request.resend_count"] == 1
    origins = {span.attributes["postback.origin"] for span in (first[0], second[0])}
    assert origins == {f"{source}/0/0"}


def test_dead_and_replayed(run: Run) -> None:
    """One without a context that dies and is replayed is one story, too: all links to the first attempt."""
    traces = run.collector.of("e-dead")
    source, tier = run.names.topic, run.names.tier("500ms")
    assert told(traces) == [
        [f"process {source}", "GET", f"send {tier}"],
        [f"process {tier}", "GET", f"send {run.names.dlq}"],
        [f"process {source}", "GET"],
    ]
    first, second, third = (trace[0] for trace in traces)
    assert (first.links, second.links, third.links) == ([], *[[(first.trace, first.span)]] * 2)
    outcomes = [one.attributes["postback.outcome"] for one in (first, second, third)]
    assert outcomes == ["retry", "dead", "delivered"]


def test_what_passes_on(run: Run) -> None:
    """The producer's context goes with the record unchanged, and to the partner goes none."""
    (waited,) = [one for one in run.tier if b"e-retry" in (one.value or b"")]
    assert [one for one in waited.headers if one[0].startswith("trace")] == list(SENT)
    (again,) = [one for one in run.source if one.header("postback-replays")]
    trace, span = (getattr(run.collector.of("e-dead")[0][0], name) for name in ("trace", "span"))
    assert again.header("traceparent") == f"00-{trace}-{span}-01"
    assert not any(name.lower().startswith("trace") for hit in run.tracker.hits for name in hit.headers)


def test_not_sampled(run: Run) -> None:
    """What its producer did not sample has no span."""
    assert run.tracker.clicks["click-not"] == 1
    assert run.collector.of("e-not") == []
    assert len(run.collector.spans) == SPANS


def test_what_is_secret(run: Run) -> None:
    """No span holds a click id, and the libraries have nothing to complain of."""
    assert "click-" not in str(run.collector.spans)
    assert not [line for line in run.lines if "spans" in line]


def test_an_exemplar(run: Run) -> None:
    """The histogram of durations names traces that the collector has."""
    families = parse_open(run.metrics)  # type: ignore[no-untyped-call]
    (duration,) = (one for one in families if one.name == "postback_request_duration_seconds")
    shown = {
        (one.exemplar.labels["trace_id"], one.exemplar.labels["span_id"])
        for one in duration.samples
        if one.exemplar
    }
    assert shown
    assert shown <= {(one.trace, one.span) for one in run.collector.spans}
