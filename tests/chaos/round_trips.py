"""How long a step and the commit after it take on this machine: done by us, all the time, beside the workers.

The rule: it is measured in the run itself, by the same client on the same broker. So a quiet machine excuses
little, and a busy one what it did to us too.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from tests.chaos.logs import ROUND_TRIPS, Log, RoundTrip
from tests.support.background import Background

EVERY = 0.2
"""Seconds between two."""
PATIENCE = 0.5
"""Seconds after which it is looked whether the run is over."""


class RoundTrips(Background):
    """Runs in a thread of its own, as a context manager; `topic` and `group` are for it alone."""

    def __init__(self, bootstrap: str, topic: str, group: str, folder: Path) -> None:
        super().__init__("round trips")
        quiet: dict[str, str | int | float | bool] = {
            "bootstrap.servers": bootstrap,
            "log_level": 0,
            "reconnect.backoff.max.ms": 500,
        }
        self._producer = Producer({**quiet, "acks": "all", "linger.ms": 0})
        self._consumer = Consumer({**quiet, "group.id": group, "enable.auto.commit": False})
        self._topic = topic
        self._log = Log(folder / ROUND_TRIPS)

    def stop(self) -> None:
        """End them, and let go of the group."""
        super().stop()
        self._consumer.close()

    def _run(self) -> None:
        offset = 0
        while not self._over.wait(EVERY):
            offset += 1
            began = time.monotonic()
            self._write()
            self._commit(offset)
            self._log.write(RoundTrip(began, time.monotonic() - began))

    def _write(self) -> None:
        self._producer.produce(self._topic, b"step", partition=0)
        while self._producer.flush(PATIENCE) and not self._over.is_set():
            pass

    def _commit(self, offset: int) -> None:
        while not self._over.is_set():
            with suppress(KafkaException):
                self._consumer.commit(offsets=[TopicPartition(self._topic, 0, offset)], asynchronous=False)
                return
