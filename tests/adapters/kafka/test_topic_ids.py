"""The ids of topics, as a real broker, an embedded one and none tell them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from tests.adapters.kafka.ear import until
from tests.adapters.kafka.mock import MockCluster
from tests.adapters.kafka.worlds import KafkaWorld
from tests.support.broker import CLUSTER_ID
from tests.support.kafka import create_topics, make_anew
from worker.adapters.kafka import KafkaUnavailable, admin_config, topic_ids
from worker.adapters.kafka.admin import grow
from worker.adapters.kafka.topic_ids import TopicIds
from worker.core.binding import LogId

NOBODY = "127.0.0.1:1"


def watching(bootstrap: str) -> TopicIds:
    """The watcher of a broker, not started."""
    return TopicIds(admin_config(bootstrap, "test", {}))


@pytest.fixture
def ids(kafka: str) -> Iterator[TopicIds]:
    """A watcher of the real broker."""
    with watching(kafka) as ids:
        yield ids


@pytest.mark.kafka
async def test_made_anew(real_world: KafkaWorld, ids: TopicIds) -> None:
    """A topic that is made anew has another id, which is heard without asking."""
    (at,) = real_world.create(1)
    before, revision = ids.of([at.topic])[at.topic], ids.revision
    assert before.topic_id is not None
    make_anew(real_world.bootstrap, at.topic, 1)
    await until("another id", lambda: ids.heard(at.topic) != before)
    assert ids.heard(at.topic).topic_id is not None
    assert ids.revision > revision


@pytest.mark.kafka
def test_asked_for(real_world: KafkaWorld, ids: TopicIds) -> None:
    """Who asks hears what is true now, not what was true at the last look; the cluster has an id too."""
    (at,) = real_world.create(1)
    before = ids.of([at.topic])[at.topic]
    make_anew(real_world.bootstrap, at.topic, 1)
    after = ids.of([at.topic])[at.topic]
    assert after.topic_id != before.topic_id
    assert after.cluster == before.cluster == CLUSTER_ID


@pytest.mark.kafka
async def test_gone(real_world: KafkaWorld, ids: TopicIds) -> None:
    """A topic that is not there is unknown, is not made by asking, and is heard of when it is made."""
    topic = real_world.missing()
    assert ids.of([topic])[topic].topic_id is None
    assert not real_world.exists(topic)
    create_topics(real_world.bootstrap, {topic: 1})
    await until("its id", lambda: ids.heard(topic).topic_id is not None)


@pytest.mark.kafka
async def test_partitions(real_world: KafkaWorld, ids: TopicIds) -> None:
    """How many partitions a topic has is heard, also when it grows; one that is not there has none."""
    (at,), missing = real_world.create(1), real_world.missing()
    ids.of([at.topic, missing])
    assert ids.partitions(at.topic) == 1
    assert ids.partitions(missing) == 0
    assert ids.partitions("never asked for") is None
    grow(admin_config(real_world.bootstrap, "test", {}), {at.topic: 3})
    await until("the others", lambda: ids.partitions(at.topic) == 3)


@pytest.mark.kafka
async def test_hurried(real_world: KafkaWorld, ids: TopicIds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who hints that something changed need not wait for the next look."""
    monkeypatch.setattr(topic_ids, "LOOK_EVERY_SECONDS", 600.0)
    (at,) = real_world.create(1)
    before = ids.of([at.topic])[at.topic]
    make_anew(real_world.bootstrap, at.topic, 1)
    await until("no fresh look", lambda: time.monotonic() - ids._looked_at > topic_ids.SOON_SECONDS)
    ids.hurry()
    await until("another id", lambda: ids.heard(at.topic) != before)


@pytest.mark.kafka
async def test_seldom(real_world: KafkaWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic that need only be looked at seldom is left out of most looks, and keeps what was heard."""
    monkeypatch.setattr(topic_ids, "LOOK_EVERY_SECONDS", 0.1)
    monkeypatch.setattr(topic_ids, "SELDOM_EVERY_SECONDS", 600.0)
    (often,), (seldom,) = real_world.create(1), real_world.create(1)
    with TopicIds(admin_config(real_world.bootstrap, "test", {}), [seldom.topic]) as ids:
        before = ids.of([often.topic, seldom.topic])
        for at in (seldom, often):
            make_anew(real_world.bootstrap, at.topic, 1)
        await until("another id", lambda: ids.heard(often.topic) != before[often.topic])
        assert ids.heard(seldom.topic) == before[seldom.topic]
        assert ids.partitions(seldom.topic) == 1
        monkeypatch.setattr(topic_ids, "SELDOM_EVERY_SECONDS", 0.3)
        await until("its other id", lambda: ids.heard(seldom.topic) != before[seldom.topic])


def test_embedded(cluster: MockCluster) -> None:
    """The embedded broker has no ids: they stay unknown, and no topic is made by asking."""
    cluster.create("there", 1)
    with watching(cluster.bootstrap) as ids:
        assert [of.topic_id for of in ids.of(["there", "missing"]).values()] == [None, None]
        assert ids.revision == 0
        assert ids.partitions("there") is None


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no broker answers, who asks waits no longer than it said, and once closed not at all."""
    monkeypatch.setattr(topic_ids, "TIMEOUT_SECONDS", 0.5)
    with watching(NOBODY) as ids:
        assert ids.of(["t"], timeout=0.1) == {"t": LogId()}
        ids.close()
        assert ids.of(["t"]) == {"t": LogId()}


def test_a_dead_thread() -> None:
    """The thread does not die unheard."""

    class Broken(TopicIds):
        """Has a fault that nobody foresaw."""

        def _topics(self, wanted: int) -> list[str]:
            raise ZeroDivisionError

    heard: SimpleQueue[BaseException] = SimpleQueue()
    with Broken(admin_config(NOBODY, "test", {}), on_failed=heard.put):
        assert isinstance(heard.get(timeout=10), ZeroDivisionError)


def test_wrong_settings() -> None:
    """A property that librdkafka does not know fails the start, in words."""
    with pytest.raises(KafkaUnavailable, match=r"no\.such"):
        TopicIds(admin_config(NOBODY, "test", {"no.such": "1"})).start()
