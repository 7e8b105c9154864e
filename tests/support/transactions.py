"""A producer that writes in transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from confluent_kafka import (
    Producer,
)

from tests.support.kafka import WITHIN


@contextmanager
def transactions(bootstrap: str, topic: str) -> Iterator[Callable[..., None]]:
    """Give a function that writes texts to a topic in one transaction, and ends it but where `end` is False.

    What is left open is aborted in the end.
    """
    own = {"transactional.id": uuid4().hex, "transaction.timeout.ms": 600_000, "linger.ms": 0}
    producer = Producer({"bootstrap.servers": bootstrap, **own})
    producer.init_transactions(WITHIN)

    is_open = False

    def write(*values: str, end: bool = True) -> None:
        nonlocal is_open
        producer.begin_transaction()
        is_open = True
        for value in values:
            producer.produce(topic, value, b"key")
        producer.flush(WITHIN)
        if end:
            producer.commit_transaction(WITHIN)
            is_open = False

    yield write
    if is_open:
        producer.abort_transaction(WITHIN)
