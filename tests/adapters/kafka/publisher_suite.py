"""What any publisher does: the fake, the embedded broker, real Kafka."""

from __future__ import annotations

import asyncio

import pytest

from tests.adapters.kafka.worlds import World
from worker.core.record import Header, Outgoing
from worker.ports import BatchRefused, PublishRefused


class PublisherSuite:
    """Inherit it with a fixture `world`."""

    async def test_acknowledged(self, world: World) -> None:
        """A published record is readable, its key, value and headers unchanged."""
        (at,) = world.create(1)
        publisher = await world.publisher()
        headers: list[Header] = [("a", b"\x00\xff"), ("a", None), ("b", b""), ("ü", "ü".encode())]
        await publisher.publish(Outgoing(at.topic, b"key", b"value", headers))
        await publisher.publish(Outgoing(at.topic, None, None, ()))
        await publisher.publish(Outgoing(at.topic, b"", b"", tuple(headers[:1])))
        assert world.read(at.topic) == [
            (b"key", b"value", headers),
            (None, None, []),
            (b"", b"", headers[:1]),
        ]
        await publisher.close()

    async def test_together(self, world: World) -> None:
        """Of many records published together each is there once, in the order of their publishing."""
        (at,) = world.create(1)
        publisher = await world.publisher()
        values = [b"%d" % number for number in range(2000)]
        await asyncio.gather(*(publisher.publish(Outgoing(at.topic, b"k", value, ())) for value in values))
        assert [value for _, value, _ in world.read(at.topic)] == values
        await publisher.close()

    async def test_batch(self, world: World) -> None:
        """A batch is acknowledged as one; each record is in the partition that it names, in order."""
        partitions = world.create(2)
        topic = partitions[0].topic
        publisher = await world.publisher()
        numbers = range(500)
        await publisher.publish_batch(
            [Outgoing(topic, b"k", b"%d" % number, (), number % 2) for number in numbers]
        )
        for at in partitions:
            there = [int(value or b"") for value in world.values(at)]
            assert there == [number for number in numbers if number % 2 == at.number]
        await publisher.close()

    async def test_batch_beyond(self, world: World) -> None:
        """A record for a partition that is not there goes to the one that is left by division."""
        partitions = world.create(2)
        topic = partitions[0].topic
        publisher = await world.publisher()
        await publisher.publish_batch(
            [Outgoing(topic, None, b"%d" % number, (), number) for number in (2, 7)]
        )
        assert [world.values(at) for at in partitions] == [[b"2"], [b"7"]]
        await publisher.close()

    async def test_batch_refused(self, world: World) -> None:
        """A batch for a topic that does not exist is refused whole; after closing every batch is."""
        (at,) = world.create(1)
        publisher = await world.publisher()
        missing = world.missing()
        batch = [Outgoing(missing, None, b"1", (), 0), Outgoing(missing, None, b"2", (), 0)]
        with pytest.raises(BatchRefused, match=f"topic {missing} does not exist") as refused:
            await publisher.publish_batch(batch)
        assert list(refused.value.left) == batch
        await publisher.close()
        with pytest.raises(BatchRefused) as refused:
            await publisher.publish_batch([Outgoing(at.topic, None, b"1", ())])
        assert [message.value for message in refused.value.left] == [b"1"]

    async def test_missing_topic(self, world: World) -> None:
        """A topic that does not exist is a refusal that names it, and it is not made."""
        world.create(1)
        publisher = await world.publisher()
        missing = world.missing()
        for _ in range(2):
            with pytest.raises(PublishRefused, match=f"topic {missing} does not exist"):
                await publisher.publish(Outgoing(missing, b"key", b"value", ()))
        assert not world.exists(missing)
        await publisher.close()

    async def test_close_twice(self, world: World) -> None:
        """Closing again is no error, and after it every publish is refused."""
        (at,) = world.create(1)
        publisher = await world.publisher()
        await publisher.publish(Outgoing(at.topic, None, b"1", ()))
        await publisher.close()
        await publisher.close()
        with pytest.raises(PublishRefused):
            await publisher.publish(Outgoing(at.topic, None, b"2", ()))
