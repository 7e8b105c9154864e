"""Following a control topic on a real Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.runner.harness import until
from tests.support.kafka import Names, Write, create_topics, make_anew, produce
from worker.adapters.kafka import TopicIds, admin_config, consumer_config
from worker.adapters.kafka.config import Config
from worker.adapters.kafka.control_follower import KafkaControl
from worker.ports import ControlNews, ControlRecord

pytestmark = pytest.mark.kafka


class Ear:
    """Hears of one topic."""

    def __init__(self) -> None:
        self.records: list[ControlRecord] = []
        self.unread: str | None = "nothing was heard"

    def on_control(self, news: ControlNews) -> None:
        if news.anew:
            self.records.clear()
        self.records += news.records
        self.unread = news.unread

    def knows(self, *values: bytes) -> Callable[[], bool]:
        """Whether all is read, and is this."""
        return lambda: self.unread is None and [value for _, value in self.records] == list(values)


@asynccontextmanager
async def following(kafka: str, *topics: str) -> AsyncIterator[list[Ear]]:
    """Ears at these topics."""
    config = consumer_config(kafka, "a-reader", "a-client", {})
    ears = [Ear() for _ in topics]
    asker, failures = TopicIds(admin_config(kafka, "an-asker", {})), list[BaseException]()
    with asker as ids, KafkaControl(config, ids, failures.append) as control:
        for topic, ear in zip(topics, ears, strict=True):
            control.follow(topic, ear)
        yield ears
    assert failures == []


class Noting(Consumer):
    """Notes what is assigned to it."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.assigned: list[set[str]] = []

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned.append({at.topic for at in partitions})
        super().incremental_assign(partitions)


class Noted(KafkaControl):
    """Has its client note what is assigned."""

    def _client(self) -> Consumer:
        self.client = Noting({**self._config, "enable.partition.eof": True})
        return self.client


async def test_many_topics(kafka: str) -> None:
    """Topics that are followed together are all asked about before the first one is fetched."""
    topics = {Names.fresh().control for _ in range(4)}
    create_topics(kafka, dict.fromkeys(topics, 1))
    config, ears = consumer_config(kafka, "a-reader", "a-client", {}), [Ear() for _ in topics]
    asker = TopicIds(admin_config(kafka, "an-asker", {}))
    with asker as ids, Noted(config, ids, _fail) as control:
        for topic, ear in zip(topics, ears, strict=True):
            control.follow(topic, ear)
        await until("all are read", lambda: all(ear.unread is None for ear in ears))
        # An empty topic counts as read as soon as its end is known, which is before it is fetched.
        await until("they are fetched", lambda: bool(control.client.assigned))
        assert control.client.assigned == [topics]


def _fail(error: BaseException) -> None:
    raise error


class Broken(KafkaControl):
    """Has a fault that nobody foresaw."""

    def _look(self) -> None:
        raise ZeroDivisionError


async def test_a_dead_thread(kafka: str) -> None:
    """The thread that follows the orders does not die unheard."""
    heard: list[BaseException] = []
    config = consumer_config(kafka, "a-reader", "a-client", {})
    asker = TopicIds(admin_config(kafka, "an-asker", {}))
    with asker as ids, Broken(config, ids, heard.append):
        await until("it is heard of", lambda: bool(heard))
    assert isinstance(heard[0], ZeroDivisionError)


def order(value: bytes) -> Write:
    """A record of an order."""
    return Write(value, b"pause")


async def test_whole_then_live(kafka: str, names: Names) -> None:
    """What is there is told before the topic counts as read; what is new is told as it comes."""
    other = Names.fresh()
    create_topics(kafka, {names.control: 1, other.control: 1})
    produce(kafka, names.control, [order(b"%d" % number) for number in range(1200)])
    async with following(kafka, names.control, other.control) as (ear, beside):
        await until("all is read", lambda: ear.unread is None)
        assert len(ear.records) == 1200
        await until("the empty one is read", beside.knows())
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, produce, kafka, names.control, [order(b"new")])
        await until("the new one", lambda: ear.records[-1:] == [(b"pause", b"new")])
        assert beside.records == []


async def test_missing_then_made_then_made_anew(kafka: str, names: Names) -> None:
    """A missing topic holds no orders; one that is made is followed, one made anew from its start."""
    loop = asyncio.get_running_loop()
    async with following(kafka, names.control) as (ear,):
        await until("it is known to hold nothing", ear.knows())
        await loop.run_in_executor(None, create_topics, kafka, {names.control: 1})
        await loop.run_in_executor(None, produce, kafka, names.control, [order(b"1"), order(b"2")])
        await until("what it holds", ear.knows(b"1", b"2"))
        await loop.run_in_executor(None, make_anew, kafka, names.control, 1)
        await loop.run_in_executor(
            None, produce, kafka, names.control, [order(b"3"), order(b"4"), order(b"5")]
        )
        await until("what the new one holds", ear.knows(b"3", b"4", b"5"))
