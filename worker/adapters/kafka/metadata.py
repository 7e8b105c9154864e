"""Which topics exist, from a full list of them.

The rule: only the list of all topics is asked for, because asking for one by name can create it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial

from confluent_kafka import KafkaException, Producer

from worker.adapters.kafka.errors import KafkaUnavailable, one_line
from worker.adapters.kafka.topic_descriptions import existing_topics
from worker.adapters.own_thread import in_own_thread

ASK_AGAIN_SECONDS = 1.0
"""Seconds between two questions, however often a topic is missing."""

TIMEOUT_SECONDS = 3.0
"""Seconds that a question may take."""


class Topics:
    """Remembers the topics seen; asks again when one is missing, or when the answer is old."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asking: asyncio.Future[dict[str, int]] | None = None
        self._asked_at = float("-inf")
        self.seen: dict[str, int] = {}
        """How many partitions each topic had when last asked."""
        self._failure: str | None = None
        self._closed = False

    def has(self, topic: str) -> bool:
        """Whether a topic existed when last asked; does no I/O."""
        return topic in self.seen

    def partitions(self, topic: str) -> int:
        """How many partitions a topic had when last asked, 0 if it did not exist; does no I/O."""
        return self.seen.get(topic, 0)

    async def missing(self, producer: Producer, topics: Iterable[str], max_age: float) -> list[str]:
        """Those of `topics` that do not exist; "none" is an answer at most `max_age` seconds old.

        Raises KafkaUnavailable without an answer: what was seen before says nothing about now.
        """
        wanted = list(topics)
        age = self._clock() - self._asked_at
        in_doubt = self._failure is not None or not self.seen.keys() >= {*wanted}
        if age >= max_age or (age >= ASK_AGAIN_SECONDS and in_doubt):
            await self._ask(producer)
        if self._failure is not None:
            raise KafkaUnavailable(self._failure)
        return [topic for topic in wanted if topic not in self.seen]

    def forget(self, topic: str) -> None:
        """Take a topic as missing until it is seen again."""
        self.seen.pop(topic, None)

    def close(self) -> None:
        """Ask no more; refuse later questions."""
        self._closed = True

    async def _ask(self, producer: Producer) -> None:
        """Ask for the list; simultaneous callers share one answer."""
        if self._closed:
            raise KafkaUnavailable("the client is being closed")
        if self._asking is None:
            self._asking = in_own_thread("kafka-topics", partial(_list, producer), KafkaUnavailable)
            self._asking.add_done_callback(self._on_answer)
        await asyncio.shield(self._asking)

    def _on_answer(self, answer: asyncio.Future[dict[str, int]]) -> None:
        self._asking = None
        self._asked_at = self._clock()
        if answer.cancelled():
            return
        error = answer.exception()
        self._failure = None if error is None else str(error)
        if error is None:
            self.seen = answer.result()


def _list(producer: Producer) -> dict[str, int]:
    try:
        found = producer.list_topics(timeout=TIMEOUT_SECONDS).topics
    except KafkaException as error:
        raise KafkaUnavailable(one_line(error)) from error
    return {name: len(topic.partitions) for name, topic in existing_topics(found).items()}
