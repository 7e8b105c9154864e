"""Decides when a member's client refreshes its topics: between two of our calls, and while its group stands.

librdkafka (2.16) rejoins its group as soon as it hears that a topic has changed. While a revocation is being
drained, it then no longer counts the draining partitions as its own: the group gives them to another member,
both work on them, and both may commit. While it waits for the answer to a JoinGroup, it drops that answer,
and may take a commit's, which comes behind it and is of the generation before, for the loss of all it has.
That is why the client's own periodic refresh is turned off. The rule: only a refresh of all topics makes it
rejoin, and that is done here, right after a poll, if the coordinator answers (behind a JoinGroup it answers
nothing). If the broker tells how many partitions each topic has, it is done when that changes, and seldom
otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from confluent_kafka import Consumer, KafkaException

from worker.adapters.kafka.config import Config, uses_new_protocol
from worker.adapters.kafka.coordinator import why_silent
from worker.adapters.kafka.records import to_topic_partitions
from worker.adapters.kafka.topic_descriptions import existing_topics
from worker.adapters.kafka.topic_ids import TopicIds
from worker.core.record import Partition

TIMEOUT_SECONDS = 2.0
"""Seconds that a refresh may take, because the thread does nothing else meanwhile."""

STANDS_SECONDS, STANDS_AGAIN_SECONDS = 0.5, 3.0
"""Seconds within which a coordinator answers whose group waits for nobody, and until it is asked again."""

LONG_WAIT_SECONDS = 30.0
"""Seconds after which it is told that the topics are still not looked at; longer than a worker drains."""

SILENT_SECONDS = 10.0
"""Seconds until a broker that did not answer in time is asked again."""

AGAIN_SECONDS = 1.0
"""Least seconds between two refreshes."""

SELDOM_SECONDS = 300.0
"""Seconds between two refreshes if the broker tells of changes."""

INTERVAL = "topic.metadata.refresh.interval.ms"
"""The property for the interval: the user's value counts here, ours turns off the client's own."""

_NEVER = float("inf")


class TopicRefresh:
    """For a member's client; `config` is its own, `topics` is its subscription. Times are monotonic.

    `tell` hears of a trouble that lasts.

    With `group.protocol=consumer` the broker assigns, and the client may refresh whenever it likes.
    """

    def __init__(
        self, config: Config, topics: Sequence[str], ids: TopicIds | None, tell: Callable[[str], None]
    ) -> None:
        self._tell = tell
        self._waits_since: float | None = None
        self._topics = [topic for topic in topics if not topic.startswith("^")]
        self._ids = ids
        self._has_pattern = len(self._topics) < len(topics)
        milliseconds = int(config.get(INTERVAL, 0))
        self._every = milliseconds / 1000 if milliseconds > 0 else _NEVER
        self._is_off = uses_new_protocol(config)
        self._counts: Mapping[str, int] = {}
        self._next_look = self._next_in_turn = 0.0

    def begin(self) -> Config:
        """Begin with another client, which has seen nothing yet; return the properties that it needs."""
        self._counts, self._next_look, self._next_in_turn = {}, 0.0, 0.0
        self._waits_since = None
        return {} if self._is_off else {INTERVAL: -1}

    def look(self, consumer: Consumer, ours: Collection[Partition], now: float) -> None:
        """Have the client refresh, if it is time; later if its group, in which these are `ours`, waits."""
        if self._is_off or now < self._next_look:
            return
        described = self._described()
        if now < self._next_in_turn and not self._is_news(described):
            return
        if ours and (why := why_silent(consumer, to_topic_partitions([next(iter(ours))]), STANDS_SECONDS)):
            self._next_look = now + STANDS_AGAIN_SECONDS
            self._note_wait(now, why)
            return
        self._waits_since = None
        try:
            listed = existing_topics(consumer.list_topics(timeout=TIMEOUT_SECONDS).topics)
        except KafkaException:
            self._next_look = now + SILENT_SECONDS
            return
        self._next_look = now + min(AGAIN_SECONDS, self._every)
        self._counts = {
            topic: len(listed[topic].partitions) if topic in listed else 0 for topic in self._topics
        }
        is_described = not self._has_pattern and None not in described.values()
        self._next_in_turn = now + (max(SELDOM_SECONDS, self._every) if is_described else self._every)

    def _note_wait(self, now: float, why: str) -> None:
        """Tell once that the topics are not looked at, if that lasts."""
        if self._waits_since is None:
            self._waits_since = now
        if now - self._waits_since >= LONG_WAIT_SECONDS:
            self._waits_since = _NEVER
            self._tell(
                f"new partitions of {', '.join(self._topics)} would not be noticed: the group's coordinator"
                f" has not answered for {LONG_WAIT_SECONDS:.0f} s: {why}"
            )

    def _described(self) -> Mapping[str, int | None]:
        """How many partitions each topic has according to the broker; None if unknown."""
        ids = self._ids
        return {topic: None if ids is None else ids.partitions(topic) for topic in self._topics}

    def _is_news(self, described: Mapping[str, int | None]) -> bool:
        """Whether a topic has changed since the client saw it."""
        return any(count not in {None, self._counts.get(topic)} for topic, count in described.items())
