"""An embedded broker (librdkafka's mock cluster), and what the demonstration does with it as an outsider."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from schemas import WorkerHeaders
from worker.adapters.kafka.records import headers_of
from worker.demo.events import Conversion

_SECONDS = 10.0
_TURN_SECONDS = 0.1  # the client waits this long, unless the batch is full before


class EmbeddedBroker:
    """A broker inside this process; closing it forgets everything. Its calls block briefly."""

    def __init__(self) -> None:
        quiet = logging.getLogger("worker.demo")
        quiet.setLevel(logging.ERROR)
        self._producer = Producer({"test.mock.num.brokers": 1, "linger.ms": 5}, logger=quiet)
        cluster = self._producer.list_topics(timeout=_SECONDS)
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in cluster.brokers.values())

    def create(self, topics: Iterable[str]) -> None:
        """Make topics: asking the mock about one makes it."""
        for topic in topics:
            self._producer.list_topics(topic, timeout=_SECONDS)

    def publish(self, topic: str, conversions: Iterable[Conversion]) -> dict[str, Conversion]:
        """Publish, await the acknowledgements, and return the conversion at each `topic/partition/offset`."""
        published: dict[str, Conversion] = {}

        def note(conversion: Conversion, error: KafkaError | None, message: Message) -> None:
            if error is not None:
                raise RuntimeError(f"the embedded broker refused a record: {error.str()}")
            published[f"{topic}/{message.partition()}/{message.offset()}"] = conversion

        for one in conversions:
            self._producer.produce(topic, one.value, one.key, on_delivery=partial(note, one))
            self._producer.poll(0)
        self._producer.flush(_SECONDS)
        return published

    def dead_letters(self, topic: str) -> dict[str, list[str]]:
        """Read the dead letters: the reasons of each origin's letters."""
        reasons: dict[str, list[str]] = {}
        consumer = self._consumer("dead-letters")
        try:
            left = {at.partition: self._end(consumer, at) for at in self._partitions(topic)}
            consumer.assign([TopicPartition(topic, number, 0) for number in left])
            while any(left.values()):
                for message in consumer.consume(500, _TURN_SECONDS):
                    left[message.partition() or 0] -= 1
                    headers = WorkerHeaders.read(headers_of(message))
                    if headers.origin and headers.reason:
                        reasons.setdefault(headers.origin, []).append(headers.reason.value)
        finally:
            consumer.close()
        return reasons

    def behind(self, group: str, topics: Iterable[str]) -> int:
        """How many records of these topics the group has not committed."""
        consumer = self._consumer(group)
        try:
            partitions = [at for topic in topics for at in self._partitions(topic)]
            committed = consumer.committed(partitions, timeout=_SECONDS)
            return sum(self._end(consumer, at) - max(at.offset, 0) for at in committed)
        finally:
            consumer.close()

    def _consumer(self, group: str) -> Consumer:
        return Consumer({"bootstrap.servers": self.bootstrap, "group.id": group, "fetch.wait.max.ms": 50})

    def _partitions(self, topic: str) -> list[TopicPartition]:
        found = self._producer.list_topics(topic, timeout=_SECONDS).topics[topic].partitions
        return [TopicPartition(topic, number) for number in found]

    @staticmethod
    def _end(consumer: Consumer, at: TopicPartition) -> int:
        return consumer.get_watermark_offsets(at, timeout=_SECONDS)[1]
