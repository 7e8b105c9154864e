"""What a test does with Kafka: make topics, write records, read what is there, see what a group committed.

The rule: every call returns when it is true (topics have leaders, records are acknowledged), within bounds,
or raises.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeVar, cast
from uuid import uuid4

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

WITHIN = 60.0  # seconds, for every call: many, for a machine that has others to serve
ANY_PARTITION = -1

_PASSES = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_CONTROLLER,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._DESTROY_BROKER,  # a client has found it by its own name
        KafkaError._TRANSPORT,  # it takes a connection before it can answer
    }
)
"""What a broker says that has only just started."""

_Answer = TypeVar("_Answer")

Header = tuple[str, bytes | None]


class Read(NamedTuple):
    """One record as it lies in its topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()

    def header(self, name: str) -> str | None:
        """The text of the last header of this name, None without one."""
        texts = [value.decode() for key, value in self.headers if key == name and value is not None]
        return texts[-1] if texts else None


class Write(NamedTuple):
    """One record to write; without a partition its key decides, or chance."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[Header, ...] = ()
    partition: int = ANY_PARTITION
    timestamp: int = 0  # in milliseconds; 0 is now


class Committed(NamedTuple):
    """What a group committed for a partition."""

    offset: int
    metadata: str


class Names(NamedTuple):
    """Names that no other test uses."""

    topic: str
    group: str

    @classmethod
    def fresh(cls, word: str = "t") -> Names:
        """Make new ones; `word` shows in them."""
        stem = f"{word}-{uuid4().hex[:10]}"
        return cls(f"{stem}.conversions", f"{stem}.worker")

    @property
    def dlq(self) -> str:
        """The dead-letter topic of the group."""
        return f"{self.group}.dlq"

    @property
    def control(self) -> str:
        """The topic of the group's memory and its standing orders."""
        return f"{self.group}.control"

    @property
    def journal(self) -> str:
        """The topic of what became of each conversion."""
        return f"{self.group}.journal"

    @property
    def retry_group(self) -> str:
        """The group that reads the delay tiers."""
        return f"{self.group}.retry"

    def group_of(self, topic: str) -> str:
        """The group that reads a topic."""
        return self.group if topic == self.topic else self.retry_group

    def tier(self, delay: str) -> str:
        """The delay tier of the group, e.g. `tier("10s")`."""
        return f"{self.group}.retry.{delay}"


def create_topics(
    bootstrap: str,
    partitions: Mapping[str, int],
    config: Mapping[str, str] | None = None,
    *,
    exist_ok: bool = False,
) -> None:
    """Create topics, `config` for each, and return when every partition has a leader."""
    # Quiet: it may live on for a while, and need not tell that a broker has ended.
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    wanted = [NewTopic(name, number, 1, config=dict(config or {})) for name, number in partitions.items()]
    for future in admin.create_topics(wanted).values():
        try:
            future.result(WITHIN)
        except KafkaException as error:
            if not (exist_ok and error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS):
                raise
    wait_until(f"leaders of {', '.join(partitions)}", lambda: all(_led(admin, topic) for topic in partitions))


def delete_topics(bootstrap: str, topics: Collection[str]) -> None:
    """Delete topics; one that is not there is an error."""
    admin = AdminClient({"bootstrap.servers": bootstrap})  # its futures die with it: it has to have a name
    for future in admin.delete_topics(list(topics)).values():
        future.result(WITHIN)


def make_anew(bootstrap: str, topic: str, partitions: int) -> None:
    """Delete a topic and make it again: it is empty, and another log under the same name."""
    delete_topics(bootstrap, [topic])
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    wait_until(f"{topic} is gone", lambda: topic not in admin.list_topics(timeout=WITHIN).topics)
    create_topics(bootstrap, {topic: partitions})


def produce(bootstrap: str, topic: str, records: Iterable[Write | bytes]) -> None:
    """Write records, bytes being a value alone, and return when the broker has acknowledged all."""
    failures: list[KafkaError] = []

    def note(error: KafkaError | None, _: Message) -> None:
        if error:
            failures.append(error)

    # Few records are one batch, on a busy machine too: flush does not wait for what lingers.
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 20_000_000, "linger.ms": 500})
    for record in records:
        _produce(producer, topic, record if isinstance(record, Write) else Write(record), note)
    left = producer.flush(WITHIN)
    if failures or left:
        raise AssertionError(f"{topic}: {len(failures)} refused, {left} unanswered; {failures[:1]}")


def answered(ask: Callable[[], _Answer], within: float = WITHIN) -> _Answer:
    """Return what a broker answers; one that has only just started is asked again, so many seconds long."""
    deadline = time.monotonic() + within
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _PASSES or time.monotonic() >= deadline:
                raise
        time.sleep(0.1)


