"""The watermarks (first and end offset) of each partition, as last heard.

The rule: reading them costs nothing; asking the broker is rare and bounded, and may fail without harm.
A question waits behind the fetch under way, up to `fetch.wait.max.ms`, and the poll thread with it; so none
is asked in the first moment of an assignment, when commits and the first records have to come through.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from confluent_kafka import Consumer, KafkaException, TopicPartition

from worker.adapters.kafka.answers import all_told, leaderless
from worker.adapters.kafka.errors import (
    NONE_HAS_A_LEADER,
    KafkaUnavailable,
    error_code,
    is_refusal,
    one_line,
)
from worker.adapters.kafka.offsets_for_times import EARLIEST, LATEST
from worker.adapters.kafka.records import to_partition, to_topic_partitions
from worker.core.record import Partition
from worker.ports import Watermarks

FROM_CLIENT_SECONDS = 2.0
FROM_BROKER_SECONDS = 10.0
"""Seconds between two looks. The client learns the end from fetches, but fetches no paused partition."""

UNKNOWN_SECONDS = 0.1
"""Seconds between two looks while nothing is known of some partition."""

NEW_AFTER_SECONDS = 1.0
"""Fewest seconds until the first question about new partitions; it comes with a look."""

_TIMEOUT_SECONDS = 1.0
"""Seconds for an answer: twice what it may wait behind a fetch of the tiers."""


class WatermarkCache:
    """Refreshed by the poll thread; `heard` is replaced whole, so the loop may read it at any time."""

    def __init__(self) -> None:
        self.heard: dict[Partition, Watermarks] = {}
        self._next_look = 0.0
        self._next_question = 0.0

    def expect(self, now: float) -> None:
        """Ask the broker soon, because there are new partitions."""
        self._next_look, self._next_question = now, now + NEW_AFTER_SECONDS

    def forget(self, partitions: Collection[Partition]) -> None:
        """Forget the watermarks of partitions that are of another log now."""
        self.heard = {at: marks for at, marks in self.heard.items() if at not in partitions}

    def refresh(self, consumer: Consumer, partitions: Collection[Partition], now: float) -> None:
        """Look again, if it is time."""
        if now < self._next_look:
            return
        heard: dict[Partition, Watermarks | None] = {at: self.heard.get(at) for at in partitions}
        if partitions and now >= self._next_question:
            self._next_question = now + FROM_BROKER_SECONDS
            heard |= _from_broker(consumer, partitions)
        seen = {at: _from_client(consumer, at, marks) for at, marks in heard.items()}
        self.heard = {at: marks for at, marks in seen.items() if marks is not None}
        self._next_look = now + (UNKNOWN_SECONDS if len(self.heard) < len(seen) else FROM_CLIENT_SECONDS)


def ends_of(
    consumer: Consumer, partitions: Collection[Partition], timeout: float
) -> dict[Partition, Watermarks]:
    """The watermarks of each, asked of the broker; raises KafkaUnavailable."""
    ends, why = ends_told(consumer, partitions, timeout)
    if why is not None:
        raise why
    return ends


def ends_told(
    consumer: Consumer, partitions: Collection[Partition], timeout: float
) -> tuple[dict[Partition, Watermarks], KafkaUnavailable | None]:
    """The watermarks of those of which a broker tells them, and why those of the others are not told.

    Raises KafkaUnavailable if nobody answers.
    """
    try:
        ends, untold = _ends(consumer, partitions, timeout)
    except KafkaException as error:
        if error_code(error) == NONE_HAS_A_LEADER:
            return {}, leaderless(list(partitions))
        raise KafkaUnavailable(one_line(error), refused=is_refusal(error)) from error
    try:
        all_told(untold)
    except KafkaUnavailable as error:
        return ends, error
    return ends, None


def _from_broker(consumer: Consumer, partitions: Collection[Partition]) -> dict[Partition, Watermarks]:
    try:
        return _ends(consumer, partitions, _TIMEOUT_SECONDS)[0]
    except KafkaException:
        return {}


def _ends(
    consumer: Consumer, partitions: Collection[Partition], timeout: float
) -> tuple[dict[Partition, Watermarks], Sequence[TopicPartition]]:
    """The watermarks of those that have both, and the answers for the others, which are errors."""
    low = _ask(consumer, partitions, EARLIEST, timeout)
    high = _ask(consumer, partitions, LATEST, timeout)
    untold = {to_partition(of): of for of in (*high, *low) if of.error is not None}
    lows, highs = ({to_partition(of): of.offset for of in answers} for answers in (low, high))
    told = [at for at in lows if at not in untold]
    return {at: Watermarks(lows[at], highs[at], highs[at]) for at in told}, list(untold.values())


def _ask(
    consumer: Consumer, partitions: Collection[Partition], which: int, timeout: float
) -> Sequence[TopicPartition]:
    asked = [TopicPartition(at.topic, at.number, which) for at in partitions]
    return consumer.offsets_for_times(asked, timeout=timeout)


def _from_client(consumer: Consumer, at: Partition, known: Watermarks | None) -> Watermarks | None:
    """What is known, and what fetches have shown since; alone these tell no low watermark: then it is 0."""
    try:
        low, high = consumer.get_watermark_offsets(to_topic_partitions([at])[0], cached=True)
    except KafkaException:
        return known
    if known is not None:
        return Watermarks(max(known.low, low), max(known.high, high), known.stable)
    return None if high < 0 else Watermarks(max(0, low), high, high)
