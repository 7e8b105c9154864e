"""Finds clients that hear no broker any more, though one is there; their owners replace them.

On an answer that names no broker, as a cluster gives that has only just come back, librdkafka (2.16) lets go
of all brokers, also of those that it began with; often it then asks nobody ever again (its issue 5301). The
rule: a client is taken for deaf only where it has nobody to ask and another one is answered, so neither a
broker that is away nor one of several that is slow replaces any. Blocking, within bounds.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.errors import error_code, ignore

SILENT_SECONDS = 15.0
"""Seconds without a sign of a broker until a client is asked for one, and between two questions."""

ASK_SECONDS = 2.0
"""Seconds that an answer may take."""


class AskingClient(Protocol):
    """A client of any kind, which can be asked for the brokers."""

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        """The brokers, and all topics or this one."""
        ...


class ClientHearing:
    """When to ask one client after another; `config` makes another one to compare it with."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._heard_at = time.monotonic()

    def heard(self, now: float) -> None:
        """Note a sign of a broker, at a moment of the monotonic clock."""
        self._heard_at = now

    def is_deaf(self, client: AskingClient, topic: str | None = None) -> bool:
        """Whether nothing was heard for long, and the client is deaf."""
        if time.monotonic() - self._heard_at < SILENT_SECONDS:
            return False
        found = is_deaf(self._config, client, topic)
        self._heard_at = time.monotonic()
        return found


def is_deaf(config: Config, client: AskingClient, topic: str | None = None) -> bool:
    """Whether a client hears no broker where another one of the same settings is answered; tells the log.

    It is asked for all topics, or for one: only a client that makes none may be asked so.
    """
    if not _hears_nobody(client, topic) or not _is_another_answered(config):
        return False
    if not _hears_nobody(client, topic):  # the broker came back between the two
        return False
    who = config.get("client.id", "one")
    logging.getLogger("worker.kafka").warning(
        "a client of Kafka is replaced: %s hears no broker any more, where another one is answered", who
    )
    return True


def another(config: Config) -> AskingClient:
    """A client that only asks, with the same settings."""
    settings: dict[str, Any] = {**config, **QUIET, "error_cb": ignore}
    return AdminClient(settings)


def _is_another_answered(config: Config) -> bool:
    try:
        return bool(another(config).list_topics(timeout=ASK_SECONDS).brokers)
    except (KafkaException, ValueError, TypeError):  # a file that it needs is just being replaced
        return False


def _hears_nobody(client: AskingClient, topic: str | None) -> bool:
    """Whether a client knows no broker that is up; if one was asked, and is slow to answer, it does."""
    try:
        return not client.list_topics(topic, timeout=ASK_SECONDS).brokers
    except KafkaException as error:
        return error_code(error) != KafkaError._TIMED_OUT  # noqa: SLF001 - public, whatever its name
