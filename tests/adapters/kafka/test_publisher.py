"""What only the real publisher does: refusals of the broker, a full queue, an end without one."""

from __future__ import annotations

import asyncio
import random
import threading
import time

import pytest
from confluent_kafka import KafkaError

from tests.adapters.kafka.ear import WITHIN, until
from tests.adapters.kafka.mock import PRODUCE
from tests.adapters.kafka.worlds import KafkaWorld, MockWorld
from tests.support.kafka import create_topics
from worker.adapters.kafka import KafkaPublisher, KafkaUnavailable, metadata, producer_config
from worker.adapters.kafka.config import BULK_RECORDS
from worker.core.record import Outgoing
from worker.ports import BatchRefused, PublishRefused


def large() -> bytes:
    """An event of 3 MB that is a third as large when it is compressed."""
    some = random.Random(1)
    note = "".join(some.choice("0123456789") + " lorem" for _ in range(420_000))
    return b'{"note": "%s"}' % note.encode()


async def taken(publisher: KafkaPublisher, message: Outgoing) -> None:
    """Publish until it is taken."""
    async with asyncio.timeout(WITHIN):
        while True:
            try:
                return await publisher.publish(message)
            except PublishRefused:
                await asyncio.sleep(0.05)


async def test_wrong_settings() -> None:
    """A property that librdkafka does not know fails the start, in words."""
    config = producer_config("127.0.0.1:1", "test", {"no.such": "1"})
    publisher = KafkaPublisher(config, on_fatal=pytest.fail, on_trouble=pytest.fail)
    with pytest.raises(KafkaUnavailable, match=r"no\.such"):
        await publisher.start()
    await publisher.close()


async def test_no_broker(mock_world: MockWorld) -> None:
    """Without a broker a publish is refused, in words; it counts again as soon as the broker comes."""
    (at,) = mock_world.create(1)
    mock_world.cluster.down()
    publisher = await mock_world.publisher()
    message = Outgoing(at.topic, b"key", b"value", ())
    with pytest.raises(PublishRefused, match=f"can't see whether topic {at.topic} exists"):
        await publisher.publish(message)
    mock_world.cluster.up()
    await taken(publisher, message)
    assert [value for _, value, _ in mock_world.read(at.topic)] == [b"value"]


async def test_full_queue(mock_world: MockWorld) -> None:
    """More records than the client's queue holds wait for room; none is refused, and their order stays."""
    (at,) = mock_world.create(1)
    publisher = await mock_world.publisher(queue_buffering_max_messages=3)
    values = [b"%d" % number for number in range(200)]
    await asyncio.gather(*(publisher.publish(Outgoing(at.topic, b"k", value, ())) for value in values))
    assert sorted(value or b"" for _, value, _ in mock_world.read(at.topic)) == sorted(values)


