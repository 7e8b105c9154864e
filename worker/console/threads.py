"""Threads that call Kafka beside the loop: a bounded number, with a bounded queue.

The rules: a caller waits for a bounded time or is told to come again. The end of the process waits for no
answer from the broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import ParamSpec, TypeVar

from worker.console.guard import RequestRefused

AT_A_TIME = 4
MOST_WAITING = 16

_Given = ParamSpec("_Given")
_Got = TypeVar("_Got")


class Threads:
    """The console's own few threads."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_A_TIME)
        self._under_way = 0

    async def call(
        self, function: Callable[_Given, _Got], *args: _Given.args, **named: _Given.kwargs
    ) -> _Got:
        """Call a function in one of them; raise RequestRefused if too many wait already."""
        if self._under_way >= AT_A_TIME + MOST_WAITING:
            raise RequestRefused(503, "too many ask at once: try again in a moment")
        self._under_way += 1
        try:
            async with self._places:
                return await _in_thread(partial(function, *args, **named))
        finally:
            self._under_way -= 1


async def _in_thread(work: Callable[[], _Got]) -> _Got:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_Got] = loop.create_future()

    def run() -> None:
        try:
            settle = partial(done.set_result, work())
        except Exception as error:  # raised again in the caller
            settle = partial(done.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed, so nobody waits
            loop.call_soon_threadsafe(lambda: done.done() or settle())

    Thread(target=run, name="console-asks", daemon=True).start()
    return await done
