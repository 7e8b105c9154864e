"""A partner in a process of its own that can go away; `python -m tests.e2e.outage` runs outages of a minute.

The rule: what it did is known by the second; what the worker did is what the partner saw and the metrics say.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import NamedTuple, Self

import psutil

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.support.broker import Broker
from tests.support.kafka import Names, Write, create_topics, produce, wait_until
from tests.support.ports import free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
DOWN = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
KINDS = ("refused", "503", "hang")
PARTITIONS = 4
LATENCY = 0.02
RATE = 200
"""Events that are published in a second."""


class Fickle:
    """A partner on a port of its own, in a thread; `mode` is `up` or one of KINDS."""

    def __init__(self) -> None:
        self.port = free_port()
        self.mode = "up"
        self.arrived: list[tuple[float, str]] = []
        """When each request came, and the mode then."""
        self.targets: list[bytes] = []
        """What each of them asked for."""
        self.recorded: dict[bytes, int] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="partner")
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Transport] = set()
        self.lost = 0
        """How many were recorded though their answer was lost with the connection."""
        self.refused: set[asyncio.Transport] = set()
        """The connections that asked while it was down: no more requests than that were in flight at once."""

    def __enter__(self) -> Self:
        self._thread.start()
        self.change("up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.change("refused")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def env(self) -> dict[str, str]:
        """The settings that lead to it."""
        url = f"http://127.0.0.1:{self.port}/postback?click_id={{click_id}}"
        event = f"{url}&measurement=1&event={{event}}&payout={{payout}}"
        return {"POSTBACK_DESTINATION__SIMPLE_URL": url, "POSTBACK_DESTINATION__EVENT_URL": event}

    def change(self, mode: str) -> float:
        """Go over to a mode; return when."""
        asyncio.run_coroutine_threadsafe(self._change(mode), self._loop).result(10)
        return time.monotonic()

    def opened(self, transport: asyncio.Transport, is_open: bool) -> None:
        """Hear of a connection."""
        (self._open.add if is_open else self._open.discard)(transport)

    def asked(self, head: bytes, transport: asyncio.Transport) -> None:
        """Answer one request, as the mode says when it comes."""
        target = head.split(b" ", 2)[1]
        self.arrived.append((time.monotonic(), self.mode))
        self.targets.append(target)
        if self.mode == "503":
            self.refused.add(transport)
            self._loop.call_later(LATENCY, transport.write, DOWN)
        elif self.mode == "up":
            self.recorded[target] = self.recorded.get(target, 0) + 1
            self._loop.call_later(LATENCY, self._record_heard, transport)

    def _record_heard(self, transport: asyncio.Transport) -> None:
        self.lost += transport.is_closing()
        transport.write(OK)

    async def _change(self, mode: str) -> None:
        self.mode = mode
        if mode == "refused" and self._server is not None:
            self._server.close()
            self._server = None
            for transport in tuple(self._open):
                transport.abort()
            await asyncio.sleep(0)
        elif mode != "refused" and self._server is None:
            self._server = await self._loop.create_server(
                lambda: _Connection(self), "127.0.0.1", self.port, backlog=512, reuse_address=True
            )


class _Connection(asyncio.Protocol):
    def __init__(self, partner: Fickle) -> None:
        self._partner = partner
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport
        self._partner.opened(transport, True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._partner.opened(self._transport, False)

    def data_received(self, data: bytes) -> None:
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for head in heads:
            self._partner.asked(head, self._transport)


class Figures(NamedTuple):
    """What an outage did. Times in seconds, from the partner's return; sizes in MB."""

    produced: int
    recorded: int
    twice: int
    lost: int
    used_up: int
    in_flight: int
    first_delivery: float
    last_pause: float
    former_rate: float
    first_second: int
    unhealthy: int
    grown: float


