"""FastStream's confluent subscribers with aiohttp, as its documentation writes them: a model, a handler.

The rule: its per-message log is off, and it may have as many in flight as the others where its way allows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
from faststream import AckPolicy
from faststream.confluent import KafkaBroker
from pydantic import BaseModel

from tests.bench.job import QUERY, Figures, Job, Meter


class Conversion(BaseModel):
    """What the URL needs of an event, as a handler declares it."""

    event_id: str
    click_id: str
    event: str
    payout: str


class _Count:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._done = 0
        self._meter: Meter | None = None
        self.cost: asyncio.Future[Figures] = asyncio.get_running_loop().create_future()

    def begin(self) -> None:
        self._meter = self._meter or Meter()

    def end(self, count: int) -> None:
        self._done += count
        if self._done >= self._job.events and not self.cost.done() and self._meter is not None:
            self.cost.set_result(self._meter.read(self._done))


Send = Callable[[Conversion], Awaitable[None]]


async def _run(job: Job, subscribe: Callable[[KafkaBroker, _Count, Send], None]) -> Figures:
    count = _Count(job)
    broker = KafkaBroker(job.bootstrap, logger=None)
    connector = aiohttp.TCPConnector(limit=job.concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def send(event: Conversion) -> None:
            url = job.base + QUERY.format(click_id=event.click_id, event=event.event, payout=event.payout)
            async with session.get(url) as answer:
                await answer.read()
                assert answer.status == 200

        subscribe(broker, count, send)
        await broker.start()
        cost = await count.cost
        await broker.stop()
    return cost


async def batch(job: Job) -> Figures:
    """A batch subscriber that gathers: acknowledged after the batch."""

    def subscribe(broker: KafkaBroker, count: _Count, send: Send) -> None:
        @broker.subscriber(
            job.topic,
            group_id=job.group,
            auto_offset_reset="earliest",
            batch=True,
            max_records=job.concurrency,
            ack_policy=AckPolicy.ACK,
        )
        async def handle(events: list[Conversion]) -> None:
            count.begin()
            await asyncio.gather(*(send(event) for event in events))
            count.end(len(events))

    return await _run(job, subscribe)


async def one(job: Job) -> Figures:
    """A subscriber of single messages: each acknowledged after its request."""

    def subscribe(broker: KafkaBroker, count: _Count, send: Send) -> None:
        @broker.subscriber(
            job.topic, group_id=job.group, auto_offset_reset="earliest", ack_policy=AckPolicy.ACK
        )
        async def handle(event: Conversion) -> None:
            count.begin()
            await send(event)
            count.end(1)

    return await _run(job, subscribe)


async def many(job: Job) -> Figures:
    """Single messages, `max_workers` at once: acknowledged first, as it must be, so lost in a crash."""

    def subscribe(broker: KafkaBroker, count: _Count, send: Send) -> None:
        @broker.subscriber(
            job.topic,
            group_id=job.group,
            auto_offset_reset="earliest",
            max_workers=job.concurrency,
            ack_policy=AckPolicy.ACK_FIRST,
        )
        async def handle(event: Conversion) -> None:
            count.begin()
            await send(event)
            count.end(1)

    return await _run(job, subscribe)
