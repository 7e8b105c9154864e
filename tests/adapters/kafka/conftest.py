"""The worlds, as fixtures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.adapters.kafka.ear import Ear
from tests.adapters.kafka.mock import MockCluster
from tests.adapters.kafka.worlds import FakeWorld, KafkaWorld, MockWorld


@pytest.fixture
def ear() -> Ear:
    """A listener."""
    return Ear()


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    """A broker in this process."""
    with MockCluster() as cluster:
        yield cluster


@pytest.fixture
async def mock_world(cluster: MockCluster) -> AsyncIterator[MockWorld]:
    """The adapters on the mock cluster."""
    world = MockWorld(cluster)
    yield world
    await world.close()


@pytest.fixture
async def real_world(kafka: str) -> AsyncIterator[KafkaWorld]:
    """The adapters on a real Kafka."""
    world = KafkaWorld(kafka)
    yield world
    await world.close()


@pytest.fixture
def fake_world() -> FakeWorld:
    """The fakes."""
    return FakeWorld()
