"""The way of a plain delivery through the whole worker, between a source and sockets that do nothing.

The rule: all of the way is the real thing, from the records of the source to the bytes for the socket, and
from the bytes of the answer to the resolved offset; only Kafka's client and the kernel are missing. No time
passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import islice
from typing import Any, Self, TypeVar, cast

from tests.fake_follower import FakeFollower
from tests.fake_kafka import FakeKafka, FakePublisher
from tests.fake_source import FakeSource
from tests.fakes import FakeClock, FakeTracer
from tests.runner.harness import DLQ, JOURNAL, POSTBACK, SOURCE, TIER_TOPICS, conversion
from worker.adapters.http import SenderOptions
from worker.adapters.http.connection import ConnectionContext, HttpConnection
from worker.adapters.http.direct import DirectLane, DirectSender
from worker.adapters.http.parser import AnswerParser
from worker.adapters.http.sweeper import Sweeper
from worker.adapters.http.write_batch import WriteBatch
from worker.adapters.metrics import Metrics
from worker.adapters.observers import Observers
from worker.core.admission.circuit import CircuitPolicy
from worker.core.admission.gate import Gate
from worker.core.answer import HttpOrigin
from worker.core.binding import Identity
from worker.core.classify import AnswerRules
from worker.core.connection_reuse import ConnectionReuse
from worker.core.endings import Delivered
from worker.core.journal import DestinationJournal
from worker.core.record import Headers, Partition, Record
from worker.core.remembered_ids import RememberedIds
from worker.core.retry import RetryPolicy
from worker.core.tracing import SpanOwner
from worker.pipeline import CompiledSettings
from worker.ports import Observer
from worker.runner import (
    Clients,
    ConsumerGroup,
    DestinationParts,
    DestinationTracer,
    Limits,
    Runner,
    Surroundings,
)

BATCH = 64
"""How many records come at a time; with so few lanes the worker asks for no more."""

LANES = 8

ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Sat, 31 Jan 2026 12:00:00 GMT\r\nServer: nginx\r\n"
    b"Content-Type: text/plain\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"
)


class Timeless(asyncio.SelectorEventLoop):
    """A loop whose timers never come."""

    def time(self) -> float:
        return 0.0


class Wire:
    """A socket, and aiohttp's hold on it, that only remembers whether something was asked on it."""

    def __init__(self) -> None:
        self.asked = False

    def write(self, data: bytes) -> None:
        assert data.startswith(b"GET /")
        self.asked = True

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str) -> None: ...

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...


class Opener:
    """Makes lanes, and opens wires for them."""

    def __init__(self) -> None:
        self.open_ones: list[tuple[Wire, HttpConnection]] = []
        self._sweeper = Sweeper()
        self._reuse = ConnectionReuse()
        self._options = SenderOptions()
        self._shared = ConnectionContext(self._options, self._sweeper, WriteBatch())

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """No request has headers."""

    def lane(self) -> DirectLane:
        return DirectLane(cast("DirectSender", self), self._options.timeout)

    async def open(self, origin: HttpOrigin) -> tuple[HttpConnection, float]:
        wire, held = Wire(), cast("Any", Wire())
        tail = f" HTTP/1.1\r\nHost: {origin.host}\r\n\r\n"
        made = HttpConnection(
            held,
            cast("Any", wire),
            AnswerParser(),
            self._shared,
            self._reuse,
            tail,
        )
        self.open_ones.append((wire, made))
        return made, float("inf")

    async def close(self) -> None:
        self._sweeper.close_all()

    def answer(self, most: int = LANES) -> None:
        """Answer what was asked, the first `most` of it."""
        asked = (one for one in self.open_ones if one[0].asked)
        for wire, connection in list(islice(asked, most)):
            wire.asked = False
            connection.data_received(ANSWER)


class Count(Observer):
    """Counts deliveries."""

    def __init__(self) -> None:
        self.deliveries = 0

    def delivered(self, ending: Delivered, now: float) -> None:
        self.deliveries += 1


class HotPath:
    """A worker that is at work; `deliver` has it deliver batches of BATCH records."""

    def __init__(
        self, *, journal: bool = False, copies: bool = False, tracing: bool = False, headers: Headers = ()
    ) -> None:
        self._opener, self._count = Opener(), Count()
        self._headers = headers
        self._at = Partition(SOURCE, 0)
        kafka = FakeKafka(**{SOURCE: 1, JOURNAL: 1})
        self._source = FakeSource(kafka)
        follower = FakeFollower(kafka, JOURNAL, "a-worker", FakeClock().now)
        self._runner = Runner(
            DestinationParts(
                CompiledSettings(
                    POSTBACK,
                    AnswerRules(),
                    RetryPolicy(tuple(TIER_TOPICS), 3, 30 * 86400.0),
                    TIER_TOPICS,
                    DLQ,
                ),
                Gate(LANES, CircuitPolicy()),
                ConsumerGroup(
                    Identity(SOURCE, "partner"),
                    journal=DestinationJournal(JOURNAL, "a-worker") if journal else None,
                    remembers=RememberedIds(1_000_000, 86400.0) if copies else None,
                ),
                Limits(1000, 1.0),
                DestinationTracer(FakeTracer(), SpanOwner("partner", "g", "g.retry", share=0.0))
                if tracing
                else None,
            ),
            Clients(self._source, FakePublisher(kafka), self._opener, follower=follower if copies else None),
            Surroundings(Observers(Metrics().of("partner"), self._count), FakeClock(), lambda: 0.0),
        )

    async def __aenter__(self) -> Self:
        self._stop = asyncio.Event()
        self._running = asyncio.create_task(self._runner.run(self._stop))
        await asyncio.sleep(0)
        self._source.assign(self._at)
        await asyncio.sleep(0)  # until its journal is read
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._running

    async def deliver(self, batches: int, answers: int = LANES) -> None:
        """Hand over records, and answer so many of what is asked in each turn, until all are delivered."""
        for _ in range(batches):
            first = self._count.deliveries
            self._runner._rebalances.on_records([self._record(first + number) for number in range(BATCH)])
            while self._count.deliveries < first + BATCH:
                self._opener.answer(answers)
                await asyncio.sleep(0)

    async def deliver_one(self) -> None:
        """Hand over a record alone, answer it, and wait until it has ended."""
        first = self._count.deliveries
        self._runner._rebalances.on_records([self._record(first)])
        while self._count.deliveries == first:
            self._opener.answer()
            await asyncio.sleep(0)

    def _record(self, number: int) -> Record:
        value = conversion(number, event="purchase", payout="49.99", order_id=f"order-{number}")
        return Record(self._at, number, b"key", value, self._headers, 0.0)


T = TypeVar("T")


def on_hot_path(
    do: Callable[[HotPath], Awaitable[T]],
    *,
    journal: bool = False,
    copies: bool = False,
    tracing: bool = False,
    headers: Headers = (),
) -> T:
    """Run `do` beside a worker that is at work, on a loop without time.

    With `journal` it keeps one, with `copies` it remembers what that tells; with `tracing` it traces nothing
    of what there is. Each record has these `headers`.
    """

    async def run() -> T:
        async with HotPath(journal=journal, copies=copies, tracing=tracing, headers=headers) as path:
            return await do(path)

    with asyncio.Runner(loop_factory=Timeless) as runner:
        return runner.run(run())
