"""A healthy partition beside a bad one, through the real program: what the neighbour costs it.

The rule: a delay is from the publishing of a record to its 200, both by the clock of this process.
`python -m tests.e2e.neighbours` measures every kind of neighbour, with few lanes and with many.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from confluent_kafka import Producer

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.support.broker import Broker
from tests.support.kafka import Names, Write, create_topics, produce, wait_until

HEALTHY, BAD = 0, 1
"""The partitions."""

KINDS = ("400", "hang")
LATENCY = 0.02
_ANSWERS = {
    "h": b"200 OK\r\n",
    "b": b"400 Bad Request\r\n",
    "p": b"500 Internal Server Error\r\n",
    "t": b"429 Too Many Requests\r\nRetry-After: 60\r\n",
}


class Partner:
    """In a thread of its own: a click `s-…` gets no answer, others as _ANSWERS says by their letter."""

    def __init__(self) -> None:
        self.recorded: dict[str, float] = {}
        """When each click got its 200."""
        self.arrived: dict[str, float] = {}
        """When each click was first asked for."""
        self.asks: Counter[str] = Counter()
        """How often each click was asked for."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="partner")
        self._open: set[asyncio.Transport] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        opening = self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=512)
        self._server = asyncio.run_coroutine_threadsafe(opening, self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def asked(self) -> int:
        """How many requests for bad clicks there were."""
        return sum(count for click, count in self.asks.items() if not click.startswith("h-"))

    @property
    def env(self) -> Mapping[str, str]:
        """The settings that lead to it."""
        port = self._server.sockets[0].getsockname()[1]
        url = (
            f"http://127.0.0.1:{port}/?measurement=1&event={{event}}&payout={{payout}}&click_id={{click_id}}"
        )
        simple = f"http://127.0.0.1:{port}/?click_id={{click_id}}"
        return {"POSTBACK_DESTINATION__SIMPLE_URL": simple, "POSTBACK_DESTINATION__EVENT_URL": url}

    def answer(self, click: str, transport: asyncio.Transport) -> None:
        """Answer one request, or do not."""
        self.arrived.setdefault(click, time.monotonic())
        self.asks[click] += 1
        if not click.startswith("s-"):
            self._loop.call_later(LATENCY, self._write, click, transport)

    def opened(self, transport: asyncio.Transport, is_open: bool) -> None:
        """Hear of a connection."""
        (self._open.add if is_open else self._open.discard)(transport)

    def status(self, click: str) -> bytes:
        """What a click is answered now: a status line's end."""
        return _ANSWERS[click[0]]

    async def _close(self) -> None:
        self._server.close()
        for transport in tuple(self._open):
            transport.abort()
        await asyncio.sleep(0)

    def _write(self, click: str, transport: asyncio.Transport) -> None:
        transport.write(b"HTTP/1.1 " + self.status(click) + b"Content-Length: 0\r\n\r\n")
        if click.startswith("h-"):
            self.recorded.setdefault(click, time.monotonic())


class _Connection(asyncio.Protocol):
    def __init__(self, partner: Partner) -> None:
        self._partner = partner
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._partner.opened(transport, True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._partner.opened(self._transport, False)

    def data_received(self, data: bytes) -> None:
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for head in heads:
            click = head.split(b" ", 2)[1].rpartition(b"=")[2].decode()
            self._partner.answer(click, self._transport)


class Delays(NamedTuple):
    """Seconds from publishing to the 200."""

    records: int
    median: float
    p99: float
    worst: float

    @classmethod
    def of(cls, seconds: list[float]) -> Delays:
        """Sum up some, at least one."""
        ordered = sorted(seconds)
        median, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
        return cls(len(ordered), median, p99, ordered[-1])


class Figures(NamedTuple):
    """The healthy partition alone and beside the bad one, and how many requests the bad one made."""

    kind: str
    lanes: int
    alone: Delays
    beside: Delays
    bad_requests: int
    circuit: str


def live_beside(
    bootstrap: str,
    at: Path,
    kind: str,
    lanes: int,
    *,
    backlog: int,
    seconds: float,
    rate: float,
    timeout: str = "10s",
) -> Figures:
    """Send a stream on one partition for a while alone, then beside a backlog of bad records on the other."""
    names = Names.fresh("neighbours")
    create_topics(bootstrap, {names.topic: 2})
    with Partner() as partner:
        given = settings(
            bootstrap, names, RETRY__DELAYS="5s,30s", RETRY__MAX_ATTEMPTS=1000, DESTINATION__TIMEOUT=timeout
        )
        env = {**given, **partner.env, "POSTBACK_DESTINATION__CONCURRENCY": str(lanes)}
        assert call("topics", "create", env=env, at=at).returncode == 0
        with Program(env, at) as program:
            program.ready()
            stream = _Stream(bootstrap, names.topic, rate)
            stream.run(2.0)  # connections, first leaders
            alone = stream.run(seconds)
            letter = "b" if kind == "400" else "s"
            records = [
                Write(value(f"{letter}-{number}", f"{letter}-{number}"), b"%d" % number, partition=BAD)
                for number in range(backlog)
            ]
            produce(bootstrap, names.topic, records)
            beside = stream.run(seconds)
            everything = [*alone, *beside]
            wait_until("all healthy ones", lambda: all(click in partner.recorded for click in everything), 60)
            metrics = program.get("/metrics")[1]
    circuit = next(line for line in metrics.splitlines() if line.startswith("postback_circuit_state"))
    first, second = (
        Delays.of([partner.recorded[click] - sent for click, sent in phase.items()])
        for phase in (alone, beside)
    )
    return Figures(kind, lanes, first, second, partner.asked, circuit)


class _Stream:
    """Publishes healthy records at an even rate."""

    def __init__(self, bootstrap: str, topic: str, rate: float) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
        self._topic = topic
        self._rate = rate
        self._number = 0

    def run(self, seconds: float) -> dict[str, float]:
        """Publish for so long; return when each click was published."""
        sent = {}
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            self._number += 1
            click = f"h-{self._number}"
            sent[click] = now
            self._producer.produce(self._topic, value(f"e-{click}", click), partition=HEALTHY)
            self._producer.poll(0)
            time.sleep(1 / self._rate)
        self._producer.flush(10)
        return sent


def main() -> None:
    """Measure on a broker of its own, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.neighbours", description=main.__doc__)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--lanes", type=int, action="append")
    parser.add_argument("--backlog", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    with Broker() as broker, tempfile.TemporaryDirectory() as folder:
        for kind in given.kind or KINDS:
            for lanes in given.lanes or (8, 256):
                seen = live_beside(
                    *(broker.bootstrap, Path(folder), kind, lanes),
                    backlog=given.backlog,
                    seconds=given.seconds,
                    rate=min(80.0, 3.0 * lanes),
                )
                print(f"{kind}, {lanes} lanes: {seen.bad_requests} bad requests, {seen.circuit}")
                for name, delays in (("alone", seen.alone), ("beside", seen.beside)):
                    ms = [f"{seconds * 1000:.0f}" for seconds in delays[1:]]
                    print(f"  {name:6} {delays.records} records: median, p99, worst {' / '.join(ms)} ms")


if __name__ == "__main__":
    main()
