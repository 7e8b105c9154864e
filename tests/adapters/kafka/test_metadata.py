"""Asking for the topics ends in good order."""

from __future__ import annotations

from typing import cast

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from worker.adapters.kafka.errors import KafkaUnavailable
from worker.adapters.kafka.metadata import ASK_AGAIN_SECONDS, Topics


async def test_a_question_after_the_end() -> None:
    """Who asks once the client is being closed is told that Kafka can't be asked: nothing breaks."""
    topics = Topics()
    topics.close()
    producer = Producer({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    with pytest.raises(KafkaUnavailable, match="closed"):
        await topics.missing(producer, ["t"], 0.0)


class Cluster:
    """Answers with these topics, or fails while `error` is set; `asked` counts the questions."""

    def __init__(self, *topics: str) -> None:
        self.topics = dict.fromkeys(topics, Described())
        self.error: KafkaError | None = None
        self.asked = 0

    def list_topics(self, timeout: float) -> Cluster:
        self.asked += 1
        if self.error is not None:
            raise KafkaException(self.error)
        return self


class Described:
    """A topic that is there."""

    error = None
    partitions: dict[int, object] = {0: None}  # noqa: RUF012 - as the client has it


async def test_a_look_that_failed_is_no_answer() -> None:
    """While the broker does not answer nobody is told that the topics are there, however often one asks."""
    now, cluster = [100.0], Cluster("t")
    producer, topics = cast("Producer", cluster), Topics(lambda: now[0])
    assert await topics.missing(producer, ["t"], 2.0) == []
    cluster.error = KafkaError(KafkaError._TRANSPORT, "away")
    now[0] += 2.0
    for _ in range(8):
        with pytest.raises(KafkaUnavailable, match="away"):
            await topics.missing(producer, ["t"], 2.0)
        now[0] += ASK_AGAIN_SECONDS / 4
    assert cluster.asked == 3  # an answer, then a failure each ASK_AGAIN_SECONDS
    cluster.error = None
    now[0] += ASK_AGAIN_SECONDS
    assert await topics.missing(producer, ["t"], 2.0) == []
    topics.close()
