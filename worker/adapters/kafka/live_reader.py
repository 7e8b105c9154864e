"""Follows partitions of several topics with one client, as they grow. Blocking; for one thread.

The rule: it joins no group and commits nothing; records of a partition come in order. It fetches ahead within
bounds. While the broker is away nothing comes, and the client reconnects by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

from confluent_kafka import Consumer, KafkaException, TopicPartition

from worker.adapters.kafka.answers import all_led
from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.error_causes import ErrorCauses
from worker.adapters.kafka.errors import (
    END_OF_PARTITION,
    KafkaUnavailable,
    is_about_group,
    is_away,
    made_from_settings,
    one_line,
)
from worker.adapters.kafka.offsets_for_times import EARLIEST, LATEST, first_since
from worker.adapters.kafka.records import ReceivedMessage, to_partition, to_record
from worker.adapters.kafka.topic_descriptions import existing_topics
from worker.adapters.kafka.topic_reader import OffsetRange
from worker.core.record import Partition, Record

ASK_TIMEOUT_SECONDS = 8.0
"""Seconds that the broker may take to say what there is."""

BATCH_RECORDS = 500

FEW_AHEAD: Config = {
    "fetch.min.bytes": 1,
    "fetch.wait.max.ms": 250,
    "fetch.message.max.bytes": 262_144,
    "queued.min.messages": 5_000,
    "queued.max.messages.kbytes": 4_096,
}
"""The bounds of fetching ahead, for all partitions together."""


class Batch(NamedTuple):
    """Records, and up to which offset each partition is read with them."""

    records: Sequence[Record]
    reached: Mapping[Partition, int]


class LiveReader:
    """A context manager; `config` is made by `consumer_config`, for no worker's group."""

    def __init__(self, config: Config) -> None:
        self._causes = ErrorCauses()
        own: Config = {"enable.partition.eof": True, **QUIET, "auto.offset.reset": "earliest"}
        settings: dict[str, Any] = {**config, **FEW_AHEAD, **own, "error_cb": self._causes.hear}
        settings.pop("group.instance.id", None)
        with made_from_settings():
            self._consumer = Consumer(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._consumer.close()

    def partitions(self, topics: Collection[str]) -> list[Partition]:
        """The partitions of those of these topics that exist. Raises KafkaUnavailable."""
        try:
            # All topics are asked for: asking for one by name can create it.
            listed = existing_topics(self._consumer.list_topics(timeout=ASK_TIMEOUT_SECONDS).topics)
        except KafkaException as error:
            raise self._unavailable(error) from error
        self._causes.forget()
        found = {topic: listed[topic] for topic in topics if topic in listed}
        for topic, one in found.items():
            if one.error is not None:
                raise KafkaUnavailable(f"{topic}: {one_line(one.error)}")
        return [Partition(topic, number) for topic, one in found.items() for number in sorted(one.partitions)]

    def spans(self, partitions: Collection[Partition]) -> dict[Partition, OffsetRange]:
        """The offsets that each of these has now. Raises KafkaUnavailable."""
        starts = self._offsets(partitions, EARLIEST)
        ends = self._offsets(partitions, LATEST)
        return {at: OffsetRange(starts[at], ends[at]) for at in partitions}

    def since(self, partitions: Collection[Partition], moment: float) -> dict[Partition, int]:
        """The first offset of each since `moment` (epoch seconds), or its end. Raises KafkaUnavailable."""
        return first_since(self._offsets, partitions, moment)

    def follow(self, starts: Mapping[Partition, int]) -> None:
        """Read these from these offsets on, and no others."""
        self._consumer.assign([TopicPartition(*at, start) for at, start in starts.items()])

    def batch(self, seconds: float) -> Batch:
        """What has come; waits up to `seconds` for the first message.

        Raises KafkaUnavailable if a topic is gone or may not be read.
        """
        first = self._consumer.poll(seconds)
        if first is None:
            return Batch((), {})
        records: list[Record] = []
        reached: dict[Partition, int] = {}
        for message in cast("list[ReceivedMessage]", [first, *self._consumer.consume(BATCH_RECORDS, 0)]):
            error = message.error()
            at = Partition(message.topic(), message.partition())
            if error is None:
                records.append(to_record(message, at))
                reached[at] = message.offset() + 1
            elif error.code() == END_OF_PARTITION:
                reached[at] = message.offset()
            elif not (is_about_group(error) or is_away(error)):
                raise KafkaUnavailable(f"{at.topic}: {one_line(error)}")
        return Batch(records, reached)

    def _offsets(self, partitions: Collection[Partition], which: int) -> dict[Partition, int]:
        if not partitions:
            return {}
        asked = [TopicPartition(*at, which) for at in partitions]
        try:
            answers = self._consumer.offsets_for_times(asked, timeout=ASK_TIMEOUT_SECONDS)
        except KafkaException as error:
            raise self._unavailable(error) from error
        for answer in all_led(answers):
            if answer.error is not None:
                raise KafkaUnavailable(f"{answer.topic}: {one_line(answer.error)}")
        return {to_partition(answer): answer.offset for answer in answers}

    def _unavailable(self, error: KafkaException) -> KafkaUnavailable:
        """Name the cause if it is known: a time-out explains nothing."""
        return KafkaUnavailable(self._causes.line_of_all(error, self._consumer.poll))
