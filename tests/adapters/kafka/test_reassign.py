"""Partitions that are assigned again while they are paused."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.adapters.kafka.mock import MockCluster
from tests.support.kafka import Write, produce, wait_until
from worker.adapters.kafka import consumer_config
from worker.adapters.kafka.reassign import assign, reassign

TOPIC, MANY = "conversions", 64
TIMES = 60
"""Without the lifting of pauses, a resume was lost within ten times, or thirty."""


@pytest.mark.parametrize("incremental", [True, False])
def test_paused_when_assigned_again(cluster: MockCluster, *, incremental: bool) -> None:
    """What was paused comes once it is resumed right after it was assigned again, every time."""
    cluster.create(TOPIC, MANY)
    produce(cluster.bootstrap, TOPIC, [Write(b"a", partition=number) for number in range(MANY)])
    config = {**consumer_config(cluster.bootstrap, "group", "client", {}), "fetch.wait.max.ms": 10}
    consumer = Consumer(config)
    places = [TopicPartition(TOPIC, number, 0) for number in range(MANY)]
    assign(consumer, places, incremental=incremental)
    for _ in range(TIMES):
        came: set[int | None] = set()

        def all_came(came: set[int | None] = came) -> bool:
            came.update(message.partition() for message in consumer.consume(MANY, 0.05))
            return len(came) == MANY

        wait_until("a record of each partition", all_came, within=10.0)
        consumer.pause(places)
        reassign(consumer, places, incremental=incremental)
        consumer.resume(places)
    consumer.close()


def test_what_is_assigned_again(cluster: MockCluster) -> None:
    """Without incremental assignments those that are kept are assigned again, too, and go on."""
    cluster.create(TOPIC, 2)
    consumer = Consumer(consumer_config(cluster.bootstrap, "group", "client", {}))
    moved, kept = (TopicPartition(TOPIC, number, 3) for number in range(2))
    assign(consumer, [moved, kept], incremental=False)
    assert reassign(consumer, [moved], incremental=False) == [(TOPIC, 0), (TOPIC, 1)]
    assert reassign(consumer, [], incremental=True) == []
    consumer.close()
