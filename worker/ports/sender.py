"""Sending one request after another, and hearing what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from worker.core.answer import Answer, Request


class Attempter(Protocol):
    """Who has begun an attempt: it hears of its end once, on the loop, and never within `begin`.

    It may begin the lane's next attempt within the call, and raises nothing.
    """

    def on_answer(self, answer: Answer) -> None:
        """Take what the attempt came to; every ending is a value."""
        ...

    def on_broken(self, error: BaseException) -> None:
        """Hear that the lane broke, by a mistake of the program; what became of the request is not known."""
        ...


class Lane(Protocol):
    """One connection at a time and one request at a time; it owns what it sends on."""

    def begin(self, request: Request, attempter: Attempter) -> None:
        """Start exactly one attempt, bounded by the destination's timeout."""
        ...

    def abandon(self) -> None:
        """Give up the attempt that is under way, if one is: its attempter hears nothing of it.

        The request may have been received. The lane can begin another one.
        """
        ...

    async def send(self, request: Request) -> Answer:
        """Make one attempt and wait for what it comes to.

        Only cancellation is raised, and then the request may have been received.
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
        """Send these from the next request on, in place of those that it was made with; connections stay.

        Raises ValueError, without the value, for one that can't be sent; then nothing changes.
        """
        ...

    async def close(self) -> None:
        """Close what the lanes shared; idempotent, within bounds."""
        ...
