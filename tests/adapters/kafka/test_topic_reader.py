"""The reader of whole topics: where it begins, where it ends, and that it never hangs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from tests.adapters.kafka.mock import LIST_OFFSETS, MockCluster
from tests.support.kafka import (
    WITHIN,
    Names,
    Write,
    create_topics,
    delete_topics,
    make_anew,
    produce,
    wait_until,
)
from worker.adapters.kafka import KafkaUnavailable, consumer_config
from worker.adapters.kafka.topic_reader import NoSuchTopic, OffsetRange, TopicReader
from worker.core.record import Partition

TOPIC, MANY = "letters", 12


def make_reader(bootstrap: str, topic: str = TOPIC) -> TopicReader:
    """Make a reader as the commands do."""
    return TopicReader(consumer_config(bootstrap, "reader", "reader-1", {}), topic)


@pytest.fixture
def reader(cluster: MockCluster) -> Iterator[TopicReader]:
    """A reader of a topic with three partitions: two records, one, and none."""
    cluster.create(TOPIC, 3)
    written = [Write(b"a", partition=0), Write(b"b", partition=0), Write(b"c", b"k", (("h", b"\xff"),), 1)]
    produce(cluster.bootstrap, TOPIC, written)
    with make_reader(cluster.bootstrap) as reader:
        yield reader


def test_without_a_leader(reader: TopicReader, cluster: MockCluster) -> None:
    """The others are read where a partition without a leader is left out."""
    without = Partition(TOPIC, 0)
    cluster.lead(without, is_led=False)
    assert [record.value for record in reader.read(reader.spans(unread=[without]))] == [b"c"]
    assert set(reader.spans(0.0, unread=[without])) == {Partition(TOPIC, 1), Partition(TOPIC, 2)}


def test_reads_all(reader: TopicReader) -> None:
    """It reads every record of every partition once, whole, and ends."""
    spans = reader.spans()
    assert [spans[Partition(TOPIC, number)] for number in range(3)] == [
        OffsetRange(0, 2),
        OffsetRange(0, 1),
        OffsetRange(0, 0),
    ]
    records = sorted(reader.read(spans), key=lambda record: record[:2])
    assert [(record.at.number, record.offset, record.value) for record in records] == [
        (0, 0, b"a"),
        (0, 1, b"b"),
        (1, 0, b"c"),
    ]
    assert (records[2].key, list(records[2].headers)) == (b"k", [("h", b"\xff")])


def test_ends_where_the_topic_ended(reader: TopicReader, cluster: MockCluster) -> None:
    """What is written after it asked for the ends is not read."""
    spans = reader.spans()
    produce(cluster.bootstrap, TOPIC, [Write(b"late", partition=number) for number in range(3)])
    assert {record.value for record in reader.read(spans)} == {b"a", b"b", b"c"}
    assert reader.spans()[Partition(TOPIC, 2)] == OffsetRange(0, 1)


def test_reads_a_part(reader: TopicReader) -> None:
    """It reads the offsets that it is given, and a second time as well as the first."""
    part = {Partition(TOPIC, 0): OffsetRange(1, 2)}
    assert [record.value for record in reader.read(part)] == [b"b"]
    assert [record.value for record in reader.read(part)] == [b"b"]
    assert list(reader.read({})) == []


def test_reads_time_and_again(cluster: MockCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it reads, no partition stays paused from the reading before."""
    monkeypatch.setattr("worker.adapters.kafka.topic_reader.SILENCE_SECONDS", 5.0)
    cluster.create(TOPIC, MANY)
    produce(cluster.bootstrap, TOPIC, [Write(b"a", partition=n) for n in range(MANY) for _ in range(20)])
    quick = {**consumer_config(cluster.bootstrap, "reader", "reader-1", {}), "fetch.wait.max.ms": 30}
    with TopicReader(quick, TOPIC) as reader:
        spans = reader.spans()
        for _ in range(100):
            assert len(list(reader.read(spans))) == 20 * MANY


def test_keeps_what_is_sought(reader: TopicReader) -> None:
    """What is let go by its key or its value is not handed out, and the reading ends all the same."""
    assert [record.value for record in reader.read(reader.spans(), keep=lambda key, _: key == b"k")] == [b"c"]
    assert [r.offset for r in reader.read(reader.spans(), keep=lambda _, value: value == b"b")] == [1]
    assert not list(reader.read(reader.spans(), keep=lambda _key, _value: False))


def test_while_a_leader_changes(reader: TopicReader, cluster: MockCluster) -> None:
    """It asks again where a partition has no leader yet, as in a topic that has just been made."""
    cluster.fail(LIST_OFFSETS, [KafkaError.NOT_LEADER_FOR_PARTITION] * 8)
    assert sum(span.length for span in reader.spans().values()) == 3


def test_no_such_topic(cluster: MockCluster) -> None:
    """A topic that does not exist is named."""
    with make_reader(cluster.bootstrap, "missing") as reader, pytest.raises(NoSuchTopic, match="missing"):
        reader.spans()


def test_silence(reader: TopicReader, cluster: MockCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that goes away while it is read ends the reading with an error, not with fewer records."""
    monkeypatch.setattr("worker.adapters.kafka.topic_reader.SILENCE_SECONDS", 1.0)
    spans = reader.spans()
    cluster.down()
    with pytest.raises(KafkaUnavailable, match="not read to the end"):
        list(reader.read(spans))


@pytest.mark.kafka
def test_since(kafka: str, names: Names) -> None:
    """With a time it begins at the first record as new; where there is none, at the end."""
    create_topics(kafka, {names.dlq: 2})
    produce(kafka, names.dlq, [Write(b"a", partition=0), Write(b"b", partition=0)])
    at = Partition(names.dlq, 0)
    with make_reader(kafka, names.dlq) as reader:
        (first, _) = reader.read(reader.spans())
        assert reader.spans(since=first.timestamp)[at] == OffsetRange(0, 2)
        later = reader.spans(since=first.timestamp + 3600)
        assert (later[at], later[Partition(names.dlq, 1)]) == (OffsetRange(2, 2), OffsetRange(0, 0))
        assert list(reader.read(later)) == []


READ_AHEAD = 8_000
"""More records of 2 KB than a client reads ahead."""


@pytest.mark.kafka
@pytest.mark.parametrize(
    "anew", [None, [Write(b"another", partition=0)], []], ids=["no", "with one", "empty"]
)
def test_deleted_while_it_is_read(
    kafka: str, names: Names, monkeypatch: pytest.MonkeyPatch, anew: Sequence[Write] | None
) -> None:
    """A topic that goes away while it is read ends the reading with an error, however long it would wait."""
    monkeypatch.setattr("worker.adapters.kafka.topic_reader.SILENCE_SECONDS", 1.0)
    create_topics(kafka, {names.dlq: 1})
    produce(kafka, names.dlq, [Write(bytes(2000), partition=0)] * READ_AHEAD)
    waits: list[str] = []
    with make_reader(kafka, names.dlq) as reader:
        reading = reader.read(reader.spans(), waits.append)
        next(reading)
        if anew is not None:
            make_anew(kafka, names.dlq, 1)
            produce(kafka, names.dlq, anew)
        else:
            delete_topics(kafka, [names.dlq])
            asking = AdminClient({"bootstrap.servers": kafka})
            wait_until("it is gone", lambda: names.dlq not in asking.list_topics(timeout=WITHIN).topics)
        with pytest.raises(KafkaUnavailable, match=r"was deleted (and made again )?while it was read"):
            assert {record.value for record in reading} <= {bytes(2000)}
