"""Making topics and partitions, also where the broker's answer does not come."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from tests.adapters.kafka.mock import MockCluster
from tests.support.kafka import Names, create_topics
from worker.adapters.kafka import admin as admin_module
from worker.adapters.kafka.admin import await_partitions, create_topic, grow
from worker.adapters.kafka.config import admin_config
from worker.adapters.kafka.errors import KafkaUnavailable
from worker.adapters.kafka.own_topics import create
from worker.core.topics import OwnTopic


def lose_answers(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Have the answers to a call of the client get lost, after the broker has done what it was asked for."""
    real = getattr(AdminClient, call)

    def silent(self: AdminClient, asked: Any, **options: Any) -> dict[str, Future[None]]:
        lost: dict[str, Future[None]] = {}
        for name, answer in real(self, asked, **options).items():
            answer.result(30)
            lost[name] = Future()
            lost[name].set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
        return lost

    monkeypatch.setattr(AdminClient, call, silent)


@pytest.mark.kafka
def test_a_lost_answer(kafka: str, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made, and whose answer timed out, is seen to be there and counts as made."""
    config = admin_config(kafka, "test", {})
    lose_answers(monkeypatch, "create_topics")
    assert create_topic(config, names.topic, 2, 1) == 2
    assert create(config, names.topic, [OwnTopic(names.dlq, None)]) == [names.dlq]


@pytest.mark.kafka
def test_a_lost_answer_to_more_partitions(kafka: str, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """Partitions that were added, and whose answer timed out, are seen to be there."""
    create_topics(kafka, {names.topic: 1})
    lose_answers(monkeypatch, "create_partitions")
    grow(admin_config(kafka, "test", {}), {names.topic: 3})


def test_unknown(cluster: MockCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the broker does not show in time may be made or not, and that is said."""
    monkeypatch.setattr(admin_module, "TIMEOUT_SECONDS", 0.5)
    cluster.create("there", 1)
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    assert await_partitions(admin, "there", 1) == 1
    with pytest.raises(KafkaUnavailable, match=r"t: it may be made or not, .* may be given again"):
        await_partitions(admin, "t", 1)
