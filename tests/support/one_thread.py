"""Loops that refuse the calls of other threads, as asyncio's debug mode does.

The rule: what belongs to a loop is called by its thread alone. Debug mode also takes the stack of each
future, task and callback, which would be more than half of what the tests cost.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextvars import Context
from typing import TypeVarTuple

import uvloop

Ts = TypeVarTuple("Ts")


class _OneThread(asyncio.AbstractEventLoop):
    """Belongs to the thread that makes it."""

    def __init__(self) -> None:
        super().__init__()
        self._owner = threading.get_ident()

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Call it at the next turn."""
        self._check()
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call it at a time."""
        self._check()
        return super().call_at(when, callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call it after some seconds."""
        self._check()
        return super().call_later(delay, callback, *args, context=context)

    def _check(self) -> None:
        if threading.get_ident() != self._owner:
            raise RuntimeError("another thread calls the loop, and not through call_soon_threadsafe")


class AsyncioLoop(_OneThread, asyncio.SelectorEventLoop):
    """Asyncio's own."""


class UvLoop(_OneThread, uvloop.Loop):  # type: ignore[misc]  # its stubs differ from asyncio's
    """Uvloop's."""


LOOPS: Mapping[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": AsyncioLoop, "uvloop": UvLoop}
