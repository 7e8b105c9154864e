"""What all producers share: how a client is made, how long they wait for it, what a refusal is.

The rule: a record without an acknowledgement is refused in words that say whether it may be on its topic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from worker.adapters.kafka.errors import TOO_LARGE, LimitedLog, kafka_error, made_from_settings, refusal_line
from worker.core.record import Outgoing
from worker.ports import PublishRefused

FULL_TIMEOUT_SECONDS = 30.0
"""Seconds that a record may wait for room in the client's queue."""

FLUSH_TIMEOUT_SECONDS = 10.0
"""Seconds that closing waits for acknowledgements. A record without one by then may be on its topic."""

ANY_PARTITION = -1
"""In place of a partition's number: the key decides."""

NOT_RUNNING = "the producer is not running"
QUEUE_FULL = "the client's queue is full"
CLOSED_BEFORE_ACKNOWLEDGED = "closed before it was acknowledged: it may be there or not"


class ClientRefused(PublishRefused):
    """The broker refused a record, or the client did before sending it (`at_once`)."""

    def __init__(self, error: KafkaError | KafkaException, *, at_once: bool = False) -> None:
        super().__init__(refusal_line(error))
        self.error = kafka_error(error)
        self.at_once = at_once

    @property
    def is_too_large(self) -> bool:
        """Whether the record or its batch was too large."""
        return self.error is not None and self.error.code() in TOO_LARGE


class UnackedRecords(set[asyncio.Future[None]]):
    """The futures of records without an answer; for the loop alone."""

    def refuse(self, text: str) -> None:
        """Refuse all of them."""
        for answer in tuple(self):
            if not answer.done():
                answer.set_exception(PublishRefused(text))


def new_producer(config: dict[str, Any], log: LimitedLog | None = None) -> Producer:
    """Make a client from what `producer_config` made; raise KafkaUnavailable for bad settings."""
    with made_from_settings():
        return Producer(config) if log is None else Producer(config, logger=log)


def all_within(messages: Sequence[Outgoing], partitions: int) -> Sequence[Outgoing]:
    """The records for a topic of so many partitions, as `Outgoing.within` has each."""
    numbers = [message.partition for message in messages]
    if all(number is None or number < partitions for number in numbers):
        return messages
    return [message.within(partitions) for message in messages]
