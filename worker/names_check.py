"""Asks, before the start, whether names of destinations were exchanged.

The rule: a broker that does not answer, or a journal that can't be read, keeps nobody from starting.
"""

from __future__ import annotations

import asyncio
from functools import partial

from worker.adapters.kafka import KafkaUnavailable
from worker.adapters.kafka.config import Config
from worker.adapters.kafka.last_origin import last_origin
from worker.adapters.own_thread import in_own_thread
from worker.compiled import variables_by_origin
from worker.core.exchanged_names import taken_origins
from worker.settings import Deployment, Settings
from worker.settings.several import taken_line

OR_ADOPT = "; or, where it is meant to go there, start with `postback-worker run --adopt`"


async def taken_lines(reader: Config, deployment: Deployment) -> list[str]:
    """A line for each of several destinations whose network has another name by now.

    `reader` is the configuration of a client that reads.
    """
    if not deployment.is_several:
        return []
    configured = {one.destination.name: one for one in (*deployment.destinations, *deployment.others)}
    origins = await asyncio.gather(*(_last_origin(reader, one) for one in configured.values()))
    before = {name: origin for name, origin in zip(configured, origins, strict=True) if origin is not None}
    now = {name: {str(origin) for origin in variables_by_origin(one)} for name, one in configured.items()}
    return [
        taken_line(configured[name], origin, other) + OR_ADOPT
        for name, origin, other in taken_origins(before, now)
    ]


async def _last_origin(reader: Config, settings: Settings) -> str | None:
    if not settings.journal.enabled:
        return None
    ask = partial(last_origin, reader, settings.journal_topic)
    try:
        return await in_own_thread("kafka-names", ask, KafkaUnavailable)
    except KafkaUnavailable:
        return None
