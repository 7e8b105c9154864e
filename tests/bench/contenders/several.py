"""What several destinations cost: the one that takes an event, and each of those that pass over it.

The rules: what several cost is compared with one alone, both once they have started. What passes over is the
whole worker, on a backlog of which it takes nothing; beside it there is a loop that reads the same with the
same client, and does nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from confluent_kafka import Consumer

from tests.bench.contenders.worker import Countdown, make_settings, run
from tests.bench.job import Figures, Job, Meter
from worker.adapters.kafka import consumer_config
from worker.adapters.kafka.poll_thread import BATCH_RECORDS
from worker.adapters.kafka.turns import TURN_SECONDS
from worker.app import Worker
from worker.core.routing import Route, When
from worker.ops.topics import create_all
from worker.ports import Observer
from worker.settings import Deployment, Settings

OTHERS = 4
"""Destinations beside the one that takes every event."""

BEFORE = 0.25
"""The share of the events that comes before what is counted: the start of a worker goes on beside them."""

_ANOTHER = frozenset({"another"})


async def alone(job: Job) -> Figures:
    """There is one destination, and it takes every event."""
    countdown = Countdown(job, BEFORE)
    return await run(job, Worker(Deployment.of(make_settings(job)), countdown, caches=False), countdown)


async def beside_idle(job: Job) -> Figures:
    """One takes every event, as the fallback, which parses each to know; the others have nothing to read."""
    settings = make_settings(job)
    others = [_other(job, settings, number, "latest") for number in range(OTHERS)]
    routes: dict[str, When] = {other.destination.name: {"network": _ANOTHER} for other in others}
    routes[settings.destination.name] = {}
    countdown = Countdown(job, BEFORE)
    return await run(job, _worker([settings, *others], routes, countdown), countdown)


async def by_field(job: Job) -> Figures:
    """What it asks for is a field of the event."""
    return await _passing(job, {"network": _ANOTHER})


async def by_header(job: Job) -> Figures:
    """What it asks for is a header of the record."""
    return await _passing(job, {"header.network": _ANOTHER})


async def by_fallback(job: Job) -> Figures:
    """It is the fallback, and another takes all: it has to know that the event can be read."""
    return await _passing(job, {}, {"event": frozenset({"purchase"})})


async def only_reads(job: Job) -> Figures:
    """A thread polls and takes batches as the worker does, and looks at nothing of them."""
    config = consumer_config(job.bootstrap, _fresh_group(job), "reader", {})
    consumer = Consumer({**config, "auto.offset.reset": "earliest"})
    consumer.subscribe([job.topic])
    passes = _Passes(job)
    while passes.cost is None:
        if consumer.poll(TURN_SECONDS) is not None:
            passes.passed(job.topic, 1 + len(consumer.consume(BATCH_RECORDS - 1, 0)))
    consumer.close()
    return passes.cost


class _Passes(Observer):
    """Counts what is passed over, and says when that is all."""

    def __init__(self, job: Job) -> None:
        self._events = job.events
        self._count = self._before = 0
        self._meter: Meter | None = None
        self.cost: Figures | None = None
        self.stop = asyncio.Event()

    def passed(self, topic: str, count: int) -> None:
        """Count."""
        self._count += count
        if self._meter is None and self._count >= BEFORE * self._events:
            self._before, self._meter = self._count, Meter()
        if self._count >= self._events and self._meter is not None and self.cost is None:
            self.cost = self._meter.read(self._count - self._before)
            self.stop.set()


async def _passing(job: Job, when: When, others: When | None = None) -> Figures:
    settings = _other(job, make_settings(job), 0, "earliest")
    passes = _Passes(job)
    worker = _worker([settings], {settings.destination.name: when, "taking": others or {}}, passes)
    await worker.run(passes.stop)
    assert passes.cost is not None
    return passes.cost


def _worker(served: list[Settings], routes: Mapping[str, When], observer: Observer) -> Worker:
    deployment = Deployment(tuple(served), tuple(Route(name, when) for name, when in routes.items()))
    create_all(deployment)
    return Worker(deployment, observer, caches=False)


def _other(job: Job, settings: Settings, number: int, start: str) -> Settings:
    name = f"other-{number}"
    kafka = settings.kafka.model_copy(update={"group_id": f"{_fresh_group(job)}.{number}", "start": start})
    destination = settings.destination.model_copy(update={"name": name})
    return settings.model_copy(update={"kafka": kafka, "destination": destination})


def _fresh_group(job: Job) -> str:
    """One that nobody had before: it begins at the start of the topic each time."""
    return f"{job.group}.{time.time_ns()}"
