"""What a client gives back of batches that it was handed: what it is not sending."""

from __future__ import annotations

import asyncio

import pytest

from tests.adapters.kafka.worlds import MockWorld
from worker.core.record import Outgoing
from worker.ports import BatchRefused


async def test_while_the_broker_is_away(mock_world: MockWorld) -> None:
    """What lies with the client while the broker is away comes back, and what follows it gets there."""
    (at,) = mock_world.create(1)
    publisher = await mock_world.publisher()
    await publisher.publish_batch([Outgoing(at.topic, None, b"1", ())])
    mock_world.cluster.down()
    batch = [Outgoing(at.topic, None, b"2", ()), Outgoing(at.topic, None, b"3", ())]
    under_way = asyncio.create_task(publisher.publish_batch(batch))
    while not under_way.done():
        await asyncio.sleep(0.01)
        publisher.take_back()
    with pytest.raises(BatchRefused) as refused:
        await under_way
    assert refused.value.taken_back
    assert refused.value.left == batch
    mock_world.cluster.up()
    await publisher.publish_batch([Outgoing(at.topic, None, b"4", ())])
    assert mock_world.values(at) == [b"1", b"4"]


async def test_nothing_to_take_back(mock_world: MockWorld) -> None:
    """Where nothing lies with the client nothing is taken back, nor what comes after that."""
    (at,) = mock_world.create(1)
    publisher = await mock_world.publisher()
    publisher.take_back()
    await publisher.publish_batch([Outgoing(at.topic, None, b"1", ())])
    publisher.take_back()
    await publisher.publish_batch([Outgoing(at.topic, None, b"2", ())])
    assert mock_world.values(at) == [b"1", b"2"]
