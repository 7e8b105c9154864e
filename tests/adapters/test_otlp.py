"""Spans as a collector gets them, and what a tracer promises whoever records."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import FrameType

import pytest

from tests.fakes import FakeTracer
from tests.support.collector import Collector
from worker.adapters import otlp
from worker.adapters.otlp import OtlpTracer
from worker.adapters.tracing import INSTALL, make_tracer, missing_extra
from worker.core.tracing import Span, SpanContext, SpanKind
from worker.ports import Tracer

SPAN = Span("process conversions", SpanKind.CONSUMER, 1_700_000_000.25, 1_700_000_000.5, {"a": "b", "n": 7})
MOST_CALLS = 45
"""Of Python functions, for an attempt with a link and its request."""

LINK = SpanContext(0xABC, 0xDEF, state="vendor=value")


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that takes spans."""
    with Collector() as collector:
        yield collector


@pytest.fixture(params=["fake", "otlp"])
def tracer(request: pytest.FixtureRequest, collector: Collector) -> Tracer:
    """Each tracer that there is."""
    if request.param == "fake":
        return FakeTracer()
    return OtlpTracer(f"{collector.endpoint}/v1/traces", "a-worker")


async def sent_by(tracer: Tracer, collector: Collector, count: int) -> None:
    """Close a tracer; on a slow machine the last spans arrive when it waits for them no more."""
    await tracer.close()
    await asyncio.to_thread(collector.wait_for, count)


async def test_which_trace(tracer: Tracer) -> None:
    """A span is of its parent's trace; without a parent it begins one, whatever it is linked to."""
    first = tracer.record(SPAN, link=LINK)
    child = tracer.record(SPAN, parent=first, link=LINK)
    other = tracer.record(SPAN)
    await tracer.close()
    assert child.trace_id == first.trace_id
    assert len({LINK.trace_id, first.trace_id, other.trace_id}) == 3
    assert len({first.span_id, child.span_id, other.span_id}) == 3
    assert first.is_sampled
    assert child.is_sampled


async def test_what_a_collector_gets(collector: Collector) -> None:
    """A span arrives as it was recorded, with its parent, its link, and who sent it."""
    tracer = OtlpTracer(f"{collector.endpoint}/v1/traces", "a-worker")
    first = tracer.record(SPAN, link=LINK)
    tracer.record(Span("GET", SpanKind.CLIENT, 1.0, 2.0, {}, "HTTP 500"), parent=first)
    await sent_by(tracer, collector, 2)
    process, request = collector.spans
    assert (process.name, process.kind, process.attributes) == (SPAN.name, "consumer", {"a": "b", "n": 7})
    assert (process.start, process.end, process.error) == (SPAN.start, SPAN.end, None)
    assert process.trace == f"{first.trace_id:032x}"
    assert (process.parent, process.links) == ("", [(f"{LINK.trace_id:032x}", f"{LINK.span_id:016x}")])
    assert (request.name, request.kind, request.error) == ("GET", "client", "HTTP 500")
    assert (request.trace, request.parent, request.links) == (process.trace, process.span, [])
    sender = {"service.name": "postback-worker", "service.version": version("postback-worker")}
    assert {**sender, "service.instance.id": "a-worker"}.items() <= process.resource.items()