def outage(
    bootstrap: str,
    at: Path,
    kind: str,
    seconds: float,
    *,
    rate: int = RATE,
    before: float = 8.0,
    more: Mapping[str, str] = MappingProxyType({}),
) -> Figures:
    """Run a worker on a stream, let the partner go away for a time, and wait until all is delivered.

    `more` are settings of the worker.
    """
    names = Names.fresh("outage")
    create_topics(bootstrap, {names.topic: PARTITIONS})
    with Fickle() as partner:
        env = {**settings(bootstrap, names), **partner.env, "POSTBACK_RETRY__DELAYS": "1s,5s", **more}
        assert call("topics", "create", env=env, at=at).returncode == 0
        with Program(env, at) as program, _stream(bootstrap, names.topic, rate) as stream:
            program.ready()
            time.sleep(before)
            watch = _Watch(program)
            in_flight = round(program.metric("postback_in_flight"))
            size = watch.megabytes()
            failed = watch.failed()
            gone = partner.change(kind)
            while time.monotonic() < gone + seconds:
                watch.look()
                time.sleep(0.25)
            back = partner.change("up")
            wait_until("a delivery", lambda: any(at >= back for at, _ in reversed(partner.arrived)), 90.0)
            while time.monotonic() < back + 3.0:
                watch.look()
                time.sleep(0.25)
            stream.stop()
            wait_until("all delivered", lambda: len(partner.recorded) == stream.produced, 120.0)
            used_up = watch.failed() - failed
            grown = watch.megabytes() - size
            assert program.end() == 0
    arrived = partner.arrived
    first = min(at for at, _ in arrived if at >= back)
    away = [at for at, _ in arrived if gone < at < back]
    last = max(away, default=gone)
    return Figures(
        produced=stream.produced,
        recorded=sum(partner.recorded.values()),
        twice=sum(count > 1 for count in partner.recorded.values()),
        lost=partner.lost,
        used_up=used_up,
        in_flight=max(in_flight, len(partner.refused)),
        first_delivery=first - back,
        last_pause=first - last,
        former_rate=sum(gone - 5.0 <= at < gone for at, _ in arrived) / 5.0,
        first_second=sum(first <= at < first + 1.0 for at, _ in arrived),
        unhealthy=watch.unhealthy,
        grown=grown,
    )


class _Watch:
    """Looks at a program: its health, its metrics, its size."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.unhealthy = 0

    def look(self) -> None:
        """Ask for its health; a broker that stands still is none of the partner's doing."""
        code, told = self._program.get("/readyz")
        self.unhealthy += code != 200 and "the broker does not answer" not in told
        self.unhealthy += self._program.get("/livez")[0] != 200

    def failed(self) -> int:
        """Attempts that counted and failed."""
        attempts, delivered = (
            self._program.metric("postback_attempts_total", **labels)
            for labels in ({}, {"outcome": "delivered"})
        )
        return round(attempts - delivered)

    def megabytes(self) -> float:
        """Its resident size."""
        size: int = psutil.Process(self._program._process.pid).memory_info().rss
        return size / 1e6


class _Stream:
    def __init__(self) -> None:
        self.produced = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, bootstrap: str, topic: str, rate: int) -> None:
        self._thread = threading.Thread(target=self._run, args=(bootstrap, topic, rate))
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait until what was written is acknowledged."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, bootstrap: str, topic: str, rate: int) -> None:
        began = time.monotonic()
        while not self._stop.wait(0.1):
            due = round((time.monotonic() - began) * rate)
            numbers = range(self.produced, due)
            produce(bootstrap, topic, [_event(number) for number in numbers])
            self.produced = due


def _event(number: int) -> Write:
    return Write(value(f"e-{number}", f"c-{number}", ago=1.0), partition=number % PARTITIONS)


@contextmanager
def _stream(bootstrap: str, topic: str, rate: int) -> Iterator[_Stream]:
    stream = _Stream()
    stream.start(bootstrap, topic, rate)
    try:
        yield stream
    finally:
        stream.stop()


def main() -> None:
    """Run one outage of each kind on a broker of its own, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.outage", description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kind", choices=KINDS, nargs="*", default=KINDS)
    given = parser.parse_args()
    with Broker() as broker, tempfile.TemporaryDirectory() as folder:
        for kind in given.kind:
            print(kind, outage(broker.bootstrap, Path(folder), kind, given.seconds), flush=True)


if __name__ == "__main__":
    main()
