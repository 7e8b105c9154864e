"""What is recorded of a record's way through a run, and what goes along with it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from schemas import DeadReason
from tests.fake_kafka import FakeKafka, FakePublisher
from tests.fakes import FakeClock, FakeTracer, Recorded
from tests.runner.harness import DLQ, TIER_TOPICS, TRACED, WITHIN, Harness, conversion, until
from worker.core.answer import Response
from worker.core.assigned_partition import PendingRecord
from worker.core.endings import Dead
from worker.core.record import Outgoing, Partition, Record
from worker.core.tracing import TRACEPARENT, SpanContext, SpanKind
from worker.ports import Observer
from worker.runner import DestinationTracer, Surroundings
from worker.runner.lanes_listener import LanesListener
from worker.runner.tracing import traced_listener, traced_publisher

TIER, NEXT_TIER = TIER_TOPICS.values()
PRODUCERS = SpanContext(0xABC, 0xDEF)
SENT = [("own", b"\x00\xff"), (TRACEPARENT, PRODUCERS.traceparent.encode()), ("own", b"again")]
ONE = b"key"


def shape(taken: list[Recorded]) -> list[tuple[str, SpanContext | None, SpanContext | None]]:
    """What the spans are, with their parents and links."""
    return [(one.span.name, one.parent, one.link) for one in taken]


async def test_a_retry_is_one_story() -> None:
    """Each attempt is a trace, linked to the producer's; its headers pass unchanged, and nothing is added."""
    async with Harness(Response(500), traced=1.0) as at_work:
        at_work.source.assign(at_work.first, at_work.tier)
        at_work.kafka.append(at_work.first, conversion(1), ONE, SENT)
        await at_work.ended(1)
        at_work.time.advance(10.0)
        await at_work.ended(2)
        (waited,) = at_work.kafka.records(TIER)
    first, second = (one.own for one in at_work.tracer.taken if one.parent is None)
    assert shape(at_work.tracer.taken) == [
        ("process conversions", None, PRODUCERS),
        ("GET", first, None),
        (f"send {TIER}", first, PRODUCERS),
        (f"process {TIER}", None, PRODUCERS),
        ("GET", second, None),
    ]
    assert [header for header in waited.headers if not header[0].startswith("postback-")] == SENT
    assert first.trace_id != second.trace_id


async def test_without_a_context() -> None:
    """Where the producer sent none, the first attempt's goes along, and all that follows links to it."""
    async with Harness(Response(500), Response(410), traced=0.01) as at_work:
        at_work.source.assign(at_work.first, at_work.tier)
        at_work.write(1)
        await at_work.ended(1)
        at_work.time.advance(10.0)
        await at_work.ended(2)
        (waited,), (dead,) = at_work.kafka.records(TIER), at_work.kafka.records(DLQ)
    taken = at_work.tracer.taken
    first = taken[0].own
    assert [one.link for one in taken] == [None, None, None, first, None, first]
    assert [dict(one.headers)[TRACEPARENT] for one in (waited, dead)] == [first.traceparent.encode()] * 2


@pytest.mark.parametrize("headers", [(), ((TRACEPARENT, b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-00"),)])
async def test_not_sampled(headers: tuple[tuple[str, bytes], ...]) -> None:
    """Of what is not sampled no span is recorded, at no hop, and nothing goes along."""
    async with Harness(Response(500), traced=0.01, chance=0.5) as at_work:
        at_work.source.assign(at_work.first, at_work.tier)
        at_work.kafka.append(at_work.first, conversion(1), ONE, headers)
        await at_work.ended(1)
        at_work.time.advance(10.0)
        await at_work.ended(2)
        (waited,) = at_work.kafka.records(TIER)
    assert at_work.tracer.taken == []
    assert tuple(one for one in waited.headers if not one[0].startswith("postback-")) == headers


async def test_what_is_refused() -> None:
    """A publish that is refused is a span with its error, and the next try is another."""
    async with Harness(Response(500), traced=1.0) as at_work:
        at_work.publisher.refusing = "too large"
        at_work.source.assign(at_work.first)
        at_work.write(1)
        await until("refused", lambda: bool(at_work.heard.refusals))
        at_work.publisher.refusing = None
        await at_work.ended(1)
    sends = [one.span for one in at_work.tracer.taken if one.span.kind is SpanKind.PRODUCER]
    assert [span.error for span in sends] == ["too large", None]


async def test_without_an_attempt() -> None:
    """What can't be sent is a trace without a request."""
    async with Harness(traced=1.0) as at_work:
        at_work.source.assign(at_work.first)
        at_work.kafka.append(at_work.first, b"<order/>", ONE, SENT)
        await at_work.ended(1)
    first = at_work.tracer.taken[0].own
    assert shape(at_work.tracer.taken) == [
        ("process conversions", None, PRODUCERS),
        (f"send {DLQ}", first, PRODUCERS),
    ]
    assert at_work.heard.examples == []


class Settling:
    """Publishes each record as a task of its own, in which the next one ends, as it may in a hand-over."""

    def __init__(self, publisher: FakePublisher, tracing: DestinationTracer, *records: Record) -> None:
        around = Surroundings(Observer(), FakeClock(), lambda: 0.0)
        self._publisher = traced_publisher(publisher, tracing, around.clock)
        self._records = list(records)
        self._listener = traced_listener(cast("LanesListener", self), tracing, around)
        self.ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    fence = copies = on_taken = on_idle = on_probe = on_waits = on_given_back = on_still = on_failed = None

    def next(self) -> None:
        """End the next record as a dead letter."""
        record = self._records.pop(0)
        message = Outgoing(DLQ, record.key, record.value, record.headers)
        pending = cast("PendingRecord", SimpleNamespace(record=record, partition=SimpleNamespace(tier=None)))
        dead = Dead(record, None, 0, DeadReason.UNDECODABLE, "no JSON", message)
        self._listener.on_ended(pending, dead, 0.0, None)

    def on_ended(self, _pending: PendingRecord, ending: Dead, _now: float, _tried: object) -> None:
        self._tasks.append(asyncio.create_task(self._publish(ending)))

    async def _publish(self, ending: Dead) -> None:
        await self._publisher.publish(ending.message)
        if self._records:
            self.next()
        else:
            self.ended.set()


async def test_beside_another() -> None:
    """What is not sampled is not recorded as a part of what is, though it ends while that is published."""
    tracer, at = FakeTracer(), Partition("conversions", 0)
    off = [(TRACEPARENT, PRODUCERS._replace(is_sampled=False).traceparent.encode())]
    records = [
        Record(at, number, ONE, b"<order/>", headers, 0.0) for number, headers in enumerate((SENT, off))
    ]
    kafka = FakeKafka(**{DLQ: 1})
    settling = Settling(FakePublisher(kafka), DestinationTracer(tracer, TRACED), *records)
    settling.next()
    await asyncio.wait_for(settling.ended.wait(), WITHIN)
    assert len(kafka.records(DLQ)) == 2
    assert [one.span.name for one in tracer.taken] == ["process conversions", f"send {DLQ}"]


async def test_an_example() -> None:
    """A traced request is an example of requests that take as long."""
    async with Harness(traced=1.0) as at_work:
        at_work.source.assign(at_work.first)
        at_work.write(1)
        await at_work.ended(1)
    assert at_work.heard.examples == [(0.0, at_work.tracer.taken[0].own, at_work.time.now())]
    assert at_work.heard.requests == 1
