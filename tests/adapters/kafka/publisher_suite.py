"""What any publisher does: the fake, the embedded broker, real Kafka."""

from __future__ import annotations

import asyncio

import pytest

from tests.adapters.kafka.worlds import World
from worker.core.record import Header, Outgoing
from worker.ports import PublishRefused


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
