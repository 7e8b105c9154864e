"""What the client answers of each partition: an error is never taken for an answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from worker.adapters.kafka.answers import all_led, all_told, once_led
from worker.adapters.kafka.errors import KafkaUnavailable


def answers(*codes: int | None) -> list[Any]:
    """An answer for each partition of a topic, or the error with this code."""
    errors = [None if code is None else KafkaError(code) for code in codes]
    return [SimpleNamespace(topic="t", partition=at, error=error) for at, error in enumerate(errors)]


NO_LEADER, NO_RIGHT = KafkaError.LEADER_NOT_AVAILABLE, KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_all_answer() -> None:
    """Where each partition is answered for, these are the answers."""
    said = answers(None, None)
    assert all_led(said) is said
    assert all_told(said) is said


def test_without_a_leader() -> None:
    """Partitions without a leader are named, and it is said that this is what they lack."""
    with pytest.raises(KafkaUnavailable, match=r"^t/1, t/2: no leader$") as caught:
        all_told(answers(NO_RIGHT, NO_LEADER, NO_LEADER))
    assert (caught.value.leaderless, caught.value.refused) == (True, False)


def test_many_without_a_leader() -> None:
    """Of many only the first are named."""
    with pytest.raises(KafkaUnavailable, match=r"^t/0, .*, t/7 and 2 more: no leader$"):
        all_led(answers(*[NO_LEADER] * 10))


def test_another_error() -> None:
    """Any other error is told for each partition; a right that lacks is known as such."""
    said = answers(NO_RIGHT, None)
    assert all_led(said) is said
    with pytest.raises(KafkaUnavailable, match=r"^t/0: Broker: Topic authorization failed$") as caught:
        all_told(said)
    assert (caught.value.leaderless, caught.value.refused) == (False, True)


@pytest.mark.parametrize("code", [NO_LEADER, KafkaError._DESTROY_BROKER])
def test_a_leader_that_changes(code: int) -> None:
    """A question whose leader is changing, or has just left the cluster, is asked again; another is not."""
    said, errors = answers(None), [KafkaException(KafkaError(code))]

    def ask() -> Any:
        if errors:
            raise errors.pop()
        return said

    assert once_led(ask, 60) is said
    errors.append(KafkaException(KafkaError(NO_RIGHT)))
    with pytest.raises(KafkaException):
        once_led(ask, 60)
