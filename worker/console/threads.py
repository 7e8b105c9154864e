"""What asks Kafka, beside the loop: so many at a time, and so many that wait.

The rule: who is not served at once waits for a bounded time, or is told to come again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from worker.console.guard import Refused

AT_A_TIME = 4
MOST_WAITING = 16

_Given = ParamSpec("_Given")
_Got = TypeVar("_Got")


class Threads:
    """A few threads of the console's own."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_A_TIME, "console")
        self._under_way = 0

    async def call(
        self, function: Callable[_Given, _Got], *args: _Given.args, **named: _Given.kwargs
    ) -> _Got:
        """Call a function in one of them; raise Refused where too many wait already."""
        if self._under_way >= AT_A_TIME + MOST_WAITING:
            raise Refused(503, "too many ask at once: try again in a moment")
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._pool, partial(function, *args, **named)
            )
        finally:
            self._under_way -= 1

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
