"""A client that no broker answers is deaf where another one is answered, and only there."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from tests.adapters.kafka.ear import Ear, until
from tests.adapters.kafka.suites import numbered
from tests.adapters.kafka.test_control_follower import following
from tests.adapters.kafka.worlds import MockWorld
from tests.support.kafka import Names, create_topics, produce, wait_until
from worker.adapters.kafka import TopicIds, admin_config, hearing, producers_hearing
from worker.adapters.kafka.config import Config
from worker.adapters.kafka.hearing import ClientHearing, is_deaf
from worker.adapters.kafka.producer import KafkaPublisher

NOBODY = KafkaException(KafkaError(KafkaError._TRANSPORT))
SLOW = KafkaException(KafkaError(KafkaError._TIMED_OUT))


class Client:
    """Gives these answers, one after another, then the last again; an answer is the number of brokers."""

    def __init__(self, *answers: int | KafkaException) -> None:
        self._answers = list(answers)
        self.asked: list[str | None] = []

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        """Answer the next question."""
        assert timeout > 0
        self.asked.append(topic)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, KafkaException):
            raise answer
        return SimpleNamespace(brokers=dict.fromkeys(range(answer)))


@pytest.mark.parametrize(
    ("one", "other", "deaf"),
    [
        (Client(1), Client(1), False),
        (Client(NOBODY), Client(1), True),
        (Client(0), Client(1), True),
        (Client(NOBODY), Client(NOBODY), False),
        (Client(NOBODY), Client(0), False),
        (Client(NOBODY, 1), Client(1), False),
        (Client(SLOW), Client(1), False),
        (Client(NOBODY, SLOW), Client(1), False),
        (Client(NOBODY), Client(SLOW), False),
    ],
)
def test_compared(one: Client, other: Client, deaf: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is deaf if it knows no broker before and after another one names some; one may be slow to answer."""
    monkeypatch.setattr(hearing, "another", lambda _config: other)
    assert is_deaf({}, one) is deaf


def test_no_other_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no other client can be made, as while a file is being replaced, it is not taken for deaf."""

    def fails(_config: object) -> Client:
        raise ValueError("no such file")

    monkeypatch.setattr(hearing, "another", fails)
    assert not is_deaf({}, Client(NOBODY))


def test_named(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The log names a deaf client; what it is asked for is the topic that it may be asked for."""
    one, other = Client(NOBODY), Client(1)
    monkeypatch.setattr(hearing, "another", lambda _config: other)
    assert is_deaf({"client.id": "worker-1"}, one, "conversions")
    assert "worker-1 hears no broker any more" in caplog.text
    assert (set(one.asked), other.asked) == ({"conversions"}, [None])


def test_only_after_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once nothing was heard for a while, and again only after as long."""
    now = 100.0
    monkeypatch.setattr(hearing, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(hearing, "another", lambda _config: Client(1))
    one, of_it = Client(NOBODY), ClientHearing({})
    now += hearing.SILENT_SECONDS - 1
    assert not of_it.is_deaf(one)
    of_it.heard(now)
    now += hearing.SILENT_SECONDS - 1
    assert not of_it.is_deaf(one)
    assert not one.asked
    now += 1
    assert of_it.is_deaf(one)
    assert not of_it.is_deaf(one)


async def test_producers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one of the publisher's clients is deaf, all are replaced."""
    monkeypatch.setattr(producers_hearing, "SILENT_SECONDS", 0.001)
    monkeypatch.setattr(hearing, "another", lambda _config: Client(1))
    renewed = asyncio.Event()
    publisher = SimpleNamespace(clients=[Client(1), Client(NOBODY)], renew=renewed.set)
    looking = asyncio.create_task(producers_hearing.look_after(cast("KafkaPublisher", publisher), {}))
    await asyncio.wait_for(renewed.wait(), timeout=10)
    looking.cancel()


@pytest.mark.kafka
def test_a_real_one(kafka: str) -> None:
    """A client that reaches no broker is deaf beside one that reaches it; one that does is not."""
    config: Config = {"bootstrap.servers": kafka}
    nowhere, there = (hearing.another({"bootstrap.servers": at}) for at in ("127.0.0.1:1", kafka))
    wait_until("it is answered", lambda: not is_deaf(config, there))
    assert is_deaf(config, nowhere)


def first_is_deaf(kind: type[object], monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The first client of this kind that is looked at is taken for deaf; it is listed."""
    deaf: list[object] = []

    def first(_config: Config, client: object, _topic: str | None = None) -> bool:
        if deaf or not isinstance(client, kind):
            return False
        deaf.append(client)
        return True

    monkeypatch.setattr(hearing, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(hearing, "is_deaf", first)
    return deaf


async def test_a_member(mock_world: MockWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member whose client is deaf joins anew with another one, and goes on."""
    deaf = first_is_deaf(Consumer, monkeypatch)
    (at,) = mock_world.create(1)
    mock_world.write(at, numbered(3))
    source = mock_world.source(at.topic)
    await source.start(ear)
    await until("it is deaf", lambda: bool(deaf))
    await mock_world.joined(source, ear, [at])
    source.ask(3)
    await ear.has(3)
    assert source._poll_thread is not None
    assert source._poll_thread.member.consumer is not deaf[0]
    await source.stop()


@pytest.mark.kafka
async def test_orders(kafka: str, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders are read on by another client, from the start."""
    deaf = first_is_deaf(Consumer, monkeypatch)
    create_topics(kafka, {names.control: 1})
    produce(kafka, names.control, [b"one"])
    async with following(kafka, names.control) as (told,):
        await until("it is deaf", lambda: bool(deaf))
        await until("it is read", told.knows(b"one"))
        produce(kafka, names.control, [b"two"])
        await until("both are", told.knows(b"one", b"two"))


@pytest.mark.kafka
async def test_ids(kafka: str, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """Topics are watched on by another client."""
    deaf = first_is_deaf(AdminClient, monkeypatch)
    create_topics(kafka, {names.topic: 1})
    with TopicIds(admin_config(kafka, "test", {})) as ids:
        await until("it is deaf", lambda: bool(deaf))
        await until("it is seen", lambda: ids.of([names.topic])[names.topic].topic_id is not None)
        assert ids._admin is not deaf[0]
