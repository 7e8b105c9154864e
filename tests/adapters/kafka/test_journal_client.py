"""The client that reads the journal: what it was given is handed over once, and in order."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from worker.adapters.kafka.journal_client import JournalClient

AWAY = KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))


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
