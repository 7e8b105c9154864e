"""Many records to one topic: what is known of each in the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError

from tests.adapters.kafka.mock import PRODUCE, MockCluster
from worker.adapters.kafka import bulk_publisher, producer_config
from worker.adapters.kafka.bulk_publisher import BulkPublisher, PublishStopped, RecordName
from worker.adapters.kafka.errors import may_be_there
from worker.ports import PublishRefused

PLACES = [RecordName("line ", number) for number in range(1, 6)]


def publisher(
    cluster: MockCluster, stop: Callable[[], bool] = lambda: False, **properties: str | int
) -> BulkPublisher:
    """A publisher to a topic `t`; `properties` have `_` for `.`."""
    cluster.create("t", 1)
    own = {name.replace("_", "."): value for name, value in properties.items()}
    return BulkPublisher(producer_config(cluster.bootstrap, "test", own), "t", stop=stop)


def test_all_acknowledged(cluster: MockCluster) -> None:
    """What is acknowledged is counted, and nothing is unknown; a queue that is full is waited for."""
    made = publisher(cluster, queue_buffering_max_messages=2)
    for place in PLACES:
        made.send(place, b"k", b"v")
    made.settle()
    assert (made.acknowledged, made.handed, made.unknown, made.refused) == (5, 5, [], [])
    assert made.last == PLACES[-1]


def test_refused(cluster: MockCluster) -> None:
    """What the broker refuses is known not to be there, and names its place."""
    made = publisher(cluster)
    cluster.fail(PRODUCE, [KafkaError.INVALID_RECORD])
    made.send(PLACES[0], b"k", b"v")
    with pytest.raises(PublishRefused, match="line 1: Broker: Broker failed to validate record"):
        made.settle()
    with pytest.raises(PublishRefused):
        made.send(PLACES[1], b"k", b"v")
    assert (made.acknowledged, made.handed, made.unknown, made.refused) == (0, 1, [], PLACES[:1])


def test_called_a_copy(cluster: MockCluster) -> None:
    """What the broker only calls a copy of an earlier record may be there or not."""
    made = publisher(cluster)
    made.send(PLACES[0], b"k", b"v")
    made.settle()
    cluster.fail(PRODUCE, [KafkaError.DUPLICATE_SEQUENCE_NUMBER])
    made.send(PLACES[1], b"k", b"v")
    with pytest.raises(PublishRefused, match=r"line 2: .*copy"):
        made.settle()
    assert (made.acknowledged, made.unknown, made.refused) == (1, PLACES[1:2], [])


def test_too_large_a_batch(cluster: MockCluster) -> None:
    """What comes back in a batch for its size is sent again alone; what is too large alone is refused."""
    made = publisher(cluster)
    cluster.fail(PRODUCE, [KafkaError.MSG_SIZE_TOO_LARGE])
    for place in PLACES:
        made.send(place, b"k", b"v")
    made.settle()
    assert (made.acknowledged, made.unknown) == (5, [])
    cluster.fail(PRODUCE, [KafkaError.MSG_SIZE_TOO_LARGE] * 2)
    made.send(PLACES[0], b"k", b"v")
    with pytest.raises(PublishRefused, match="line 1: t refuses a record of 2 bytes, sent alone"):
        made.settle()
    assert made.refused == PLACES[:1]


def test_stopped(cluster: MockCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told to stop while the broker is away: what was handed over is unknown, by its place."""
    monkeypatch.setattr(bulk_publisher, "PATIENCE_SECONDS", 0.2)
    stopping: list[bool] = []
    made = publisher(cluster, stop=lambda: bool(stopping))
    made.send(PLACES[0], b"k", b"v")
    made.settle()
    cluster.down()
    for place in PLACES[1:4]:
        made.send(place, b"k", b"v")
    stopping.append(True)
    with pytest.raises(PublishStopped):
        made.send(PLACES[4], b"k", b"v")
    with pytest.raises(PublishStopped):
        made.settle()
    made.close()
    assert (made.acknowledged, made.handed, made.unknown) == (1, 4, PLACES[1:4])


def test_says_that_it_waits(cluster: MockCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that is away is waited for, and that is said once, with the reason; then it goes on."""
    told: list[str] = []

    def come_back(why: str) -> None:
        told.append(why)
        cluster.up()

    cluster.create("t", 1)
    made = BulkPublisher(producer_config(cluster.bootstrap, "test", {}), "t", on_waiting=come_back)
    made.send(PLACES[0], b"k", b"v")
    made.settle()
    monkeypatch.setattr(bulk_publisher, "WAITING_AFTER_SECONDS", 0.5)
    cluster.down()
    made.send(PLACES[1], b"k", b"v")
    made.settle()
    assert made.acknowledged == 2
    assert len(told) == 1
    assert told[0]


def test_what_no_queue_holds(cluster: MockCluster) -> None:
    """A record that is larger than the client's queue is refused rather than waited for."""
    made = publisher(cluster, queue_buffering_max_kbytes=1)
    with pytest.raises(PublishRefused, match="line 1: is larger than the client's queue"):
        made.send(PLACES[0], b"k", bytes(2000))
    assert made.handed == 0


def test_what_the_client_refuses(cluster: MockCluster) -> None:
    """A record above the client's own limit is refused at once, and was not sent."""
    made = publisher(cluster, message_max_bytes=1000)
    with pytest.raises(PublishRefused, match="line 1: a record of 2001 bytes for t is larger"):
        made.send(PLACES[0], b"k", bytes(2000))
    assert made.handed == 0


@pytest.mark.parametrize(
    ("code", "unsure"),
    [
        (KafkaError._MSG_TIMED_OUT, True),
        (KafkaError._PURGE_INFLIGHT, True),
        (KafkaError._PURGE_QUEUE, True),
        (KafkaError.REQUEST_TIMED_OUT, True),
        (KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND, True),
        (KafkaError.MSG_SIZE_TOO_LARGE, False),
        (KafkaError.NOT_ENOUGH_REPLICAS, False),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, False),
        (KafkaError._UNKNOWN_TOPIC, False),
    ],
)
def test_may_be_there(code: int, unsure: bool) -> None:
    """A broker's refusal is certain; that the client gave up, or an answer after the write, is not."""
    assert may_be_there(KafkaError(code)) is unsure
