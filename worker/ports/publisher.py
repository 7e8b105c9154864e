"""Publishing to the worker's own topics: delay tiers, dead letters, the journal, control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from worker.core.record import Outgoing


class PublishRefused(Exception):
    """The broker, or the client before it, did not take the record; it may be tried again."""


class BatchRefused(PublishRefused):
    """Of a batch some records were not taken: `left`, in their order; the others are there.

    Of those that were `taken_back` it is not known whether one is there that was sent before, in vain so far.
    """

    def __init__(self, why: str, left: Sequence[Outgoing], *, taken_back: bool = False) -> None:
        super().__init__(why)
        self.left = left
        self.taken_back = taken_back


class Publisher(Protocol):
    """Publishes to the worker's own topics."""

    async def publish(self, message: Outgoing) -> None:
        """Return when the broker has acknowledged it (`acks=all`); raise PublishRefused otherwise.

        A topic that does not exist is a refusal: it is never created by accident. A record for a partition
        that the topic does not have goes to the one that is left when its number is divided by theirs.
        """
        ...

    async def publish_batch(self, messages: Sequence[Outgoing]) -> None:
        """Return when the broker has acknowledged all records of one topic; raise BatchRefused otherwise.

        A record for a partition that the topic does not have goes to the one that is left when its number
        is divided by theirs.
        """
        ...

    def take_back(self) -> None:
        """Have refused, as taken back, what of batches is not on its way to a broker at this moment."""
        ...

    async def close(self) -> None:
        """Wait, within bounds, for what is under way; idempotent."""
        ...
