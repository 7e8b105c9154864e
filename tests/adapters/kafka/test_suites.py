"""The suites, in each world."""

from __future__ import annotations

import pytest

from tests.adapters.kafka.batch_routing_suite import BatchRoutingSuite
from tests.adapters.kafka.made_anew_suite import MadeAnewSuite
from tests.adapters.kafka.publisher_suite import PublisherSuite
from tests.adapters.kafka.suites import SourceSuite
from tests.adapters.kafka.worlds import FakeWorld, KafkaWorld, MockWorld, World


class TestFakeSource(SourceSuite):
    @pytest.fixture
    def world(self, fake_world: FakeWorld) -> World:
        return fake_world


class TestFakeBatchRouting(BatchRoutingSuite):
    @pytest.fixture
    def world(self, fake_world: FakeWorld) -> World:
        return fake_world


class TestFakeMadeAnew(MadeAnewSuite):
    @pytest.fixture
    def world(self, fake_world: FakeWorld) -> World:
        return fake_world


class TestFakePublisher(PublisherSuite):
    @pytest.fixture
    def world(self, fake_world: FakeWorld) -> World:
        return fake_world


class TestSourceOnMock(SourceSuite):
    @pytest.fixture
    def world(self, mock_world: MockWorld) -> World:
        return mock_world


class TestBatchRoutingOnMock(BatchRoutingSuite):
    @pytest.fixture
    def world(self, mock_world: MockWorld) -> World:
        return mock_world


class TestPublisherOnMock(PublisherSuite):
    @pytest.fixture
    def world(self, mock_world: MockWorld) -> World:
        return mock_world


@pytest.mark.kafka
class TestSourceOnKafka(SourceSuite):
    @pytest.fixture(params=["cooperative-sticky", "range", "consumer"])
    def world(self, real_world: KafkaWorld, request: pytest.FixtureRequest) -> World:
        """By each of the ways in which a group may share its partitions."""
        way = str(request.param)
        name = "group.protocol" if way == "consumer" else "partition.assignment.strategy"
        real_world.properties[name] = way
        return real_world


@pytest.mark.kafka
class TestBatchRoutingOnKafka(BatchRoutingSuite):
    @pytest.fixture
    def world(self, real_world: KafkaWorld) -> World:
        return real_world


@pytest.mark.kafka
class TestMadeAnewOnKafka(MadeAnewSuite):
    @pytest.fixture(params=["cooperative-sticky", "range"])
    def world(self, real_world: KafkaWorld, request: pytest.FixtureRequest) -> World:
        """By each kind of assignment: as changes, and whole."""
        real_world.properties["partition.assignment.strategy"] = str(request.param)
        return real_world


@pytest.mark.kafka
class TestPublisherOnKafka(PublisherSuite):
    @pytest.fixture
    def world(self, real_world: KafkaWorld) -> World:
        return real_world
