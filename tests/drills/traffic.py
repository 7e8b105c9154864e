"""Conversions, published by a thread of their own: so many a second, until it is stopped.

The rule: a click id is that of its event, and none comes twice.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from confluent_kafka import Producer

from tests.support.background import Background

EACH_SECONDS = 0.2
"""How often some are published."""
FLUSH_SECONDS = 30.0

Fields = Callable[[int], Mapping[str, str]]
"""What the event of a number has beside what each has."""


def plain(_number: int) -> Mapping[str, str]:
    """Nothing."""
    return {}


class Traffic(Background):
    """To a topic; a context manager, which stops in the end."""

    def __init__(self, bootstrap: str, topic: str, word: str, rate: float) -> None:
        super().__init__(f"traffic-{word}", daemon=False)
        self.fields: Fields = plain
        self.published: set[str] = set()
        self._topic, self._word, self._count = topic, word, round(rate * EACH_SECONDS)
        self._numbers = itertools.count()
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "log_level": 0})

    def stop(self) -> None:
        """Publish no more, and wait until all that was is acknowledged; idempotent."""
        super().stop()
        self._producer.flush(FLUSH_SECONDS)

    def _run(self) -> None:
        while not self._over.wait(EACH_SECONDS):
            for number in itertools.islice(self._numbers, self._count):
                self._publish(number)
            self._producer.poll(0)

    def _publish(self, number: int) -> None:
        name = f"{self._word}-{number}"
        at = datetime.now(UTC).isoformat()
        event = {"event_id": name, "click_id": name, "occurred_at": at, **self.fields(number)}
        self._producer.produce(self._topic, json.dumps(event), name)
        self.published.add(name)
