"""Sending requests, and hearing their outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from worker.core.answer import Answer, Request


class Attempter(Protocol):
    """Has begun an attempt, and hears its outcome once, on the loop, never within `begin`.

    It may begin the lane's next attempt within the call, and must not raise.
    """

    def on_answer(self, answer: Answer) -> None:
        """Take the answer; every outcome is a value."""
        ...

    def on_broken(self, error: BaseException) -> None:
        """Hear that the lane broke by a bug; the request's outcome is unknown."""
        ...


class Lane(Protocol):
    """One connection at a time and one request at a time."""

    def begin(self, request: Request, attempter: Attempter) -> None:
        """Start exactly one attempt, bounded by the destination's timeout."""
        ...

    def abandon(self) -> None:
        """Give up the attempt under way, if any; its attempter hears nothing more.

        The request may have been received. The lane can begin another one.
        """
        ...

    async def send(self, request: Request) -> Answer:
        """Make one attempt and wait for its outcome.

        Raises only cancellation, and then the request may have been received.
        """
        ...

    async def close(self) -> None:
        """Give up what is under way and close the connection, within bounds."""
        ...


class Sender(Protocol):
    """Makes lanes to the partner."""

    def lane(self) -> Lane:
        """Make a new lane; it connects when it first sends."""
        ...

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """Use these headers from the next request on, instead of those it was made with; connections stay.

        Raises ValueError, without the value, for a header that can't be sent; then nothing changes.
        """
        ...

    async def close(self) -> None:
        """Close what the lanes share; idempotent, within bounds."""
        ...
