"""The whole worker, everything on: validation, ledger, limit, circuit, metrics, commits."""

from __future__ import annotations

import asyncio
import time

from tests.bench.job import QUERY, Figures, Job, Meter
from worker.adapters.logs import set_up
from worker.app import Worker
from worker.core.endings import Delivered
from worker.ports import Observer
from worker.settings import Deployment, Destination, Http, Kafka, Log, Settings

WINDOW = 10.0
"""Seconds that are counted where a job says from when."""


class Countdown(Observer):
    """Counts deliveries and says when all have been made; their cost is taken from the first record on.

    Where `before` is given, it is taken once this share of them has been made.
    """

    def __init__(self, job: Job, before: float = 0.0) -> None:
        self._left = job.events
        self._before = int(before * job.events)
        self._given = 0
        self._meter: Meter | None = None
        self._loop = asyncio.get_running_loop()
        self.cost: Figures | None = None
        self.stop = asyncio.Event()
        self._windowed = job.begin > 0
        if self._windowed:
            self._loop.call_later(job.begin - time.monotonic(), self._open)

    def consumed(self, topic: str, count: int) -> None:
        """Begin with the first record."""
        if not self._windowed and not self._before:
            self._meter = self._meter or Meter()

    def delivered(self, ending: Delivered, now: float) -> None:
        """Count."""
        self._given += 1
        if self._given == self._before and not self._windowed:
            self._meter = Meter()
        if self._given == self._left and not self._windowed:
            self._end()

    def _open(self) -> None:
        self._given, self._meter = 0, Meter()
        self._loop.call_later(WINDOW, self._end)

    def _end(self) -> None:
        assert self._meter is not None
        self.cost = self._meter.read(max(1, self._given - self._before))
        self.stop.set()


def make_settings(job: Job, transport: str = "direct") -> Settings:
    """The defaults, but for the addresses and the number in flight; sets up a quiet log."""
    set_up("json", "error")
    return Settings(
        kafka=Kafka(bootstrap_servers=job.bootstrap, topic=job.topic, group_id=job.group),
        destination=Destination(
            simple_url=job.base + "/postback?click_id={click_id}",
            event_url=job.base + QUERY,
            concurrency=job.concurrency,
            transport=transport,
            allow_private_addresses=True,
        ),
        http=Http(port=0),
        log=Log(level="error"),
    )


async def run(job: Job, worker: Worker, countdown: Countdown) -> Figures:
    """Run a worker until the countdown has ended."""
    await worker.run(countdown.stop)
    assert countdown.cost is not None
    return countdown.cost


async def direct(job: Job) -> Figures:
    """The default transport."""
    countdown = Countdown(job)
    return await run(job, Worker(Deployment.of(make_settings(job)), countdown, caches=False), countdown)


async def session(job: Job) -> Figures:
    """The conservative transport."""
    countdown = Countdown(job)
    return await run(
        job, Worker(Deployment.of(make_settings(job, "session")), countdown, caches=False), countdown
    )