async def test_a_full_batch_does_not_wait(mock_world: MockWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough records of one partition are there sooner by half than one fewer, which wait for others."""
    monkeypatch.setattr("worker.adapters.kafka.config.BULK_LINGER_MS", 1000)  # far more than sending takes
    (at,) = mock_world.create(1)
    publisher = await mock_world.publisher()

    async def seconds(count: int) -> float:
        began = time.monotonic()
        await publisher.publish_batch([Outgoing(at.topic, b"k", b"1", (), at.number)] * count)
        return time.monotonic() - began

    few = await seconds(BULK_RECORDS - 1)
    enough = [await seconds(BULK_RECORDS) for _ in range(3)]
    assert min(enough) * 2 < few


async def test_refused_by_the_broker(mock_world: MockWorld) -> None:
    """A record that the broker refuses is refused in the broker's words; the next one is taken."""
    (at,) = mock_world.create(1)
    publisher = await mock_world.publisher()
    mock_world.cluster.fail(PRODUCE, [KafkaError.INVALID_RECORD])
    with pytest.raises(PublishRefused, match="validate record"):
        await publisher.publish(Outgoing(at.topic, b"key", b"1", ()))
    await publisher.publish(Outgoing(at.topic, b"key", b"2", ()))


async def test_called_a_copy(mock_world: MockWorld) -> None:
    """A record that the broker only calls a copy of an earlier one does not count as there.

    In a log that was made anew under the producer a later record may have come first. The client reports it
    as acknowledged, without an offset.
    """
    (at,) = mock_world.create(1)
    publisher = await mock_world.publisher()
    earlier = [b"0"] * 10
    await publisher.publish_batch([Outgoing(at.topic, b"key", value, ()) for value in earlier])
    mock_world.cluster.fail(PRODUCE, [KafkaError.DUPLICATE_SEQUENCE_NUMBER])
    with pytest.raises(PublishRefused, match="copy"):
        await publisher.publish(Outgoing(at.topic, b"key", b"1", ()))
    assert mock_world.values(at) == earlier
    await publisher.publish(Outgoing(at.topic, b"key", b"1", ()))
    mock_world.cluster.fail(PRODUCE, [KafkaError.DUPLICATE_SEQUENCE_NUMBER])
    batch = [Outgoing(at.topic, b"key", b"%d" % number, ()) for number in (2, 3, 4)]
    with pytest.raises(BatchRefused, match="copy") as refused:
        await publisher.publish_batch(batch)
    await publisher.publish_batch(refused.value.left)
    assert sorted(map(str, mock_world.values(at))) == sorted(map(str, [*earlier, b"1", b"2", b"3", b"4"]))


async def test_a_batch_refused_in_part(mock_world: MockWorld) -> None:
    """Of a batch that the broker refuses in part just those come back that it did not take."""
    partitions = mock_world.create(2)
    publisher = await mock_world.publisher()
    await publisher.publish(Outgoing(partitions[0].topic, None, b"0", (), 0))
    mock_world.cluster.fail(PRODUCE, [KafkaError.INVALID_RECORD])  # the first request alone
    batch = [Outgoing(partitions[0].topic, None, b"%d" % number, (), number % 2) for number in range(20)]
    with pytest.raises(BatchRefused, match="validate record") as refused:
        await publisher.publish_batch(batch)
    await publisher.publish_batch(refused.value.left)
    there = [value for at in partitions for value in mock_world.values(at)]
    assert sorted(map(str, there)) == sorted(map(str, [b"0", *(message.value for message in batch)]))


async def test_a_batch_above_the_queue(mock_world: MockWorld) -> None:
    """A batch larger than the client's queue waits for room."""
    (at,) = mock_world.create(1)
    publisher = await mock_world.publisher(queue_buffering_max_messages=3)
    await publisher.publish_batch([Outgoing(at.topic, None, b"%d" % number, ()) for number in range(100)])
    assert len(mock_world.values(at)) == 100


async def test_a_batch_while_closing(mock_world: MockWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch that was not acknowledged by the end all come back: what is there is not known."""
    (at,) = mock_world.create(1)
    monkeypatch.setattr("worker.adapters.kafka.producer_thread.FLUSH_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr("worker.adapters.kafka.batch_producer.FLUSH_TIMEOUT_SECONDS", 0.3)
    publisher = await mock_world.publisher()
    await publisher.publish(Outgoing(at.topic, None, b"1", ()))
    mock_world.cluster.down()
    batch = [Outgoing(at.topic, None, b"2", ()), Outgoing(at.topic, None, b"3", ())]
    under_way = asyncio.create_task(publisher.publish_batch(batch))
    await asyncio.sleep(0)
    await publisher.close()
    with pytest.raises(BatchRefused, match="closed") as refused:
        await under_way
    assert len(refused.value.left) == 2


async def test_a_batch_too_large(mock_world: MockWorld) -> None:
    """What comes back of a batch for its size is sent again, each record alone."""
    (at,) = mock_world.create(1)
    publisher = await mock_world.publisher()
    mock_world.cluster.fail(PRODUCE, [KafkaError.MSG_SIZE_TOO_LARGE])
    await publisher.publish_batch([Outgoing(at.topic, b"k", b"%d" % number, ()) for number in range(20)])
    assert sorted(mock_world.values(at), key=lambda value: int(value or b"")) == [
        b"%d" % number for number in range(20)
    ]
    large = Outgoing(at.topic, b"k", bytes(3000), ())
    small = await mock_world.publisher(message_max_bytes=2000)
    with pytest.raises(BatchRefused, match="MESSAGE_MAX_BYTES") as refused:
        await small.publish_batch([large, Outgoing(at.topic, b"k", b"last", ())])
    assert list(refused.value.left) == [large]
    assert mock_world.values(at)[-1] == b"last"


async def test_allowed_again(mock_world: MockWorld) -> None:
    """A topic that was forbidden is taken again soon after it is allowed."""
    (at,) = mock_world.create(1)
    publisher = await mock_world.publisher(topic_metadata_refresh_interval_ms=300_000)
    mock_world.cluster.fail(PRODUCE, [KafkaError.TOPIC_AUTHORIZATION_FAILED])
    with pytest.raises(PublishRefused, match="authorization failed"):
        await publisher.publish(Outgoing(at.topic, b"key", b"1", ()))
    await taken(publisher, Outgoing(at.topic, b"key", b"2", ()))


async def test_given_up(mock_world: MockWorld) -> None:
    """A publish that its caller gave up harms no other."""
    (at,) = mock_world.create(1)
    publisher = await mock_world.publisher()
    await publisher.publish(Outgoing(at.topic, None, b"1", ()))
    given_up = asyncio.create_task(publisher.publish(Outgoing(at.topic, None, b"2", ())))
    await asyncio.sleep(0)
    given_up.cancel()
    await publisher.publish(Outgoing(at.topic, None, b"3", ()))
    assert given_up.cancelled()
    await publisher.close()


async def test_closing_with_records_under_way(mock_world: MockWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing waits for acknowledgements within bounds; what has none by then is refused."""
    (at,) = mock_world.create(1)
    monkeypatch.setattr("worker.adapters.kafka.producer_thread.FLUSH_TIMEOUT_SECONDS", 0.3)
    publisher = await mock_world.publisher()
    await publisher.publish(Outgoing(at.topic, None, b"1", ()))
    mock_world.cluster.down()
    under_way = asyncio.create_task(publisher.publish(Outgoing(at.topic, None, b"2", ())))
    await asyncio.sleep(0)
    await publisher.close()
    with pytest.raises(PublishRefused, match="closed"):
        await under_way
    assert "kafka-producer" not in [thread.name for thread in threading.enumerate()]


async def test_dead_client(mock_world: MockWorld) -> None:
    """A client that can't go on is told once, and every publish from then on is refused."""
    (at,) = mock_world.create(1)
    told: list[str] = []
    config = producer_config(mock_world.bootstrap, "test", {})
    publisher = KafkaPublisher(config, on_fatal=told.append, on_trouble=pytest.fail)
    await publisher.start()
    await publisher.publish(Outgoing(at.topic, None, b"1", ()))
    publisher._on_error(KafkaError(KafkaError._FATAL, "out of sequence", fatal=True))
    publisher._on_error(KafkaError(KafkaError._FATAL, "out of sequence", fatal=True))
    await until("the news", lambda: bool(told))
    with pytest.raises(PublishRefused, match="out of sequence"):
        await publisher.publish(Outgoing(at.topic, None, b"2", ()))
    await publisher.close()
    assert told == ["out of sequence"]


async def test_missing_topics(mock_world: MockWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The topics that are missing are named, until they are there."""
    (at,) = mock_world.create(1)
    monkeypatch.setattr(metadata, "ASK_AGAIN_SECONDS", 0.0)
    publisher = await mock_world.publisher()
    assert await publisher.missing_topics([at.topic, "later"]) == ["later"]
    mock_world.cluster.create("later", 1)
    assert await publisher.missing_topics([at.topic, "later"]) == []


@pytest.mark.kafka
async def test_too_large(real_world: KafkaWorld) -> None:
    """A record larger than its topic takes is refused, and the client's own limit is above it."""
    topic = real_world.missing()
    create_topics(real_world.bootstrap, {topic: 1}, {"max.message.bytes": "3000000"})
    publisher = await real_world.publisher()
    await publisher.publish(Outgoing(topic, None, bytes(2_900_000), ()))
    with pytest.raises(PublishRefused) as refused:
        await publisher.publish(Outgoing(topic, None, random.Random(1).randbytes(3_100_000), ()))
    said = f"{topic} refuses a record of 3100000 bytes, sent alone and compressed"
    assert str(refused.value).startswith(said)
    assert "max.message.bytes, 3000000;" in str(refused.value)
    assert f"--topic {topic} --add-config max.message.bytes=3165536" in str(refused.value)
    assert len(real_world.read(topic)) == 1


@pytest.mark.kafka
async def test_compressed(real_world: KafkaWorld) -> None:
    """What a producer compressed to fit a topic fits another of the same limit, whatever the user's codec."""
    topic = real_world.missing()
    create_topics(real_world.bootstrap, {topic: 1})
    value = large()
    for codec in ("zstd", "lz4", "none"):
        publisher = await real_world.publisher(compression_type=codec)
        await publisher.publish(Outgoing(topic, None, value, ()))
    assert [read for _, read, _ in real_world.read(topic)] == [value] * 3


@pytest.mark.kafka
@pytest.mark.parametrize("asks", [True, False])
async def test_many_small_ones(real_world: KafkaWorld, asks: bool) -> None:
    """Records that each fit are all taken by a topic that takes no large batch, its limit known or not."""
    topic = real_world.missing()
    create_topics(real_world.bootstrap, {topic: 1}, {"max.message.bytes": "20000"})
    publisher = await real_world.publisher(asks=[topic] if asks else [])
    some = random.Random(1)
    values = [some.randbytes(300) for _ in range(400)]
    await asyncio.gather(*(publisher.publish(Outgoing(topic, b"k", value, ())) for value in values))
    assert sorted(value or b"" for _, value, _ in real_world.read(topic)) == sorted(values)


async def test_too_large_for_the_client(mock_world: MockWorld) -> None:
    """A record above the client's own limit is refused with the variable that raises it."""
    (at,) = mock_world.create(1)
    publisher = await mock_world.publisher(message_max_bytes=2000)
    with pytest.raises(
        PublishRefused, match="POSTBACK_KAFKA__PROPERTIES__MESSAGE_MAX_BYTES=68536 makes room"
    ):
        await publisher.publish(Outgoing(at.topic, None, bytes(3000), ()))


async def test_too_large_a_batch(mock_world: MockWorld) -> None:
    """What is refused for its size in a batch is sent again alone, and nobody hears of it."""
    (at,) = mock_world.create(1)
    publisher = await mock_world.publisher()
    mock_world.cluster.fail(PRODUCE, [KafkaError.MSG_SIZE_TOO_LARGE])
    values = [b"%d" % number for number in range(20)]
    await asyncio.gather(*(publisher.publish(Outgoing(at.topic, b"k", value, ())) for value in values))
    assert sorted(value or b"" for _, value, _ in mock_world.read(at.topic)) == sorted(values)
