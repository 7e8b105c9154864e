"""The scripts that teams write: confluent-kafka and aiohttp, no validation, no retries, no metrics.

The rule: each is written as well as such a script is, not worse: consuming leaves the loop free, one session,
one connection for each request in flight. What they promise is said in their docstrings.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from confluent_kafka import Consumer, Message

from tests.bench.job import QUERY, Figures, Job, Meter


@asynccontextmanager
async def _session(job: Job) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=job.concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


def _consumer(job: Job) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": job.bootstrap,
            "group.id": job.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([job.topic])
    return consumer


async def _send(session: aiohttp.ClientSession, job: Job, message: Message) -> None:
    event = json.loads(message.value() or b"")
    async with session.get(job.base + QUERY.format(**event)) as answer:
        await answer.read()
        assert answer.status == 200


async def batch(job: Job) -> Figures:
    """Consume as many as may be in flight, gather, commit: at least once, and the slowest holds up all."""
    consumer, done = _consumer(job), 0
    meter: Meter | None = None
    async with _session(job) as session:
        while done < job.events:
            # 50 ms: `consume` waits for all of its time unless the batch is full.
            messages = await asyncio.to_thread(consumer.consume, job.concurrency, 0.05)
            found = [message for message in messages if not message.error()]
            if not found:
                continue
            meter = meter or Meter()
            await asyncio.gather(*(_send(session, job, message) for message in found))
            await asyncio.to_thread(consumer.commit, asynchronous=False)
            done += len(found)
        assert meter is not None
        cost = meter.read(done)
    consumer.close()
    return cost


async def one(job: Job) -> Figures:
    """Poll, send, commit: at least once, one at a time."""
    consumer, done = _consumer(job), 0
    meter: Meter | None = None
    async with _session(job) as session:
        while done < job.events:
            message = await asyncio.to_thread(consumer.poll, 0.1)
            if message is None or message.error():
                continue
            meter = meter or Meter()
            await _send(session, job, message)
            consumer.commit(message=message, asynchronous=True)
            done += 1
        assert meter is not None
        cost = meter.read(done)
    consumer.close()
    return cost


async def tasks(job: Job) -> Figures:
    """Poll on the loop, a task each, commit every thousandth: what was in flight is lost in a crash."""
    consumer, done = _consumer(job), 0
    slots = asyncio.Semaphore(job.concurrency)
    running: set[asyncio.Task[None]] = set()
    meter: Meter | None = None
    async with _session(job) as session:

        async def send(message: Message) -> None:
            nonlocal done
            try:
                await _send(session, job, message)
            finally:
                done += 1
                slots.release()

        while done < job.events:
            message = consumer.poll(0) if running else await asyncio.to_thread(consumer.poll, 0.1)
            if message is None:
                await asyncio.sleep(0.001)
                continue
            if message.error():
                continue
            meter = meter or Meter()
            await slots.acquire()
            task = asyncio.create_task(send(message))
            running.add(task)
            task.add_done_callback(running.discard)
            if done % 1000 == 0:
                consumer.commit(message=message, asynchronous=True)
            if done + len(running) >= job.events:
                await asyncio.gather(*running)
        assert meter is not None
        cost = meter.read(done)
    consumer.close()
    return cost
