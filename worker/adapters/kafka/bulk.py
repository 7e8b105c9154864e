"""Many records to one topic, from a program that waits for them: no event loop, no thread.

The rule: what counts as acknowledged is on the topic (`acks=all`); after the first refusal nothing more is
taken. What waits for the broker is bounded in bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.errors import KafkaUnavailable, one_line
from worker.core.record import Header
from worker.ports import PublishRefused

MOST_WAITING = 64 * 1024 * 1024
"""Bytes that may wait in the client for an acknowledgement, unless the settings say otherwise."""

TURN = 0.2
"""Seconds of one wait; between two of them Ctrl-C is heard."""

PATIENCE = 2.0
"""Seconds that closing waits for records whose acknowledgement nobody awaited."""


class BulkPublisher:
    """Publishes to `topic`, which must exist; `config` is what `producer_config` made."""

    def __init__(self, config: Config, topic: str) -> None:
        self.acknowledged = 0
        self._topic = topic
        self._refusal: str | None = None
        bounded: Config = {"queue.buffering.max.kbytes": MOST_WAITING // 1024, **config}
        # Without a listener and at this level the client writes nothing on stderr by itself.
        quiet: dict[str, Any] = {**bounded, "log_level": 0, "error_cb": _ignore}
        try:
            self._producer = Producer(quiet)
        except (KafkaException, ValueError, TypeError) as error:
            raise KafkaUnavailable(one_line(error)) from error

    def send(self, key: bytes | None, value: bytes | None, name: str, headers: Sequence[Header] = ()) -> None:
        """Send a record, waiting for room where there is none; `name` is what a refusal calls it.

        Raises PublishRefused where this record, or an earlier one, was not taken.
        """
        report = partial(self._on_report, name)
        while True:
            self._producer.poll(0)
            self._raise_refusal()
            try:
                self._producer.produce(self._topic, value, key, headers=list(headers), on_delivery=report)
            except BufferError:
                self._producer.poll(TURN)
            except KafkaException as error:
                raise PublishRefused(f"{name}: {one_line(error)}") from error
            else:
                return

    def settle(self) -> None:
        """Return when the last record is acknowledged or refused; raise PublishRefused for the first refusal.

        It takes as long as `delivery.timeout.ms` at most.
        """
        while self._producer.flush(TURN):
            pass
        self._raise_refusal()

    def close(self) -> None:
        """Hear, within PATIENCE, of what is still on its way; `acknowledged` stands after that."""
        self._producer.flush(PATIENCE)

    def _on_report(self, name: str, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.acknowledged += 1
        elif self._refusal is None:
            self._refusal = f"{name}: {one_line(error)}"

    def _raise_refusal(self) -> None:
        if self._refusal is not None:
            raise PublishRefused(self._refusal)


def _ignore(_: KafkaError) -> None:
    """What matters of it reaches each record's report."""
