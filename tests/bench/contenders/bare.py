"""Sending alone, without Kafka: what the others are measured against, and the floor."""

from __future__ import annotations

import asyncio

import aiohttp
import httptools

from tests.bench.job import Figures, Job, Meter, target


async def bare(job: Job) -> Figures:
    """A `ClientSession.get` loop: no Kafka, no validation, no metrics."""
    numbers = iter(range(job.events))
    connector = aiohttp.TCPConnector(limit=job.concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def lane() -> None:
            for number in numbers:
                async with session.get(job.url(number)) as answer:
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


async def raw(job: Job) -> Figures:
    """An asyncio protocol around httptools: the least that Python can do."""
    loop = asyncio.get_running_loop()
    host, _, port = job.base.rpartition("://")[2].partition(":")
    tls = job.base.startswith("https") or None
    numbers = iter(range(job.events))

    async def lane() -> None:
        transport, protocol = await loop.create_connection(_Raw, host, int(port), ssl=tls)
        for number in numbers:
            protocol.waiter = loop.create_future()
            head = f"GET {target(number)} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: */*\r\n\r\n"
            transport.write(head.encode())
            await protocol.waiter
        transport.close()

    meter = Meter()
    await asyncio.gather(*(lane() for _ in range(job.concurrency)))
    return meter.read(job.events)
