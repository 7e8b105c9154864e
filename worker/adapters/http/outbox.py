"""Requests leave together: those of one turn of the event loop are written at its end, one after another.

The rule: a request waits for the current turn and no longer. Written in one go they cost less: the way into
the kernel stays warm, and a partner on this machine is woken once.
"""

from __future__ import annotations

import asyncio


class Outbox:
    """The writes of this turn, of all lanes of a sender."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._writes: list[tuple[asyncio.Transport, bytes]] = []

    def put(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write `data` at the end of this turn; a transport that is closed by then takes nothing."""
        if not self._writes:
            self._loop.call_soon(self._flush)
        self._writes.append((transport, data))

    def _flush(self) -> None:
        writes, self._writes = self._writes, []
        for transport, data in writes:
            if not transport.is_closing():
                transport.write(data)
