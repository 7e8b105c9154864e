"""The largest record that topics take: `max.message.bytes`, as the broker reports it.

The rule: what the broker does not report is None, and nobody waits long for it: the embedded broker never
does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.errors import KafkaUnavailable
from worker.adapters.kafka.own_topics import describe
from worker.adapters.own_thread import in_own_thread

TIMEOUT_SECONDS = 5.0
"""Seconds that the broker may take."""

SOON_SECONDS = 0.5
"""Seconds that the first records wait for the answer, which may then come later."""


class TopicLimits:
    """Asks about `topics`, to which the publisher sends; `config` is made by `admin_config`."""

    def __init__(self, config: Config, topics: Sequence[str]) -> None:
        self._config = config
        self._topics = tuple(topics)
        self._asking: asyncio.Task[int | None] | None = None

    async def soon(self, on_late: Callable[[int], None]) -> int | None:
        """The smallest limit of all the topics; None if it is not known within SOON_SECONDS.

        `on_late` is called if the answer comes later.
        """
        asking = self._asking = asyncio.create_task(self._smallest())
        done, _ = await asyncio.wait([asking], timeout=SOON_SECONDS)
        if done:
            return asking.result()
        asking.add_done_callback(partial(_tell, on_late))
        return None

    async def of(self, topic: str) -> int | None:
        """The limit of one topic; None if unknown."""
        return (await self._ask([topic])).get(topic)

    def close(self) -> None:
        """Report nothing more."""
        if self._asking is not None:
            self._asking.cancel()

    async def _smallest(self) -> int | None:
        return min((await self._ask(self._topics)).values(), default=None)

    async def _ask(self, topics: Sequence[str]) -> dict[str, int]:
        ask = partial(known_limits, self._config, topics)
        try:
            return await in_own_thread("kafka-limits", ask, KafkaUnavailable)
        except KafkaUnavailable:
            return {}


def _tell(on_late: Callable[[int], None], asked: asyncio.Task[int | None]) -> None:
    limit = None if asked.cancelled() else asked.result()
    if limit is not None:
        on_late(limit)


def known_limits(config: Config, topics: Sequence[str]) -> dict[str, int]:
    """The limits of these topics, as far as the broker reports them. Blocking."""
    try:
        found = describe(config, topics, TIMEOUT_SECONDS)
    except KafkaUnavailable:
        return {}
    return {name: topic.max_message_bytes for name, topic in found.items() if topic.max_message_bytes}
