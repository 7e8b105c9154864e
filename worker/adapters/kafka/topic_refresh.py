"""When a member's client looks at its topics anew: between two of our calls, never while it revokes.

librdkafka (2.16) joins its group anew as soon as it hears that a topic has changed, also while a revocation
is being drained; what is drained it does not count as its own any more. So the group gives it to another
member, both work on it, and both may commit. Its own look, every so often, is turned off for that.

The rule: a look at all topics is the only thing that has it join anew; it is made here, right after a poll.
Where the broker tells how many partitions each has, it is made when that is news, and seldom otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, KafkaException

from worker.adapters.kafka.config import Config, uses_new_protocol
from worker.adapters.kafka.topic_descriptions import existing_topics
from worker.adapters.kafka.topic_ids import TopicIds

TIMEOUT_SECONDS = 2.0
"""Seconds that a look may take: the thread does nothing else meanwhile. What comes later the client hears."""

SILENT_SECONDS = 10.0
"""Seconds until a broker that did not answer in time is asked again."""

AGAIN_SECONDS = 1.0
"""Seconds between two looks at least."""

SELDOM_SECONDS = 300.0
"""Seconds between two looks at topics of which the broker tells what changes."""

INTERVAL = "topic.metadata.refresh.interval.ms"
"""The property that says how often to look; the user's own, and ours for the client."""

_NEVER = float("inf")


class TopicRefresh:
    """Of a member's client; `config` is its own, `topics` what it subscribes to. Times are monotonic.

    With `group.protocol=consumer` the broker shares out, and the client may look whenever it likes.
    """

    def __init__(self, config: Config, topics: Sequence[str], ids: TopicIds | None) -> None:
        self._topics = [topic for topic in topics if not topic.startswith("^")]
        self._ids = ids
        self._has_pattern = len(self._topics) < len(topics)
        milliseconds = int(config.get(INTERVAL, 0))
        self._every = milliseconds / 1000 if milliseconds > 0 else _NEVER
        self._is_off = uses_new_protocol(config)
        self._seen: Mapping[str, int] = {}
        self._next_look = self._next_in_turn = 0.0

    def begin(self) -> Config:
        """Begin with another client, which has seen nothing yet; return what it must have set."""
        self._seen, self._next_look, self._next_in_turn = {}, 0.0, 0.0
        return {} if self._is_off else {INTERVAL: -1}

    def look(self, consumer: Consumer, now: float) -> None:
        """Have the client look, where it is time."""
        if self._is_off or now < self._next_look:
            return
        told = self._told()
        if now < self._next_in_turn and not self._is_news(told):
            return
        try:
            listed = existing_topics(consumer.list_topics(timeout=TIMEOUT_SECONDS).topics)
        except KafkaException:
            self._next_look = now + SILENT_SECONDS
            return
        self._next_look = now + min(AGAIN_SECONDS, self._every)
        self._seen = {
            topic: len(listed[topic].partitions) if topic in listed else 0 for topic in self._topics
        }
        is_told = not self._has_pattern and None not in told.values()
        self._next_in_turn = now + (max(SELDOM_SECONDS, self._every) if is_told else self._every)

    def _told(self) -> Mapping[str, int | None]:
        """How many partitions each topic has, as the broker tells; None where it does not."""
        ids = self._ids
        return {topic: None if ids is None else ids.partitions(topic) for topic in self._topics}

    def _is_news(self, told: Mapping[str, int | None]) -> bool:
        """Whether the client has seen a topic otherwise than it is by now."""
        return any(count not in {None, self._seen.get(topic)} for topic, count in told.items())
