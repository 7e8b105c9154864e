"""Publishing to the delay tiers and to the dead-letter topic."""

from __future__ import annotations

from typing import Protocol

from worker.core.record import Outgoing


class PublishRefused(Exception):
    """The broker, or the client before it, did not take the record; it may be tried again."""


class Publisher(Protocol):
    """Publishes to the delay tiers and to the dead-letter topic."""

    async def publish(self, message: Outgoing) -> None:
        """Return when the broker has acknowledged it (`acks=all`); raise PublishRefused otherwise.

        A topic that does not exist is a refusal: it is never created by accident.
        """
        ...

    async def close(self) -> None:
        """Wait, within bounds, for what is under way; idempotent."""
        ...
