"""One destination that takes every event, beside others in the same process that pass over all of them.

The rule: the others are there in each run, once with nothing to read, so that what the run costs more is what
passing over costs.
"""

from __future__ import annotations

import time

from tests.bench.contenders.worker import Countdown, make_settings, run
from tests.bench.job import Figures, Job
from worker.app import Worker
from worker.core.routing import Route
from worker.ops.topics import create_all
from worker.settings import Deployment
from worker.settings.values import EARLIEST

OTHERS = 4
"""Destinations that pass over every event."""


async def beside_idle(job: Job) -> Figures:
    """The others begin at the end of the topic: none of the events is there for them."""
    return await _with(job, "network", "latest")


async def by_field(job: Job) -> Figures:
    """The others ask for a field of the event."""
    return await _with(job, "network", EARLIEST)


async def by_header(job: Job) -> Figures:
    """The others ask for a header of the record."""
    return await _with(job, "header.network", EARLIEST)


async def _with(job: Job, asked: str, start: str) -> Figures:
    settings = make_settings(job)
    taking = settings.destination.name
    # Groups that nobody had before: they begin at the start of the topic each time.
    groups = {f"other-{number}": f"{job.group}.{time.time_ns()}.{number}" for number in range(OTHERS)}
    passing = [
        settings.model_copy(
            update={
                "kafka": settings.kafka.model_copy(update={"group_id": group, "start": start}),
                "destination": settings.destination.model_copy(update={"name": name}),
            }
        )
        for name, group in groups.items()
    ]
    routes = [Route(taking, {}), *(Route(name, {asked: frozenset({"another"})}) for name in groups)]
    deployment = Deployment((settings, *passing), tuple(routes))
    create_all(deployment)
    countdown = Countdown(job)
    return await run(job, Worker(deployment, countdown, caches=False), countdown)
