"""Reads a topic up to its end at the time of asking. Blocking; for commands.

The rule: it joins no group and commits nothing, so no group's offsets move. It ends where the topic ended
when asked, however fast the topic grows. When the broker falls silent it raises an error, or reports it and
goes on waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from worker.adapters.kafka.answers import all_led, once_led
from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.error_causes import ErrorCauses
from worker.adapters.kafka.errors import (
    END_OF_PARTITION,
    KafkaUnavailable,
    is_about_group,
    is_refusal,
    made_from_settings,
    one_line,
)
from worker.adapters.kafka.offsets_for_times import EARLIEST, LATEST, first_since
from worker.adapters.kafka.records import ReceivedMessage, to_partition, to_unsized_record
from worker.adapters.kafka.topic_descriptions import existing_topics
from worker.core.record import Partition, Record

ASK_TIMEOUT_SECONDS = 10.0
"""Seconds that the broker may take to say what there is."""

SILENCE_SECONDS = 15.0
"""Seconds without a record, while there should be one, after which reading fails."""

LOOK_TIMEOUT_SECONDS = 1.0
"""Seconds that the broker may take, when no records come, to say whether the topic exists."""

_TURN_SECONDS = 0.2  # seconds of one wait, so that Ctrl-C takes effect
_BATCH_RECORDS = 500


FASTER: Config = {
    "fetch.message.max.bytes": 524_288,
    "queued.min.messages": 20_000,
    "queued.max.messages.kbytes": 16_384,
}
"""Larger fetches than a worker's, for a command that only reads."""


class NoSuchTopic(Exception):
    """The topic does not exist."""