def end_offsets(bootstrap: str, topic: str) -> dict[int, int]:
    """Return the offset after the last record, for each partition."""
    with _consumer(bootstrap) as consumer:
        places = _partitions(consumer, topic)
        return {at.partition: answered(partial(_end, consumer, at)) for at in places}


def newest_timestamp(bootstrap: str, topic: str, partition: int) -> float:
    """Return the time of the newest record, in epoch seconds."""
    with _consumer(bootstrap) as consumer:
        end = answered(partial(_end, consumer, TopicPartition(topic, partition)))
        consumer.assign([TopicPartition(topic, partition, end - 1)])
        (message,) = consumer.consume(1, WITHIN)
        return message.timestamp()[1] / 1000


def read_all(bootstrap: str, topic: str) -> list[Read]:
    """Return every record that the topic holds now, ordered by partition and offset; no group is touched."""
    with _consumer(bootstrap, {"enable.partition.eof": True}) as consumer:
        ends = {at.partition: answered(partial(_end, consumer, at)) for at in _partitions(consumer, topic)}
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in ends])
        return sorted(_until_ends(consumer, ends), key=lambda record: record[:2])


def committed(bootstrap: str, group: str, topic: str) -> dict[int, Committed]:
    """Return what the group committed, without the partitions where it committed nothing."""
    with _consumer(bootstrap, {"group.id": group}) as consumer:
        places = _partitions(consumer, topic)
        found = answered(lambda: _committed(consumer, places))
        return {at.partition: Committed(at.offset, at.metadata or "") for at in found if at.offset >= 0}


def wait_until(what: str, true: Callable[[], bool], within: float = WITHIN) -> None:
    """Return when `true()` is; raise AssertionError naming `what` after `within` seconds."""
    deadline = time.monotonic() + within
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:.0f} s: {what}")
        time.sleep(0.05)


def _produce(
    producer: Producer, topic: str, record: Write, note: Callable[[KafkaError | None, Message], None]
) -> None:
    """Hand over one record, making room in the client's queue where it is full."""
    while True:
        try:
            producer.produce(
                topic,
                *(record.value, record.key, record.partition),
                on_delivery=note,
                timestamp=record.timestamp,
                headers=list(record.headers),
            )
        except BufferError:
            producer.poll(0.1)
        else:
            producer.poll(0)
            return


def _consumer(bootstrap: str, settings: Mapping[str, str | bool] | None = None) -> Consumer:
    """Make a consumer that joins no group and commits nothing."""
    own = {"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False}
    return Consumer({**own, **(settings or {})})


def _end(consumer: Consumer, at: TopicPartition) -> int:
    return consumer.get_watermark_offsets(at, WITHIN)[1]


def _committed(consumer: Consumer, places: list[TopicPartition]) -> list[TopicPartition]:
    """What is committed of each; raise KafkaException if the broker does not say so for one."""
    found = consumer.committed(places, WITHIN)
    for at in found:
        if at.error is not None:
            raise KafkaException(at.error)
    return found


def _partitions(consumer: Consumer, topic: str) -> list[TopicPartition]:
    """Return the partitions of a topic that exists; raise AssertionError otherwise."""
    found = consumer.list_topics(topic, timeout=WITHIN).topics[topic]
    if found.error:
        raise AssertionError(f"{topic}: {found.error}")
    return [TopicPartition(topic, number) for number in sorted(found.partitions)]


def _until_ends(consumer: Consumer, ends: Mapping[int, int]) -> Iterator[Read]:
    """Read each partition to the end that it had, or to its present one: it may hold others than records."""
    deadline, open_partitions = time.monotonic() + WITHIN, set(ends)
    while open_partitions:
        if time.monotonic() > deadline:
            raise AssertionError(f"partitions {open_partitions} not read to their end within {WITHIN:.0f} s")
        for message in consumer.consume(1000, 0.1):
            error, partition = message.error(), message.partition() or 0
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if error is None:
                yield _read(message)
            if error is not None or (message.offset() or 0) + 1 >= ends[partition]:
                open_partitions.discard(partition)


def _read(message: Message) -> Read:
    """Turn the client's message into plain values."""
    headers = tuple(cast("Sequence[Header]", message.headers() or ()))
    return Read(message.partition() or 0, message.offset() or 0, message.key(), message.value(), headers)


def _led(admin: AdminClient, topic: str) -> bool:
    """Whether every partition of the topic has a leader."""
    found = admin.list_topics(topic, timeout=WITHIN).topics[topic]
    return not found.error and all(partition.leader >= 0 for partition in found.partitions.values())
