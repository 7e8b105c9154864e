"""When a member's client is made to look at its topics, and when it is left alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.topic_ids import TopicIds
from worker.adapters.kafka.topic_refresh import (
    AGAIN_SECONDS,
    INTERVAL,
    LONG_WAIT_SECONDS,
    SELDOM_SECONDS,
    SILENT_SECONDS,
    STANDS_AGAIN_SECONDS,
    TopicRefresh,
)
from worker.core.record import Partition

EVERY = 10.0
CLASSIC: Config = {INTERVAL: int(EVERY * 1000)}


class Broker:
    """What a broker shows of topics, to a client that counts its looks and to the one that watches ids."""

    def __init__(self, **topics: int) -> None:
        self.topics = topics
        self.told: dict[str, int] | None = topics
        """What the watcher hears; None where nothing is said."""
        self.looks = 0
        self.is_away = False
        self.refuses_group: int | None = None
        """The code with which a question about the group ends."""

    def list_topics(self, timeout: float) -> Any:
        self.looks += 1
        if self.is_away:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        listed = {name: SimpleNamespace(error=None, partitions=range(n)) for name, n in self.topics.items()}
        return SimpleNamespace(topics=listed)

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        if self.refuses_group is not None:
            raise KafkaException(KafkaError(self.refuses_group))
        return partitions

    def partitions(self, topic: str) -> int | None:
        return None if self.told is None else self.told.get(topic, 0)


class Member:
    """A refresh at a broker; `at` looks at a time, and tells whether the client did."""

    def __init__(self, broker: Broker, *topics: str, config: Config = CLASSIC) -> None:
        self._broker = broker
        self.told: list[str] = []
        self.refresh = TopicRefresh(config, topics or ("t",), cast("TopicIds", broker), self.told.append)
        self.settings = self.refresh.begin()
        self.ours = [Partition("t", 0)]

    def at(self, now: float) -> bool:
        before = self._broker.looks
        self.refresh.look(cast("Consumer", self._broker), self.ours, now)
        return self._broker.looks > before


def test_the_client_does_not_look_by_itself() -> None:
    """The client's own look is turned off; of a broker that shares out by itself it is left on."""
    assert Member(Broker(t=4)).settings == {INTERVAL: -1}
    shared_out = Member(Broker(t=4), config={**CLASSIC, "group.protocol": "consumer"})
    assert shared_out.settings == {}
    assert not shared_out.at(1e6)


def test_a_topic_grows() -> None:
    """It looks once at first, then when the broker tells that a topic has grown, and seldom otherwise."""
    broker = Broker(t=4)
    member = Member(broker)
    assert member.at(0.0)
    assert not member.at(AGAIN_SECONDS)
    assert not member.at(SELDOM_SECONDS - 1)
    broker.topics["t"] = 6
    assert member.at(SELDOM_SECONDS - 1)
    assert not member.at(SELDOM_SECONDS + 1)
    assert member.at(2 * SELDOM_SECONDS)


def test_a_broker_that_lags_behind() -> None:
    """A broker that does not show yet what another one told is asked again, not at once."""
    broker = Broker(t=4)
    member = Member(broker)
    member.at(0.0)
    broker.told = {"t": 6}
    assert member.at(5.0)
    assert not member.at(5.0 + AGAIN_SECONDS / 2)
    assert member.at(5.0 + AGAIN_SECONDS)
    broker.topics["t"] = 6
    assert member.at(5.0 + 2 * AGAIN_SECONDS)
    assert not member.at(5.0 + 3 * AGAIN_SECONDS)


def test_a_topic_comes_and_goes() -> None:
    """A topic that is made, or deleted, is news too."""
    broker = Broker()
    member = Member(broker)
    member.at(0.0)
    assert not member.at(2.0)
    broker.topics["t"] = 1
    assert member.at(4.0)
    del broker.topics["t"]
    assert member.at(6.0)
    assert not member.at(8.0)


