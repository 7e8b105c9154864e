"""The ports in memory: a broker, a member of its group, a publisher, a partner and a clock that stands still.

The rule: the source and the publisher pass the suites that the real adapters pass, so that what is proven
against them is true of Kafka. Nothing here happens by itself but what a real one would do too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from worker.adapters.http import SenderOptions
from worker.adapters.http.lane import CoroutineLane
from worker.core.answer import Answer, Request, Response
from worker.core.order_records import write
from worker.core.orders import Order, OrderEnd
from worker.core.tracing import Span, SpanContext
from worker.ports import ControlListener, ControlNews, ControlRecord


class FakeClock:
    """Time that passes when it is told to."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._monotonic = 1_000.0
        self.used = 0.0
        """What the loop's thread has used of a processor."""

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def processor(self) -> float:
        return self.used

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        self._monotonic += seconds

    def step(self, seconds: float) -> None:
        """Set the wall clock, as an operator would; the other one does not notice."""
        self._now += seconds


# --- the partner -------------------------------------------------------------------------------


class FakeSender:
    """Lanes to a partner that answers as scripted: `answers` in turn, then always 200.

    `answer` may be set to decide by the request. While `gate` is cleared, requests stay in flight.
    """

    def __init__(self, *answers: Answer) -> None:
        self.script = deque(answers)
        self.answer: Callable[[Request], Answer] = self._next
        self.gate = asyncio.Event()
        self.gate.set()
        self.requests: list[Request] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.lanes: list[FakeLane] = []
        self.headers: dict[str, str] = {}
        self.sent_headers: list[dict[str, str]] = []
        self.closed = False

    @property
    def targets(self) -> list[str]:
        """The path and query of each request, in the order sent."""
        return [request.target for request in self.requests]

    def lane(self) -> FakeLane:
        lane = FakeLane(self)
        self.lanes.append(lane)
        return lane

    def use_headers(self, headers: Mapping[str, str]) -> None:
        self.headers = dict(SenderOptions(headers=headers).headers)

    async def close(self) -> None:
        self.closed = True

    def _next(self, _request: Request) -> Answer:
        return self.script.popleft() if self.script else Response(200)


class FakeLane(CoroutineLane):
    """One request at a time."""

    def __init__(self, sender: FakeSender) -> None:
        self._sender = sender
        self._busy = False
        self.closed = False

    async def send(self, request: Request) -> Answer:
        assert not self._busy, "a lane makes one request at a time"
        sender, gate = self._sender, self._sender.gate
        self._busy = True
        sender.requests.append(request)
        sender.sent_headers.append(sender.headers)
        sender.in_flight += 1
        sender.most_in_flight = max(sender.most_in_flight, sender.in_flight)
        try:
            await asyncio.sleep(0)
            await gate.wait()
            return sender.answer(request)
        finally:
            sender.in_flight -= 1
            self._busy = False

    async def close(self) -> None:
        await super().close()
        self.closed = True


# --- the collector of spans --------------------------------------------------------------------


class Recorded(NamedTuple):
    """A span that was taken, with its own context, its parent's and that of its link."""

    span: Span
    own: SpanContext
    parent: SpanContext | None
    link: SpanContext | None


class FakeTracer:
    """Remembers spans; ids count up."""

    def __init__(self) -> None:
        self.taken: list[Recorded] = []
        self.closed = False

    def record(
        self, span: Span, parent: SpanContext | None = None, link: SpanContext | None = None
    ) -> SpanContext:
        number = len(self.taken) + 1
        own = SpanContext(number if parent is None else parent.trace_id, number)
        self.taken.append(Recorded(span, own, parent, link))
        return own

    async def close(self) -> None:
        self.closed = True


# --- Kafka -------------------------------------------------------------------------------------


class FakeControl:
    """A control topic that the test writes: what it holds is told once it is `ready`, then what is new."""

    def __init__(self, *orders: Order | OrderEnd, ready: bool = True) -> None:
        self._records = [_record(order) for order in orders]
        self._ready = ready
        self._listener: ControlListener | None = None

    def follow(self, topic: str, listener: ControlListener) -> None:
        self._listener = listener
        if self._ready:
            self.ready()

    def ready(self) -> None:
        """Tell what the topic holds: it has been read whole."""
        self._ready = True
        self._tell(ControlNews(self._records, anew=True))

    def give(self, *orders: Order | OrderEnd) -> None:
        """Write orders."""
        self.write(*(_record(order) for order in orders))

    def write(self, *records: ControlRecord) -> None:
        """Write records."""
        self._records += records
        self._tell(ControlNews(records))

    def refuse(self, why: str) -> None:
        """Have it not be readable any more."""
        self._tell(ControlNews(unread=why))

    def _tell(self, news: ControlNews) -> None:
        if self._listener is not None:
            self._listener.on_control(news)


def _record(order: Order | OrderEnd) -> ControlRecord:
    message = write(order, "control")
    return message.key, message.value
