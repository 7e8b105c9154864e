"""The worlds, as fixtures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.adapters.kafka.ear import WITHIN, Ear
from tests.adapters.kafka.members import WAYS
from tests.adapters.kafka.mock import MockCluster
from tests.adapters.kafka.worlds import FakeWorld, KafkaWorld, MockWorld
from worker.adapters.kafka import TopicIds


@pytest.fixture(autouse=True)
def patient_with_kafka(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be patient with a real broker, which may be slow without having anything to do with a test."""
    if request.node.get_closest_marker("kafka"):
        request.getfixturevalue("patient")
        monkeypatch.setattr(TopicIds.of, "__defaults__", (WITHIN,))


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


@pytest.fixture(params=WAYS)
def any_way(real_world: KafkaWorld, request: pytest.FixtureRequest) -> KafkaWorld:
    """A real broker, by each of the ways in which a group may share its partitions."""
    way = str(request.param)
    name = "group.protocol" if way == "consumer" else "partition.assignment.strategy"
    real_world.properties[name] = way
    return real_world


@pytest.fixture
def fake_world() -> FakeWorld:
    """The fakes."""
    return FakeWorld()