class OffsetRange(NamedTuple):
    """Offsets of one partition: `start` up to, but not including, `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """The most records that it can hold."""
        return max(0, self.end - self.start)

    def last(self, most: int) -> OffsetRange:
        """The last so many of them."""
        return OffsetRange(max(self.start, self.end - most), self.end)

    def before(self, later: OffsetRange) -> OffsetRange:
        """The part before a later span."""
        return OffsetRange(self.start, later.start)


Keep = Callable[[bytes | None, bytes | None], bool]
"""Decides by key and value, before anything else is looked at, whether to keep a record."""


def everything(_key: bytes | None, _value: bytes | None) -> bool:
    """Keep every record."""
    return True


class TopicReader:
    """A context manager; `config` is made by `consumer_config`, for no worker's group."""

    def __init__(self, config: Config, topic: str) -> None:
        self._topic = topic
        self._causes = ErrorCauses()
        # Records that expire during the reading are passed over.
        own: Config = {"enable.partition.eof": True, **QUIET, "auto.offset.reset": "earliest"}
        settings: dict[str, Any] = {**config, **own, "error_cb": self._causes.hear}
        with made_from_settings():
            self._consumer = Consumer(settings)
        self._paused: list[TopicPartition] = []  # those read to the end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._consumer.close()

    def spans(
        self,
        since: float | None = None,
        among: Collection[Partition] | None = None,
        unread: Collection[Partition] = (),
    ) -> dict[Partition, OffsetRange]:
        """The present offsets of each partition; with `since` (epoch seconds), from the first record then.

        With `among`, only of these; not of `unread` ones.
        Raises NoSuchTopic and KafkaUnavailable.
        """
        without = set(unread)
        listed = [at for at in self._partitions() if at not in without]
        partitions = [at for at in listed if among is None or at in among]
        if since is None:
            starts = self._offsets(partitions, EARLIEST)
        else:
            starts = first_since(self._offsets, partitions, since)
        ends = self._offsets(partitions, LATEST)
        return {at: OffsetRange(starts[at], ends[at]) for at in partitions}

    def read(
        self,
        spans: Mapping[Partition, OffsetRange],
        on_waiting: Callable[[str], None] | None = None,
        keep: Keep = everything,
    ) -> Iterator[Record]:
        """Read these offsets, in order within a partition and in any order across partitions.

        Compacted and expired records are passed over, and those that `keep` does not want. Raises
        KafkaUnavailable, also if the topic is deleted or made again meanwhile, or if the broker is silent for
        SILENCE_SECONDS; with `on_waiting`, silence is reported there instead.
        """
        # Keyed by number: all are of one topic, and making a Partition for each message would be slow.
        left = {at.number: (at, span.end) for at, span in spans.items() if span.length}
        nexts = {at.number: span.start for at, span in spans.items()}
        wanted = [TopicPartition(*at, spans[at].start) for at, _ in left.values()]
        self._begin(wanted)
        while left:
            for message in self._next(left, on_waiting):
                number, error = message.partition(), message.error()
                if number not in left or (error is not None and is_about_group(error)):
                    continue  # a refused group does not matter: it joins none
                is_end = error is not None and _is_end(message, error)
                (at, end), offset = left[number], message.offset()
                if offset < nexts[number]:
                    raise KafkaUnavailable(f"{at.topic} was deleted and made again while it was read")
                nexts[number] = offset + 1
                if is_end or offset >= end - 1:
                    del left[number]
                    self._paused.append(TopicPartition(*at))
                    self._consumer.pause(self._paused[-1:])
                if not is_end and offset < end and keep(message.key(), message.value()):
                    yield to_unsized_record(message, at)

    def _begin(self, wanted: list[TopicPartition]) -> None:
        """Read from these offsets on.

        Pauses of an earlier reading would outlive it. They are lifted before the assignment, because the
        client can lose a resume that comes while it still works on one (librdkafka issue 5591).
        """
        if self._paused:
            self._consumer.resume(self._paused)
            self._paused = []
        self._consumer.assign(wanted)

    def _next(
        self, left: Mapping[int, tuple[Partition, int]], on_waiting: Callable[[str], None] | None
    ) -> Sequence[ReceivedMessage]:
        """Wait for messages: up to SILENCE_SECONDS, or with `on_waiting` as long as it takes."""
        while True:
            for _ in range(round(SILENCE_SECONDS / _TURN_SECONDS)):
                first = self._consumer.poll(_TURN_SECONDS)
                if first is not None:
                    return cast(
                        "Sequence[ReceivedMessage]", [first, *self._consumer.consume(_BATCH_RECORDS, 0)]
                    )
            self._must_be_there()
            why = self._causes.line() or "no records come"
            if on_waiting is None:
                unread = ", ".join(str(at) for at, _ in left.values())
                raise KafkaUnavailable(f"{why} ({unread} not read to the end)")
            on_waiting(why)

    def _must_be_there(self) -> None:
        """Raise KafkaUnavailable if the broker says that the topic is gone."""
        try:
            there = self._consumer.list_topics(timeout=LOOK_TIMEOUT_SECONDS).topics
        except KafkaException:
            return  # why nobody answers is reported in any case
        if self._topic not in existing_topics(there):
            raise KafkaUnavailable(f"{self._topic} was deleted while it was read")

    def _partitions(self) -> list[Partition]:
        try:
            # All topics are asked for: asking for one by name can create it.
            there = self._causes.patient(
                lambda seconds: self._consumer.list_topics(timeout=seconds),
                self._consumer.poll,
                ASK_TIMEOUT_SECONDS,
            )
        except KafkaException as error:
            raise self._unavailable(error) from error
        found = existing_topics(there.topics).get(self._topic)
        if found is None:
            raise NoSuchTopic(self._topic)
        if found.error is not None:
            raise self._unavailable(found.error)
        return [Partition(self._topic, number) for number in sorted(found.partitions)]

    def _offsets(self, partitions: Collection[Partition], which: int) -> dict[Partition, int]:
        """Ask for the offsets at a time in milliseconds, or at one of the two ends."""
        if not partitions:
            return {}
        asked = [TopicPartition(*at, which) for at in partitions]
        try:
            answers = once_led(
                lambda: self._consumer.offsets_for_times(asked, timeout=ASK_TIMEOUT_SECONDS),
                ASK_TIMEOUT_SECONDS,
            )
        except KafkaException as error:
            raise self._unavailable(error) from error
        for answer in all_led(answers):
            if answer.error is not None:
                raise self._unavailable(answer.error)
        return {to_partition(answer): answer.offset for answer in answers}

    def _unavailable(self, error: KafkaError | KafkaException) -> KafkaUnavailable:
        """Name the cause if it is known: a time-out explains nothing."""
        line = self._causes.line_of_all(error, self._consumer.poll)
        return KafkaUnavailable(line, refused=is_refusal(error))


def _is_end(message: ReceivedMessage, error: KafkaError) -> bool:
    """Whether it marks the end of its partition; raise KafkaUnavailable for other errors."""
    if error.code() != END_OF_PARTITION:
        where = (
            f"{message.topic()}/{message.partition()}/{message.offset()}: " if message.offset() >= 0 else ""
        )
        raise KafkaUnavailable(f"{where}{one_line(error)}", refused=is_refusal(error))
    return True
