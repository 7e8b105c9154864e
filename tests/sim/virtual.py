"""An event loop whose time passes when there is nothing to do, and the clock that goes with it.

The rule: nothing waits for real. Timers may be made late, as those of a busy loop are.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from random import Random
from typing import Any, TypeVar, TypeVarTuple, Unpack

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")
_START = 1_700_000_000.0


class Stuck(Exception):
    """There is nothing to do, and no timer is set: it would wait for ever."""


class _Skipping(selectors.DefaultSelector):
    """Instead of waiting, it says how long it would have waited."""

    skip: Callable[[float], None]

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready; where nothing is, let that time pass."""
        ready = super().select(0)
        if not ready and timeout is None:
            raise Stuck
        if not ready and timeout:
            self.skip(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its `time` begins at 0; each timer is late by chance, `lateness` seconds at most."""

    def __init__(self, lateness: float = 0.0) -> None:
        selector = _Skipping()
        selector.skip = self._skip
        super().__init__(selector)
        self._passed = 0.0
        self._lateness = lateness
        self._random = Random(1)

    def time(self) -> float:
        """The virtual time."""
        return self._passed

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Arguments]], object],
        *args: *_Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Set a timer, which may be late."""
        late = self._random.uniform(0.0, self._lateness) if self._lateness else 0.0
        return super().call_at(when + late, callback, *args, context=context)

    def _skip(self, seconds: float) -> None:
        self._passed += seconds


class VirtualClock:
    """The loop's time, as both kinds of time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return _START + self.monotonic()

    def monotonic(self) -> float:
        """Seconds since the simulation began."""
        return asyncio.get_running_loop().time()

    def processor(self) -> float:
        """None is used: what is simulated takes no time."""
        return 0.0


def run(main: Coroutine[Any, Any, _Result], lateness: float = 0.0) -> _Result:
    """Run to the end on a virtual loop."""
    with asyncio.Runner(debug=False, loop_factory=lambda: VirtualLoop(lateness)) as runner:
        return runner.run(main)
