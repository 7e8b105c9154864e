"""The watch of a destination of which some partitions have no leader, because a broker is away."""

from __future__ import annotations

import pytest

from tests.adapters.kafka.mock import MockCluster
from tests.console.topics import letter, settings_of
from tests.console.watch_suite import until
from tests.support.kafka import Names, produce
from worker.adapters.kafka import group_state
from worker.console import following, kafka_watch
from worker.console.kafka_watch import KafkaWatch
from worker.core.record import Partition
from worker.settings import Deployment

NAMES = Names("conversions", "g")


class MockWorld:
    """A watch of a destination on a broker in this process, half of whose partitions have no leader."""

    def __init__(self, cluster: MockCluster) -> None:
        self.cluster = cluster
        settings = settings_of(cluster.bootstrap, NAMES)
        self.name, self.watch = settings.destination.name, KafkaWatch(Deployment.of(settings))

    def lead(self, *, is_led: bool) -> None:
        """Take the leaders of the second partitions away, or give them back."""
        for topic in (NAMES.topic, NAMES.tier("10m"), NAMES.dlq, NAMES.journal):
            self.cluster.lead(Partition(topic, 1), is_led=is_led)


async def test_what_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be read is followed without trouble; the rest is, too, once it has leaders again."""
    monkeypatch.setattr(group_state, "LEADERS_WITHIN_SECONDS", 0.0)
    monkeypatch.setattr(following, "MINUTES_AT_A_TIME", 1)
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(kafka_watch, "STATUS_SECONDS", 0.2)
    with MockCluster() as cluster:
        for topic in (NAMES.topic, NAMES.tier("10m"), NAMES.dlq, NAMES.journal):
            cluster.create(topic, 2)
        cluster.create(NAMES.control, 1)
        produce(cluster.bootstrap, NAMES.dlq, [letter(f"e-{at}")._replace(partition=at) for at in (0, 1)])
        world = MockWorld(cluster)
        world.lead(is_led=False)
        world.watch.start()
        try:
            seen = await until(world, lambda now: [one.size for one in now.undelivered] == [1])
            assert seen.trouble is None
            seen = await until(world, lambda now: now.status is not None)
            assert seen.status is not None
            assert len(seen.status.flow.unread.every) == 4
            world.lead(is_led=True)
            await until(world, lambda now: [one.size for one in now.undelivered] == [2])
            await until(world, lambda now: now.status is not None and not now.status.flow.unread.every)
            await until(world, lambda now: now.hour[-1].published == 0)
        finally:
            world.watch.close()
