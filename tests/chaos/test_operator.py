"""What an operator asks of a broker that has only just started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from tests.support import kafka
from tests.support.kafka import Committed, answered, committed, end_offsets


def refusing(*codes: int) -> Iterator[int]:
    """Refuse so often, and then answer."""
    yield from codes
    yield KafkaError.NO_ERROR


def ask(refusals: Iterator[int]) -> str:
    """Ask a broker once."""
    code = next(refusals)
    if code != KafkaError.NO_ERROR:
        raise KafkaException(KafkaError(code))
    return "answered"


@pytest.mark.parametrize("code", [KafkaError.NOT_COORDINATOR, KafkaError.NOT_LEADER_FOR_PARTITION])
def test_asked_again(code: int) -> None:
    """What a broker refuses only because it has just started is asked for again."""
    refusals = refusing(code, code)
    assert answered(lambda: ask(refusals)) == "answered"


def test_refused() -> None:
    """What is refused for another reason is not asked for again."""
    refusals = refusing(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        answered(lambda: ask(refusals))
    assert ask(refusals) == "answered", "it was asked once"


def test_never_answered() -> None:
    """A broker that goes on refusing is asked within bounds."""
    with pytest.raises(KafkaException):
        answered(lambda: ask(refusing(KafkaError.NOT_COORDINATOR)), within=0.0)


class Restarted:
    """A client of a broker that refuses each question once, or says an error in an answer's place."""

    def __init__(self, code: int, *, in_place: bool = False) -> None:
        self._refusals = refusing(code)
        self._in_place = in_place

    def list_topics(self, topic: str, timeout: float) -> Any:
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions=[0])})

    def get_watermark_offsets(self, _at: TopicPartition, _timeout: float) -> tuple[int, int]:
        ask(self._refusals)
        return 0, 7

    def committed(self, places: list[TopicPartition], _timeout: float) -> list[Any]:
        code = next(self._refusals)
        error = None if code == KafkaError.NO_ERROR else KafkaError(code)
        if error is not None and not self._in_place:
            raise KafkaException(error)
        offset = 5 if error is None else -1001
        return [
            SimpleNamespace(partition=of.partition, offset=offset, metadata="", error=error) for of in places
        ]


def test_ends_of_a_broker_that_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a log ends is asked again of a broker that is not its leader yet."""
    client = Restarted(KafkaError.NOT_LEADER_FOR_PARTITION)
    monkeypatch.setattr(kafka, "_consumer", lambda *_: nullcontext(client))
    assert end_offsets("nowhere", "t") == {0: 7}


@pytest.mark.parametrize("in_place", [False, True])
def test_commits_of_a_broker_that_restarted(monkeypatch: pytest.MonkeyPatch, *, in_place: bool) -> None:
    """What is committed is asked again of a broker that is not coordinator yet, and an error is no offset."""
    client = Restarted(KafkaError.NOT_COORDINATOR, in_place=in_place)
    monkeypatch.setattr(kafka, "_consumer", lambda *_: nullcontext(client))
    assert committed("nowhere", "g", "t") == {0: Committed(5, "")}
