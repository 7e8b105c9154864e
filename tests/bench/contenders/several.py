"""One destination that takes every event, beside others in the same process that pass over all of them.

The rule: the one that takes is the same as alone, so that what the run costs more is what passing over costs.
"""

from __future__ import annotations

import time

from tests.bench.contenders.worker import Countdown, make_settings, run
from tests.bench.job import Figures, Job
from worker.app import Worker
from worker.core.routing import Route
from worker.ops.topics import create_all
from worker.settings import Deployment

OTHERS = 4
"""Destinations that pass over every event."""


async def alone(job: Job) -> Figures:
    """The one that takes, and no other."""
    return await _with(job, "network", 0)


async def by_field(job: Job) -> Figures:
    """The others ask for a field of the event."""
    return await _with(job, "network", OTHERS)


async def by_header(job: Job) -> Figures:
    """The others ask for a header of the record."""
    return await _with(job, "header.network", OTHERS)


async def _with(job: Job, asked: str, others: int) -> Figures:
    settings = make_settings(job)
    taking = settings.destination.name
    # Groups that nobody had before: they begin at the start of the topic each time.
    groups = {f"other-{number}": f"{job.group}.{time.time_ns()}.{number}" for number in range(others)}
    passing = [
        settings.model_copy(
            update={
                "kafka": settings.kafka.model_copy(update={"group_id": group}),
                "destination": settings.destination.model_copy(update={"name": name}),
            }
        )
        for name, group in groups.items()
    ]
    routes = [Route(taking, {}), *(Route(name, {asked: frozenset({"another"})}) for name in groups)]
    deployment = Deployment((settings, *passing), tuple(routes))
    create_all(deployment)
    countdown = Countdown(job)
    return await run(job, Worker(deployment, countdown), countdown)
