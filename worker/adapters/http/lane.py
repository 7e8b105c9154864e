"""A lane is asked in two ways: by a coroutine that awaits the answer, or by one that is called with it.

The rule: each way is made of the other, so that a transport writes but the one that is natural to it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from worker.core.answer import Answer, Request
from worker.ports import Attempter


class CallbackLane(ABC):
    """A lane that begins; `send` waits for what is begun."""

    @abstractmethod
    def begin(self, request: Request, attempter: Attempter) -> None:
        """Start one attempt."""

    @abstractmethod
    def abandon(self) -> None:
        """Give up the attempt that is under way."""

    async def send(self, request: Request) -> Answer:
        """Make one attempt and wait for it; only cancellation is raised, and what `begin` raises."""
        waiter = _Waiter()
        self.begin(request, waiter)
        try:
            return await waiter.answer
        except asyncio.CancelledError:
            self.abandon()
            raise


class CoroutineLane(ABC):
    """A lane that sends; `begin` has a task send and call back."""

    _sending: asyncio.Task[None] | None = None

    @abstractmethod
    async def send(self, request: Request) -> Answer:
        """Make one attempt and wait for it."""

    def begin(self, request: Request, attempter: Attempter) -> None:
        """Start one attempt."""
        self._sending = asyncio.create_task(self._send(request, attempter))

    def abandon(self) -> None:
        """Give up the attempt that is under way."""
        if self._sending is not None:
            self._sending.cancel()

    async def close(self) -> None:
        """Give up what is under way, and wait until it is."""
        self.abandon()
        if self._sending is not None:
            await asyncio.wait([self._sending])

    async def _send(self, request: Request, attempter: Attempter) -> None:
        try:
            answer = await self.send(request)
        except Exception as error:
            attempter.on_broken(error)
        else:
            attempter.on_answer(answer)


class _Waiter:
    """An attempter that a coroutine awaits."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def on_answer(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def on_broken(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
