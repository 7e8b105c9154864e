"""The client that reads the journal: its questions, and how it is replaced.

The rule: only the follower's thread calls it, except `relogin` and `renew`, which take effect at the next
turn. It joins no group and commits nothing.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.error_causes import ErrorCauses
from worker.adapters.kafka.errors import (
    NONE_HAS_A_LEADER,
    error_code,
    is_about_group,
    is_leaderless,
    kafka_error,
    one_line,
)
from worker.adapters.kafka.records import ReceivedMessage
from worker.adapters.kafka.topic_descriptions import existing_topics

ASK_TIMEOUT_SECONDS = 3.0

RENEW_AFTER_SECONDS = 10.0
"""Seconds without an answer before another client is made: one client can stay wrong about leaders."""

BATCH_MESSAGES = 500
"""Most messages taken at once: the interpreter's lock is held meanwhile."""


FEW_AND_LARGE: Config = {
    # Each fetch costs more than the steps in it.
    "fetch.min.bytes": 65_536,
    "fetch.wait.max.ms": 200,
    "fetch.message.max.bytes": 524_288,
    "queued.min.messages": 5_000,
    "queued.max.messages.kbytes": 4_096,
}


class JournalClient:
    """A client for one topic; `open` it first. `config` is made by `consumer_config`."""

    def __init__(self, config: Config, topic: str) -> None:
        self._config = config
        self.topic = topic
        self._causes = ErrorCauses()
        self._user: tuple[str, str] | None = None
        self._is_old = False
        self._answered_at = time.monotonic()
        self._untold: KafkaError | None = None
        self._early: list[ReceivedMessage] = []
        """What came while the client was let report, not handed over yet."""

    def open(self) -> None:
        """Make the client."""
        self._consumer = self._made()

    def close(self) -> None:
        """Give it up."""
        self._consumer.close()

    def relogin(self, username: str, password: str) -> None:
        """Log in as this user from now on."""
        self._user = username, password

    def renew(self) -> None:
        """Go on with another client."""
        self._is_old = True

    def look_after(self, places: Mapping[int, int]) -> None:
        """Log in with new credentials, or replace the client; the new one goes on at these places."""
        user, self._user = self._user, None
        if user is not None:
            self._consumer.set_sasl_credentials(*user)
        if not self._is_old:
            return
        try:
            fresh = self._made()
        except (KafkaException, ValueError, TypeError):
            return  # its files are just being replaced: the next turn tries again
        self._is_old = False
        old, self._consumer = self._consumer, fresh
        self.assign(places)
        old.close()

    def assign(self, places: Mapping[int, int]) -> None:
        """Read these partitions from these offsets on, and no others."""
        self._early = []  # it is behind these offsets, or of others
        self._consumer.assign([TopicPartition(self.topic, *place) for place in places.items()])

    def partitions(self) -> int:
        """How many partitions the journal has, 0 if it is absent. Raises KafkaException."""
        topics = existing_topics(self._consumer.list_topics(timeout=ASK_TIMEOUT_SECONDS).topics)
        found = topics.get(self.topic)
        return 0 if found is None else len(found.partitions)

    def offsets(self, numbers: Collection[int], which: int) -> dict[int, int]:
        """The offsets at a time in milliseconds, or the ends, of those that have a leader which tells it.

        Raises KafkaException if nobody answers. `untold` says what came instead of those that are missing.
        """
        if not numbers:
            return {}
        asked = [TopicPartition(self.topic, number, which) for number in numbers]
        try:
            answers = self._consumer.offsets_for_times(asked, timeout=ASK_TIMEOUT_SECONDS)
        except KafkaException as error:
            if error_code(error) == NONE_HAS_A_LEADER:
                self._untold = KafkaError(KafkaError.LEADER_NOT_AVAILABLE)
                return {}
            if not is_leaderless(error):
                raise
            self._untold = kafka_error(error)
            return self._offsets_apart([*numbers], which)
        for answer in answers:
            self._untold = answer.error or self._untold
        return {answer.partition: answer.offset for answer in answers if answer.error is None}

    def _offsets_apart(self, numbers: Sequence[int], which: int) -> dict[int, int]:
        """Ask for halves, because the client's answer is one error where one leader can't tell yet."""
        half = len(numbers) // 2
        parts = (numbers[:half], numbers[half:]) if half else ()
        return {number: offset for part in parts for number, offset in self.offsets(part, which).items()}

    def untold(self) -> KafkaException | None:
        """Why some offset was not told since this was asked last; None if all were."""
        error, self._untold = self._untold, None
        return None if error is None else KafkaException(error)

    def messages(self, seconds: float) -> Sequence[ReceivedMessage]:
        """The next records, errors and ends of partitions; waits up to `seconds` for the first."""
        early, self._early = self._early, []
        first = self._consumer.poll(0 if early else seconds)
        if first is None:
            return early
        return cast("Sequence[ReceivedMessage]", [*early, first, *self._consumer.consume(BATCH_MESSAGES, 0)])

    # --- whether it answers --------------------------------------------------------------------

    def answered(self) -> None:
        """Note that the broker answers."""
        self._causes.forget()
        self._answered_at = time.monotonic()

    def refused(self, error: KafkaException) -> str:
        """Say in a line why the broker does not answer; after a long silence, replace the client."""
        came = cast("ReceivedMessage | None", self._consumer.poll(0))  # lets the client report why
        if came is not None:  # a step from before: dropped, its conversion would be sent again
            self._early.append(came)
        if time.monotonic() - self._answered_at >= RENEW_AFTER_SECONDS:
            self._is_old, self._answered_at = True, time.monotonic()
        return self._causes.line(error) or one_line(error)

    def hear(self, message: ReceivedMessage) -> None:
        """Note what went wrong with a partition."""
        error = message.error()
        if error is not None and not is_about_group(error):  # it joins none, and needs no right on it
            self._causes.hear(error)

    def _made(self) -> Consumer:
        own: Config = {"enable.partition.eof": True, **QUIET, "auto.offset.reset": "earliest"}
        settings: dict[str, Any] = {**self._config, **FEW_AND_LARGE, **own, "error_cb": self._causes.hear}
        settings.pop("group.instance.id", None)
        return Consumer(settings)
