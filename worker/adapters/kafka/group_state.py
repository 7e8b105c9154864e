"""How far a group is, and its lag, asked without joining it. Blocking.

The rule: it joins no group and commits nothing; a missing answer raises KafkaUnavailable.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Self, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import TopicMetadata  # type: ignore[attr-defined]

from worker.adapters.kafka.answers import LEADERLESS_PAUSE_SECONDS, all_told, group_refusal, once_led
from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.error_causes import ErrorCauses
from worker.adapters.kafka.errors import KafkaUnavailable, error_code, made_from_settings, one_line
from worker.adapters.kafka.offsets_for_times import EARLIEST, LATEST, first_since
from worker.adapters.kafka.records import ReceivedMessage, to_partition, to_record, to_topic_partitions
from worker.adapters.kafka.topic_descriptions import existing_topics
from worker.core.assigned_partition import Position
from worker.core.offset_map import OffsetMap, claimed
from worker.core.record import Partition, Record

TIMEOUT_SECONDS = 8.0
"""Seconds for each answer of the broker."""

ANSWER_SECONDS, ASK_AGAIN_SECONDS = 4.0, 0.5
"""Seconds for one answer about the group, and between two tries."""

TOPICS_WITHIN_SECONDS = 10.0
"""Seconds for the very first question, which may have to find the broker."""

LEADERS_WITHIN_SECONDS = 3.0
"""Seconds that a partition may be without a leader before it counts as such."""

FEW_AHEAD: Config = {
    "fetch.message.max.bytes": 16_384,
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 1_024,
}
"""Only the first record of each partition is wanted."""

HEADS_WITHIN_SECONDS = 2.0
"""Seconds for the first records; one that has not come by then is unknown."""


class PartitionStanding(NamedTuple):
    """A partition's watermarks, and what the group has committed of it."""

    low: int
    high: int
    committed: Position | None

    @property
    def next(self) -> int:
        """The first unfinished offset."""
        return self.low if self.committed is None else max(self.low, self.committed.offset)

    @property
    def left(self) -> int:
        """How many offsets are unfinished."""
        left, finished = self.high - self.next, self.finished
        if finished is None or left <= 0:
            return max(0, left)
        return max(0, left - (finished.upto - self.next - len(finished.holes)))

    def is_finished(self, offset: int) -> bool:
        """Whether the group has finished an offset."""
        finished = self.finished
        return offset < self.next or (finished is not None and offset in finished)

    @property
    def finished(self) -> OffsetMap | None:
        """What is finished above the position, if the commit's map is readable."""
        if self.committed is None or self.next != self.committed.offset:
            return None
        return claimed(*self.committed)


