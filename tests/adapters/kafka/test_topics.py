"""Asking for the topics ends in good order."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from worker.adapters.kafka.errors import KafkaUnavailable
from worker.adapters.kafka.topics import Topics


async def test_a_question_after_the_end() -> None:
    """Who asks once the client is being closed is told that Kafka can't be asked: nothing breaks."""
    topics = Topics()
    topics.close()
    producer = Producer({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    with pytest.raises(KafkaUnavailable, match="closed"):
        await topics.missing(producer, ["t"], 0.0)
