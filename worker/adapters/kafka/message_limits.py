"""How large a record topics take: `max.message.bytes`, as the broker says it.

The rule: what the broker does not say is None; the loop never waits in the call, and its default executor,
where names are resolved, is left alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.errors import KafkaUnavailable
from worker.adapters.kafka.own_topics import describe

TIMEOUT_SECONDS = 5.0
"""Seconds that the broker may take to say it."""


class TopicLimits:
    """Asks of `topics`, those that the publisher sends to; `config` is what `admin_config` made."""

    def __init__(self, config: Config, topics: Sequence[str]) -> None:
        self._config = config
        self._topics = tuple(topics)
        self._thread = ThreadPoolExecutor(1, "kafka-limits")
        self._closed = False

    async def smallest(self) -> int | None:
        """The smallest limit of all the topics; None where none is known."""
        return min((await self._ask(self._topics)).values(), default=None)

    async def of(self, topic: str) -> int | None:
        """The limit of one topic; None where it is unknown."""
        return (await self._ask([topic])).get(topic)

    def close(self) -> None:
        """Ask no more; does not wait."""
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, topics: Sequence[str]) -> dict[str, int]:
        if self._closed:
            return {}
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, known_limits, self._config, topics)


def known_limits(config: Config, topics: Sequence[str]) -> dict[str, int]:
    """The limits of those topics of which the broker says it. Blocking."""
    try:
        found = describe(config, topics, TIMEOUT_SECONDS)
    except KafkaUnavailable:
        return {}
    return {name: topic.max_message_bytes for name, topic in found.items() if topic.max_message_bytes}
