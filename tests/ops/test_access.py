"""What a worker would meet at the broker."""

from __future__ import annotations

import pytest

from tests.adapters.kafka.mock import MockCluster
from worker.compiled import needed_topics
from worker.ops import access
from worker.ops.errors import BrokerUnavailable
from worker.ops.reading import MAKE_TOPICS
from worker.settings import Settings


def settings(bootstrap: str) -> Settings:
    """Settings with one delay tier of 10 s."""
    return Settings.model_validate(
        {"kafka": {"bootstrap_servers": bootstrap}, "retry": {"delays": "10s", "max_attempts": 2}}
    )


def test_a_broker_that_only_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that does not describe its topics is judged by their list, and that is a warning."""
    monkeypatch.setattr(access, "DESCRIBED_WITHIN_SECONDS", 0.5)
    monkeypatch.setattr(access, "ASK_AGAIN_AFTER_SECONDS", 0.0)
    with MockCluster() as cluster:
        wanted = settings(cluster.bootstrap)
        source, tier, dlq, journal, control = needed_topics(wanted).names
        for name, partitions in {source: 3, tier: 1, journal: 3, control: 1}.items():
            cluster.create(name, partitions)
        found = access.look(wanted)
    assert found.problems == [f"topic {dlq} does not exist"]
    assert found.hint == MAKE_TOPICS
    assert found.warnings[0].startswith("the topics' settings can't be read: ")
    assert found.warnings[1] == f"{tier}: has 1 partitions, the source 3"


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that can't be reached is an error of its own."""
    monkeypatch.setattr("worker.ops.broker.TIMEOUT_SECONDS", 1.0)
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1 does not answer: .*refused") as error:
        access.look(settings("127.0.0.1:1"))
    assert error.value.hint == "is the broker running?"
