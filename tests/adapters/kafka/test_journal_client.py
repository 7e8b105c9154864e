"""The client that reads the journal: what it was given is handed over once, and in order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from worker.adapters.kafka import cached_positions
from worker.adapters.kafka.cached_positions import Reach, _ends, _prove, starts
from worker.adapters.kafka.journal_client import JournalClient
from worker.adapters.kafka.offsets_for_times import LATEST
from worker.core.ids_cache import Anchor, JournalPosition, NotBelieved

AWAY = KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))
NO_LEADER = KafkaError(KafkaError.LEADER_NOT_AVAILABLE)


class Queue:
    """A consumer whose queue holds these messages."""

    def __init__(self, *messages: str) -> None:
        self._messages = list(messages)

    def poll(self, _seconds: float) -> str | None:
        """The first one."""
        return self._messages.pop(0) if self._messages else None

    def consume(self, most: int, _seconds: float) -> list[str]:
        """The rest."""
        taken, self._messages = self._messages[:most], self._messages[most:]
        return taken

    def assign(self, places: list[Any]) -> None:
        """Begin there: what is in the queue is of no use."""
        self._messages = ["again"]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> JournalClient:
    """A client in whose queue three steps lie."""
    made = JournalClient({}, "journal")
    monkeypatch.setattr(made, "_made", lambda: Queue("one", "two", "three"))
    made.open()
    return made


class Leaders:
    """A consumer that hears of the offset 7 from each leader.

    Partitions `without` have none; the leaders of those `behind` do not know it yet. All are there
    `elected_after` so many questions.
    """

    def __init__(self) -> None:
        self.without: set[int] = set()
        self.behind: set[int] = set()
        self.asked, self.elected_after = 0, float("inf")

    def offsets_for_times(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        """What each leader says; where none is asked the client gives up."""
        self.asked += 1
        if self.asked > self.elected_after:
            self.without, self.behind = set(), set()
        numbers = {at.partition for at in asked}
        if numbers <= self.without:
            raise KafkaException(KafkaError(KafkaError._UNKNOWN_PARTITION))
        if numbers & self.behind:
            raise KafkaException(KafkaError(KafkaError.OFFSET_NOT_AVAILABLE))
        return [self._said(at) for at in asked]

    def poll(self, _seconds: float) -> None:
        """Nothing."""

    def _said(self, at: TopicPartition) -> Any:
        error = NO_LEADER if at.partition in self.without else None
        return SimpleNamespace(partition=at.partition, offset=-1 if error else 7, error=error)


@pytest.fixture
def leaders(monkeypatch: pytest.MonkeyPatch) -> Leaders:
    """The leaders of a journal's partitions."""
    return Leaders()


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch, leaders: Leaders) -> JournalClient:
    """A client that asks them."""
    made = JournalClient({}, "journal")
    monkeypatch.setattr(made, "_made", lambda: leaders)
    made.open()
    return made


def test_a_partition_without_a_leader(asking: JournalClient, leaders: Leaders) -> None:
    """The offsets of the others are told, and once why one is not."""
    leaders.without = {1}
    assert asking.offsets([0, 1, 2], LATEST) == {0: 7, 2: 7}
    untold = asking.untold()
    assert untold is not None
    assert asking.refused(untold) == "Broker: Leader not available"
    assert asking.untold() is None


def test_no_leader_at_all(asking: JournalClient, leaders: Leaders) -> None:
    """Where none of them has a leader nothing is told, and the reason is the same."""
    leaders.without = {0, 1}
    assert asking.offsets([0, 1], LATEST) == {}
    assert str(asking.untold()) == str(KafkaException(NO_LEADER))


def test_a_leader_that_does_not_know_yet(asking: JournalClient, leaders: Leaders) -> None:
    """The others' offsets are told, though the client has one error for all; few questions find them."""
    leaders.behind, numbers = {3, 17}, [*range(64)]
    assert asking.offsets(numbers, LATEST) == {at: 7 for at in numbers if at not in leaders.behind}
    untold = asking.untold()
    assert untold is not None
    assert "high watermark" in asking.refused(untold)
    assert leaders.asked < 30


def test_nobody_answers(asking: JournalClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that does not answer is an error, and asked once."""
    silent = mock.Mock(side_effect=KafkaException(KafkaError(KafkaError._TIMED_OUT)))
    monkeypatch.setattr(Leaders, "offsets_for_times", silent)
    with pytest.raises(KafkaException):
        asking.offsets([0, 1], LATEST)
    silent.assert_called_once()


def test_where_to_begin(asking: JournalClient, leaders: Leaders) -> None:
    """Where to begin is known of the partitions that have a leader."""
    leaders.without = {1}
    reach = Reach(1000, 3600.0)
    assert starts(asking, [0, 1], reach, {}) == ({0: JournalPosition(7, None)}, 0)


def test_a_cache_of_a_partition_without_a_leader(
    asking: JournalClient, leaders: Leaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is cached is not believed, since nobody shows that the partition is still the same."""
    leaders.without = {1}
    anchor = Anchor(6, None, "")
    places = {number: JournalPosition(7, anchor) for number in (0, 1)}
    monkeypatch.setattr(cached_positions, "PROVE_SECONDS", 0.0)
    with (
        mock.patch.object(asking, "partitions", return_value=2),
        pytest.raises(NotBelieved, match="has no leader"),
    ):
        _prove(asking, places)


@pytest.mark.parametrize("kind", ["without", "behind"])
def test_the_ends_while_a_leader_changes(
    asking: JournalClient, leaders: Leaders, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The ends that prove a cache are asked for again, so that it need not be read anew."""
    getattr(leaders, kind).add(1)
    leaders.elected_after = 6
    monkeypatch.setattr(cached_positions, "_TURN_SECONDS", 0.0)
    assert _ends(asking, {0, 1}, float("inf")) == {0: 7, 1: 7}


def all_of(client: JournalClient) -> list[object]:
    """What it hands over now."""
    return list(client.messages(0.0))


def test_what_came_before_the_broker_went(client: JournalClient) -> None:
    """A broker that does not answer takes none of the steps away that came before."""
    client.refused(AWAY)
    client.refused(AWAY)
    assert all_of(client) == ["one", "two", "three"]
    assert all_of(client) == []


def test_nothing_behind_it(client: JournalClient) -> None:
    """What came is handed over though nothing comes after it."""
    for _ in range(3):
        client.refused(AWAY)
    assert all_of(client) == ["one", "two", "three"]


def test_another_place(client: JournalClient) -> None:
    """Who reads from another place gets nothing of what came before."""
    client.refused(AWAY)
    client.assign({0: 7})
    assert all_of(client) == ["again"]
