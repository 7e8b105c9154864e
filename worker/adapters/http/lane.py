"""A lane can be used in two ways: by awaiting the answer, or by being called back with it.

The rule: each way is built on the other, so that a transport implements only the one that suits it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from worker.core.answer import Answer, Request
from worker.ports import Attempter


class CallbackLane(ABC):
    """A lane that implements `begin`; `send` waits for the callback."""

    @abstractmethod
    def begin(self, request: Request, attempter: Attempter) -> None:
        """Start one attempt."""

    @abstractmethod
    def abandon(self) -> None:
        """Give up the attempt that is under way."""

    async def send(self, request: Request) -> Answer:
        """Make one attempt and wait for it; raises only cancellation, and what `begin` raises."""
        waiter = _Waiter()
        self.begin(request, waiter)
        try:
            return await waiter.answer
        except asyncio.CancelledError:
            self.abandon()
            raise


class CoroutineLane(ABC):
    """A lane that implements `send`; `begin` starts a task that sends and calls back."""

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
        """Give up what is under way, and wait until it has ended."""
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
    """An attempter whose answer a coroutine can await."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def on_answer(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def on_broken(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