class GroupState:
    """A context manager; `config` is that of a member, but it does not join."""

    def __init__(self, config: Config) -> None:
        self._causes = ErrorCauses()
        settings: dict[str, Any] = {
            **config,
            **FEW_AHEAD,
            **QUIET,
            "error_cb": self._causes.hear,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
        settings.pop("group.instance.id", None)
        with made_from_settings():
            self._consumer = Consumer(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def topics(self) -> Collection[str]:
        """The topics that this user can see. Raises KafkaUnavailable."""
        try:
            there = self._causes.patient(self._listed, self._consumer.poll, TOPICS_WITHIN_SECONDS)
        except KafkaException as error:
            raise self._unavailable(error) from None
        self._causes.forget()
        return there

    def leaderless(self, topics: Collection[str], known: Collection[Partition] = ()) -> list[Partition]:
        """The partitions of these topics that have no leader. Raises KafkaUnavailable.

        A leader may just be changing: it is asked again for LEADERS_WITHIN_SECONDS, but for `known` ones.
        """
        deadline = time.monotonic() + LEADERS_WITHIN_SECONDS
        while True:
            try:
                listed = self._listed(TIMEOUT_SECONDS)
            except KafkaException as error:
                raise self._unavailable(error) from error
            found = [
                Partition(name, number)
                for name in topics
                if name in listed
                for number, one in sorted(listed[name].partitions.items())
                if one.leader < 0
            ]
            if set(found) <= set(known) or time.monotonic() > deadline:
                return found
            time.sleep(LEADERLESS_PAUSE_SECONDS)

    def standing(
        self, topics: Collection[str], unread: Collection[Partition] = ()
    ) -> dict[Partition, PartitionStanding]:
        """The group's standing on those of these topics that exist, but for `unread` partitions.

        Raises KafkaUnavailable.
        """
        try:
            partitions = self._partitions(topics, unread)
            if not partitions:
                return {}
            committed = self._committed(partitions)
            lows = self._offsets(partitions, EARLIEST)
            highs = self._offsets(partitions, LATEST)
        except KafkaException as error:
            raise self._unavailable(error) from error
        found = {to_partition(of): of for of in committed if of.offset >= 0}
        return {
            at: PartitionStanding(
                lows[at],
                highs[at],
                Position(found[at].offset, found[at].metadata or "") if at in found else None,
            )
            for at in partitions
        }

    def since(self, topic: str, moment: float, unread: Collection[Partition] = ()) -> int:
        """How many records were written to a topic since then (epoch seconds), but for `unread` partitions.

        0 if the topic is absent.
        """
        try:
            partitions = self._partitions([topic], unread)
            starts = first_since(self._offsets, partitions, moment)
            ends = self._offsets(partitions, LATEST)
        except KafkaException as error:
            raise self._unavailable(error) from error
        return sum(ends[at] - starts[at] for at in partitions)

    def firsts(self, places: Mapping[Partition, int]) -> dict[Partition, Record]:
        """The first record of each partition from an offset on, if there is one and it comes in time."""
        self._consumer.assign([TopicPartition(*at, offset) for at, offset in places.items()])
        found: dict[Partition, Record] = {}
        left, deadline = set(places), time.monotonic() + HEADS_WITHIN_SECONDS
        while left and time.monotonic() < deadline:
            first = self._consumer.poll(0.1)
            batch = [] if first is None else [first, *self._consumer.consume(100, 0)]
            for message in cast("list[ReceivedMessage]", batch):
                at = Partition(message.topic(), message.partition())
                error = message.error()
                if error is not None and error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    raise KafkaUnavailable(f"{at}: {one_line(error)}")
                if at in left:
                    left.discard(at)
                    if error is None:
                        found[at] = to_record(message, at)
        self._consumer.unassign()
        return found

    def _committed(self, partitions: Sequence[Partition]) -> Sequence[TopicPartition]:
        """The committed offsets; a broker that has just started is asked again."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            asked = to_topic_partitions(partitions)
            try:
                return all_told(self._consumer.committed(asked, timeout=ANSWER_SECONDS))
            except (KafkaException, KafkaUnavailable) as error:
                refusal = group_refusal(self._consumer)
                if refusal is not None:
                    raise KafkaUnavailable(f"{asked[0].topic}: {refusal}") from error
                if (
                    error_code(error) == KafkaError.GROUP_AUTHORIZATION_FAILED
                    or time.monotonic() + ASK_AGAIN_SECONDS > deadline
                ):
                    raise
            time.sleep(ASK_AGAIN_SECONDS)

    def _listed(self, seconds: float) -> dict[str, TopicMetadata]:
        return existing_topics(self._consumer.list_topics(timeout=seconds).topics)

    def _partitions(self, topics: Collection[str], unread: Collection[Partition]) -> list[Partition]:
        listed = self._listed(TIMEOUT_SECONDS)
        there = [name for name in topics if name in listed]
        every = [Partition(name, number) for name in there for number in sorted(listed[name].partitions)]
        without = set(unread)
        return [at for at in every if at not in without]

    def _offsets(self, partitions: Collection[Partition], which: int) -> dict[Partition, int]:
        """The offsets at a time in milliseconds, or at either end."""
        if not partitions:
            return {}
        asked = [TopicPartition(*at, which) for at in partitions]
        answers = once_led(
            lambda: self._consumer.offsets_for_times(asked, timeout=TIMEOUT_SECONDS), TIMEOUT_SECONDS
        )
        return {to_partition(answer): answer.offset for answer in all_told(answers)}

    def _unavailable(self, error: KafkaException) -> KafkaUnavailable:
        return KafkaUnavailable(self._causes.line_of_all(error, self._consumer.poll))
