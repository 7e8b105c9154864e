"""Publishing to the worker's own topics: delay tiers, dead letters, journal, control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from worker.core.record import Outgoing


class PublishRefused(Exception):
    """The broker or the client refused the record; it may be tried again."""


class BatchRefused(PublishRefused):
    """Some records of a batch were not taken: `left`, in order; the others are on the topic.

    If they were `taken_back`, an earlier, unanswered try may still have put some of them there.
    """

    def __init__(self, why: str, left: Sequence[Outgoing], *, taken_back: bool = False) -> None:
        super().__init__(why)
        self.left = left
        self.taken_back = taken_back


class Publisher(Protocol):
    """Publishes to the worker's own topics."""

    async def publish(self, message: Outgoing) -> None:
        """Return when the broker has acknowledged it (`acks=all`); raise PublishRefused otherwise.

        A missing topic is a refusal: it is never created by accident. A partition that the topic does not
        have is taken modulo their number.
        """
        ...

    async def publish_batch(self, messages: Sequence[Outgoing]) -> None:
        """Return when the broker has acknowledged all records, of one topic; raise BatchRefused otherwise.

        A partition that the topic does not have is taken modulo their number.
        """
        ...

    def take_back(self) -> None:
        """Refuse, as taken back, those records of batches that are not on their way to a broker."""
        ...

    async def close(self) -> None:
        """Wait, within bounds, for what is under way; idempotent."""
        ...
