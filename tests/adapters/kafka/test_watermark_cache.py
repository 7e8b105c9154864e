"""When the broker is asked for the watermarks."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import cast

import pytest
from confluent_kafka import OFFSET_INVALID, Consumer, TopicPartition

from tests.support.kafka import WITHIN, Names, create_topics
from worker.adapters.kafka import consumer_config, watermarks
from worker.adapters.kafka.config import TIERS_FETCHES
from worker.adapters.kafka.offsets_for_times import EARLIEST
from worker.adapters.kafka.watermarks import (
    FROM_BROKER_SECONDS,
    FROM_CLIENT_SECONDS,
    NEW_AFTER_SECONDS,
    UNKNOWN_SECONDS,
    WatermarkCache,
)
from worker.core.record import Partition
from worker.ports import Watermarks

AT = Partition("orders", 0)


class FakeConsumer:
    """Counts what it is asked, and knows the end where it has fetched."""

    def __init__(self, fetched: int = 7) -> None:
        self.questions = 0
        self.fetched = fetched

    def offsets_for_times(self, asked: Sequence[TopicPartition], *, timeout: float) -> list[TopicPartition]:
        """Tell the broker's first offset, 3, or its end, 5."""
        assert timeout <= 1
        self.questions += 1
        return [TopicPartition(of.topic, of.partition, 3 if of.offset == EARLIEST else 5) for of in asked]

    def get_watermark_offsets(self, _at: TopicPartition, *, cached: bool) -> tuple[int, int]:
        """Tell what is known of fetches."""
        assert cached
        return OFFSET_INVALID, self.fetched

    @property
    def itself(self) -> Consumer:
        """As the code under test takes it."""
        return cast("Consumer", self)


def test_the_first_moment_of_an_assignment() -> None:
    """Nothing is asked of new partitions as long as their first commit and records may be due."""
    marks, consumer = WatermarkCache(), FakeConsumer()
    marks.refresh(consumer.itself, [], 9.9)
    marks.expect(10.0)
    marks.refresh(consumer.itself, [AT], 10.0 + NEW_AFTER_SECONDS - 0.1)
    assert consumer.questions == 0
    marks.refresh(consumer.itself, [AT], 10.0 + NEW_AFTER_SECONDS + FROM_CLIENT_SECONDS)
    assert (consumer.questions, marks.heard) == (2, {AT: Watermarks(3, 7, 5)})


def test_the_first_fetch() -> None:
    """Before that question the end is known as soon as something was fetched."""
    marks, consumer = WatermarkCache(), FakeConsumer(fetched=OFFSET_INVALID)
    marks.expect(10.0)
    marks.refresh(consumer.itself, [AT], 10.0)
    assert marks.heard == {}
    consumer.fetched = 7
    marks.refresh(consumer.itself, [AT], 10.0 + UNKNOWN_SECONDS)
    assert (consumer.questions, marks.heard) == (0, {AT: Watermarks(0, 7, 7)})


def test_nothing_is_fetched() -> None:
    """A partition that is not fetched is asked about a second after it came."""
    marks, consumer = WatermarkCache(), FakeConsumer(fetched=OFFSET_INVALID)
    marks.expect(10.0)
    marks.refresh(consumer.itself, [AT], 10.0)
    marks.refresh(consumer.itself, [AT], 10.0 + NEW_AFTER_SECONDS)
    assert (consumer.questions, marks.heard) == (2, {AT: Watermarks(3, 5, 5)})


def test_now_and_then() -> None:
    """The broker is asked every ten seconds; in between, the client's own fetches tell the end."""
    marks, consumer = WatermarkCache(), FakeConsumer()
    for seconds in range(int(FROM_BROKER_SECONDS)):
        marks.refresh(consumer.itself, [AT], 10.0 + seconds)
    assert consumer.questions == 2
    marks.refresh(consumer.itself, [AT], 10.0 + FROM_BROKER_SECONDS)
    assert consumer.questions == 4


def test_longer_than_a_fetch_of_the_tiers() -> None:
    """The broker has as long again for its answer as the question may wait behind a fetch."""
    assert 2 * int(TIERS_FETCHES["fetch.wait.max.ms"]) <= watermarks._TIMEOUT_SECONDS * 1000


@pytest.mark.kafka
def test_behind_a_fetch_of_the_tiers(
    kafka: str, names: Names, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle tier's question is answered, although it waits behind a fetch, and nothing is logged of it."""
    monkeypatch.setattr(watermarks, "_TIMEOUT_SECONDS", WITHIN)  # a broker may be slow for other reasons
    create_topics(kafka, {names.topic: 2})
    own = {**consumer_config(kafka, names.group, "reader-1", {}), **TIERS_FETCHES}
    consumer = Consumer({**own, "logger": logging.getLogger("client")})
    ours = [Partition(names.topic, number) for number in range(2)]
    consumer.assign([TopicPartition(at.topic, at.number, 0) for at in ours])
    try:
        consumer.poll(1.0)
        for turn in range(6):
            marks = WatermarkCache()
            marks.refresh(consumer, ours, time.monotonic())
            assert marks.heard == dict.fromkeys(ours, Watermarks(0, 0, 0))
            consumer.poll(0.1 * turn)
    finally:
        consumer.close()
    assert [line.getMessage() for line in caplog.records if "Timed out" in line.getMessage()] == []
