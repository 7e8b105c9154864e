"""A topic that is deleted and made again under a member of the group."""

from __future__ import annotations

import pytest

from tests.adapters.kafka.worlds import Ear, KafkaWorld, MockWorld
from tests.support.broker import CLUSTER_ID
from worker.adapters.kafka import KafkaSource
from worker.core.binding import LogId
from worker.core.record import Partition


async def started(world: KafkaWorld, ear: Ear, at: Partition) -> KafkaSource:
    """A source that has this partition."""
    source = world.source(at.topic)
    await source.start(ear)
    await world.joined(source, ear, [at])
    return source


@pytest.mark.kafka
async def test_names_its_log(real_world: KafkaWorld, ear: Ear) -> None:
    """What is assigned says of which log it is."""
    (at,) = real_world.create(1)
    source = await started(real_world, ear, at)
    log = real_world.ids.of([at.topic])[at.topic]
    assert ear.ours[at].log == log
    assert log.cluster == CLUSTER_ID
    assert log.topic_id is not None
    await source.stop()


async def test_log_without_a_name(mock_world: MockWorld, ear: Ear) -> None:
    """Of a broker that has no ids the log is unknown, and all goes on."""
    (at,) = mock_world.create(1)
    source = await started(mock_world, ear, at)
    assert ear.ours[at].log == LogId()
    await source.stop()
