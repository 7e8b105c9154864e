"""A broker that is slow to say how large a record its topics take, or never says it, holds up nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from tests.adapters.kafka.ear import WITHIN, until
from tests.adapters.kafka.worlds import MockWorld
from worker.adapters.kafka.message_limits import TopicLimits
from worker.core.record import Outgoing
from worker.ports import PublishRefused


class LateLimits(TopicLimits):
    """Knows the limit of each topic, where there is one, once it `may_tell`."""

    def __init__(self, limit: int | None) -> None:
        super().__init__({}, ["any"])
        self._limit = limit
        self.may_tell = asyncio.Event()

    async def _ask(self, topics: Sequence[str]) -> dict[str, int]:
        await self.may_tell.wait()
        return {} if self._limit is None else dict.fromkeys(topics, self._limit)


@pytest.mark.parametrize("limit", [20_000, 2_000_000, None])
async def test_heard_late(mock_world: MockWorld, limit: int | None) -> None:
    """Nobody waits until a broker has said what its topics take; once it has, batches are made to fit."""
    (at,) = mock_world.create(1)
    limits = LateLimits(limit)
    publisher = await mock_world.publisher(limits=limits)
    async with asyncio.timeout(WITHIN):
        await publisher.publish(Outgoing(at.topic, None, b"1", ()))
        await publisher.publish_batch([Outgoing(at.topic, None, b"2", ())])
    first = await publisher._batches()
    limits.may_tell.set()
    if limit is not None:
        await until("the news", lambda: publisher._smallest == limit)
    async with asyncio.timeout(WITHIN):
        await publisher.publish(Outgoing(at.topic, None, b"3", ()))
        await publisher.publish_batch([Outgoing(at.topic, None, b"4", ())])
    assert (await publisher._batches() is not first) == (limit == 20_000)
    assert mock_world.values(at) == [b"1", b"2", b"3", b"4"]
    await publisher.close()
    assert "kafka-producer" not in [thread.name for thread in threading.enumerate()]


async def test_closed_before_it_is_heard(mock_world: MockWorld) -> None:
    """A publisher that still waits for what its topics take can be closed, and is told nothing more."""
    (at,) = mock_world.create(1)
    limits = LateLimits(20_000)
    publisher = await mock_world.publisher(limits=limits)
    first = asyncio.create_task(publisher.publish(Outgoing(at.topic, None, b"1", ())))
    await until("the question", lambda: limits._asking is not None)
    async with asyncio.timeout(WITHIN):
        await publisher.close()
    limits.may_tell.set()
    with pytest.raises(PublishRefused, match="not running"):
        await first
    assert publisher._smallest is None
