"""The ways to send that are compared, each run in a process of its own that prints what it cost.

The rule: all send the same requests to the same sink with the same number in flight, on uvloop.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import ssl
import time
from collections.abc import Callable, Coroutine
from typing import NamedTuple

import aiohttp
import httptools
import uvloop
from confluent_kafka import Consumer

from schemas import decode
from worker.app import Worker
from worker.core.settle import Delivered
from worker.ports import Observer
from worker.settings import Destination, Http, Kafka, Log, Settings

QUERY = "/postback?measurement=1&click_id={click_id}&event={event}&payout={payout}"


class Job(NamedTuple):
    """What to do: so many requests, so many in flight, to the sink at `base`."""

    base: str
    events: int
    concurrency: int
    bootstrap: str = ""
    topic: str = ""
    group: str = ""
    authority: str = ""


class Meter:
    """CPU, wall time and memory of this process, from its making on."""

    def __init__(self) -> None:
        self._cpu = _cpu()
        self._wall = time.perf_counter()

    def read(self, count: int) -> dict[str, float]:
        """Say what `count` events cost."""
        cpu, wall = _cpu() - self._cpu, time.perf_counter() - self._wall
        return {
            "events": count,
            "cpu_us": cpu / count * 1e6,
            "per_second": count / wall,
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _url(base: str, number: int) -> str:
    return base + QUERY.format(click_id=f"click-{number:012d}", event="purchase", payout="49.99")


async def bare(job: Job) -> dict[str, float]:
    """A `ClientSession.get` loop: no Kafka, no validation, no metrics."""
    numbers = iter(range(job.events))
    connector = aiohttp.TCPConnector(limit=job.concurrency, ssl=_tls(job) or True)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def lane() -> None:
            for number in numbers:
                async with session.get(_url(job.base, number)) as answer:
                    await answer.read()
                    assert answer.status == 200

        meter = Meter()
        await asyncio.gather(*(lane() for _ in range(job.concurrency)))
        return meter.read(job.events)


class _Raw(asyncio.Protocol):
    def __init__(self) -> None:
        self.waiter: asyncio.Future[None] | None = None
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self.waiter is not None:
            self.waiter.set_result(None)
        self._parser = httptools.HttpResponseParser(self)


async def raw(job: Job) -> dict[str, float]:
    """An asyncio protocol around httptools: the least that Python can do."""
    loop = asyncio.get_running_loop()
    host, _, port = job.base.rpartition("://")[2].partition(":")
    numbers = iter(range(job.events))

    async def lane() -> None:
        transport, protocol = await loop.create_connection(_Raw, host, int(port), ssl=_tls(job))
        for number in numbers:
            protocol.waiter = loop.create_future()
            target = _url("", number)
            transport.write(f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: */*\r\n\r\n".encode())
            await protocol.waiter
        transport.close()

    meter = Meter()
    await asyncio.gather(*(lane() for _ in range(job.concurrency)))
    return meter.read(job.events)


async def naive(job: Job) -> dict[str, float]:
    """The script that most teams write: poll a message, start a task, commit now and then."""
    consumer = Consumer(
        {
            "bootstrap.servers": job.bootstrap,
            "group.id": job.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([job.topic])
    slots = asyncio.Semaphore(job.concurrency)
    running: set[asyncio.Task[None]] = set()
    done = 0
    meter: Meter | None = None
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=job.concurrency)) as session:

        async def send(value: bytes) -> None:
            nonlocal done
            try:
                event = json.loads(value)
                url = job.base + QUERY.format(**event)
                async with session.get(url) as answer:
                    await answer.read()
                    assert answer.status == 200
            finally:
                done += 1
                slots.release()

        while done < job.events:
            message = await asyncio.to_thread(consumer.poll, 0.1) if not running else consumer.poll(0)
            if message is None:
                await asyncio.sleep(0.001)
                continue
            if message.error():
                continue
            meter = meter or Meter()
            await slots.acquire()
            task = asyncio.create_task(send(message.value() or b""))
            running.add(task)
            task.add_done_callback(running.discard)
            if done % 1000 == 0:
                consumer.commit(message=message, asynchronous=True)
            if done + len(running) >= job.events:
                await asyncio.gather(*running)
        assert meter is not None
        cost = meter.read(job.events)
    consumer.close()
    return cost


class _Countdown(Observer):
    def __init__(self, count: int, stop: asyncio.Event) -> None:
        self._left = count
        self._stop = stop
        self.meter: Meter | None = None

    def consumed(self, topic: str, count: int) -> None:
        self.meter = self.meter or Meter()

    def delivered(self, ending: Delivered, now: float) -> None:
        self._left -= 1
        if not self._left:
            self._stop.set()


def worker(transport: str) -> Callable[[Job], Coroutine[None, None, dict[str, float]]]:
    """The whole worker, everything on: validation, ledger, limit, circuit, metrics, commits."""

    async def run(job: Job) -> dict[str, float]:
        stop = asyncio.Event()
        countdown = _Countdown(job.events, stop)
        url = job.base + QUERY
        settings = Settings(
            kafka=Kafka(bootstrap_servers=job.bootstrap, topic=job.topic, group_id=job.group),
            destination=Destination(
                simple_url=job.base + "/postback?click_id={click_id}",
                event_url=url,
                concurrency=job.concurrency,
                transport=transport,
                allow_private_addresses=True,
            ),
            http=Http(port=0),
            log=Log(level="error"),
        )
        await Worker(settings, countdown).run(stop)
        assert countdown.meter is not None
        return countdown.meter.read(job.events)

    return run


async def decode_only(job: Job) -> dict[str, float]:
    """Only the validation of an event, for the profile of what lies above the limit."""
    value = make_event(1, time.time())
    meter = Meter()
    for _ in range(job.events):
        decode(value, now=time.time())
    return meter.read(job.events)


def make_event(number: int, now: float) -> bytes:
    """One conversion, as a shop's pipeline writes it."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    return (
        f'{{"event_id":"event-{number:012d}","click_id":"click-{number:012d}","event":"purchase",'
        f'"payout":"49.99","occurred_at":"{at}","clicked_at":"{at}","order_id":"order-{number}"}}'
    ).encode()


CONTENDERS: dict[str, Callable[[Job], Coroutine[None, None, dict[str, float]]]] = {
    "raw": raw,
    "bare": bare,
    "worker": worker("direct"),
    "worker-session": worker("session"),
    "naive": naive,
    "decode": decode_only,
}


def _tls(job: Job) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=job.authority) if job.authority else None


def main() -> None:
    """Run one contender and print what it cost, as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=CONTENDERS)
    parser.add_argument("job", help="the fields of a Job, as JSON")
    given = parser.parse_args()
    job = Job(**json.loads(given.job))
    print(json.dumps(uvloop.run(CONTENDERS[given.name](job))))


if __name__ == "__main__":
    main()