def test_a_broker_that_tells_nothing() -> None:
    """Where the broker tells no changes, it looks as often as the property says."""
    broker = Broker(t=4)
    broker.told = None
    member = Member(broker)
    member.at(0.0)
    assert not member.at(EVERY - 1)
    assert member.at(EVERY)


def test_a_pattern() -> None:
    """What a pattern names can only be found by looking, as often as the property says."""
    member = Member(Broker(t=4), "t", "^t[0-9]+$")
    member.at(0.0)
    assert not member.at(EVERY - 1)
    assert member.at(EVERY)


def test_never_by_itself() -> None:
    """Where the property turns looking off, only news has it look."""
    broker = Broker(t=4)
    member = Member(broker, "t", "^t[0-9]+$", config={INTERVAL: -1})
    member.at(0.0)
    assert not member.at(1e6)
    broker.topics["t"] = 6
    assert member.at(1e6)


def test_nobody_answers() -> None:
    """A look that nobody answers is made again, not at once."""
    broker = Broker(t=4)
    broker.is_away = True
    member = Member(broker)
    assert member.at(0.0)
    assert not member.at(SILENT_SECONDS - 1)
    assert member.at(SILENT_SECONDS)


def test_another_client() -> None:
    """Another client has seen nothing yet."""
    member = Member(Broker(t=4))
    member.at(0.0)
    member.refresh.begin()
    assert member.at(0.1)


@pytest.mark.parametrize("silence", [KafkaError._TIMED_OUT, KafkaError._TRANSPORT])
def test_a_group_that_waits(silence: int) -> None:
    """While the coordinator answers nothing, a member that has partitions does not look; then it does."""
    broker = Broker(t=4)
    broker.refuses_group = silence
    member = Member(broker)
    assert not member.at(0.0)
    broker.refuses_group = None
    assert not member.at(STANDS_AGAIN_SECONDS / 2)
    assert member.at(STANDS_AGAIN_SECONDS)


def test_a_group_that_waits_for_long() -> None:
    """It is told once that the topics are not looked at, naming them and what the coordinator does."""
    broker = Broker(t=4)
    broker.refuses_group = KafkaError._TIMED_OUT
    member = Member(broker)
    for seconds in range(int(LONG_WAIT_SECONDS)):
        member.at(float(seconds))
    assert member.told == []
    for seconds in range(int(LONG_WAIT_SECONDS), 300):
        member.at(float(seconds))
    (line,) = member.told
    assert line.startswith("new partitions of t would not be noticed: the group's coordinator")
    assert "has not answered for 30 s: " in line
    broker.refuses_group = None
    assert member.at(310.0)
    broker.refuses_group = KafkaError._TIMED_OUT
    broker.topics["t"] = 5
    member.at(320.0)
    assert len(member.told) == 1
    member.at(320.0 + 2 * LONG_WAIT_SECONDS)
    assert len(member.told) == 2


def test_another_client_waits_anew() -> None:
    """A client that takes another's place has waited for nothing yet."""
    broker = Broker(t=4)
    broker.refuses_group = KafkaError._TIMED_OUT
    member = Member(broker)
    member.at(0.0)
    member.refresh.begin()
    member.at(LONG_WAIT_SECONDS)
    assert member.told == []
    member.at(2 * LONG_WAIT_SECONDS)
    assert len(member.told) == 1


def test_a_member_without_partitions() -> None:
    """A member that has nothing has nothing to lose, and looks."""
    broker = Broker(t=4)
    broker.refuses_group = KafkaError._TIMED_OUT
    member = Member(broker)
    member.ours = []
    assert member.at(0.0)


def test_a_coordinator_that_refuses() -> None:
    """A coordinator that refuses the question answers: it does not wait for anybody."""
    broker = Broker(t=4)
    broker.refuses_group = KafkaError.GROUP_AUTHORIZATION_FAILED
    assert Member(broker).at(0.0)