async def test_the_libraries_own_variables(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the libraries' variables say counts: headers, the name of the service, further attributes."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "postbacks-eu")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod")
    tracer = OtlpTracer(f"{collector.endpoint}/v1/traces", "a-worker")
    tracer.record(SPAN)
    await sent_by(tracer, collector, 1)
    assert collector.headers[0]["api-key"] == "s3cret"
    wanted = {"service.name": "postbacks-eu", "deployment.environment.name": "prod"}
    assert wanted.items() <= collector.spans[0].resource.items()


async def test_the_libraries_own_limits(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries' limits on attributes hold: a value is cut, and the oldest ones make room."""
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2")
    tracer = OtlpTracer(f"{collector.endpoint}/v1/traces", "a-worker")
    tracer.record(SPAN._replace(attributes={"a": "first", "b": "second", "n": 70000}))
    await sent_by(tracer, collector, 1)
    assert collector.spans[0].attributes == {"b": "sec", "n": 70000}


def test_the_libraries_are_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `OTEL_SDK_DISABLED` says so nothing is traced, and no record gets a context of zeros."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "True")
    assert make_tracer("http://127.0.0.1:4318/v1/traces", "a-worker") is None


async def test_what_a_span_costs(collector: Collector) -> None:
    """Taking spans takes few calls: to start and end each, as the libraries do, takes four times as many."""
    tracer, calls = OtlpTracer(f"{collector.endpoint}/v1/traces", "a-worker"), 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    tracer.record(SPAN)
    before = sys.getprofile()
    sys.setprofile(count)
    first = tracer.record(SPAN, link=LINK._replace(state=""))
    tracer.record(SPAN, parent=first)
    sys.setprofile(before)
    await tracer.close()
    assert calls <= MOST_CALLS, f"an attempt and its request take {calls} calls"


async def test_a_collector_that_does_not_answer(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Spans that can't be sent hold up nothing, not the end either; one line says so, not each time."""

    def told() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "worker.tracing"]

    monkeypatch.setattr(otlp, "CLOSE_SECONDS", 0.2)
    monkeypatch.setattr(logging.getLogger("opentelemetry"), "handlers", [])
    collector.status = 503
    tracer = OtlpTracer(f"{collector.endpoint}/v1/traces", "a-worker")
    for _ in range(2000):
        tracer.record(SPAN)
    async with asyncio.timeout(60):
        await tracer.close()
        while not told():  # noqa: ASYNC110 - said by a thread
            await asyncio.sleep(0.01)
        for _ in range(3):
            logging.getLogger("opentelemetry.sdk").error("Failed to export")
    assert collector.spans == []
    (line,) = told()
    assert line.startswith("spans can't be sent to POSTBACK_TRACING__ENDPOINT: ")
    collector.status = 200  # what goes on trying would draw and log amid other tests
    for thread in threading.enumerate():
        if thread.name == "otlp-close":
            thread.join(60)
            assert not thread.is_alive()
    monkeypatch.setattr(time, "monotonic", lambda: float("inf"))
    logging.getLogger("opentelemetry.sdk").error("Failed\nto export")
    assert told()[1:] == ["spans can't be sent to POSTBACK_TRACING__ENDPOINT: Failed to export"]


def test_off() -> None:
    """Without an endpoint there is no tracer, and nothing that would have to be installed."""
    assert make_tracer(None, "a-worker") is None
    assert missing_extra(None) == []
    assert missing_extra("http://127.0.0.1:4318/v1/traces") == []


@pytest.mark.parametrize("absent", ["opentelemetry", "opentelemetry.exporter.otlp.proto.http"])
def test_without_the_extra(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint without the libraries, or some of them, is one line that says what to install."""
    for name in [name for name in sys.modules if name.startswith("opentelemetry.exporter")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, absent, None)
    (line,) = missing_extra("http://127.0.0.1:4318/v1/traces")
    assert line == f"POSTBACK_TRACING__ENDPOINT: takes the extra `otel`, which is not installed: {INSTALL}"


@pytest.mark.process
@pytest.mark.parametrize("command", [["run"], ["config", "check"]])
def test_a_program_without_the_extra(command: list[str], tmp_path: Path) -> None:
    """The program does not start with an endpoint and without the libraries: one line, exit 2."""
    script = "import sys; sys.modules['opentelemetry'] = None; from worker.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, *command],
        env={**os.environ, "POSTBACK_TRACING__ENDPOINT": "http://127.0.0.1:4318", "POSTBACK_HTTP__PORT": "0"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert (done.returncode, done.stdout) == (2, "")
    assert errors == [
        f"error: POSTBACK_TRACING__ENDPOINT: takes the extra `otel`, which is not installed: {INSTALL}"
    ]


def test_nothing_is_imported_while_it_is_off() -> None:
    """A worker without an endpoint has imported nothing of OpenTelemetry."""
    script = """
        import sys
        from worker.adapters.tracing import make_tracer
        from worker.app import Worker
        from worker.cli import config, run
        from worker.ops.settings_report import report
        from worker.settings import Deployment, Settings
        settings = Settings()
        Worker(Deployment.of(settings))
        assert make_tracer(settings.tracing.endpoint, "worker") is None
        print(sorted(name for name in sys.modules if name.partition(".")[0] == "opentelemetry"))
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
