"""Requests leave together: those of one turn of the event loop are written at its end, one after another.

The rules: a request waits for the current turn and no longer, and leaves in one write straight into the
socket; what the socket does not take at once, and what TLS wraps, the transport sends. Written in one go they
cost less: the way into the kernel stays warm, and a partner on this machine is woken once.
"""

from __future__ import annotations

import asyncio
import os


class Way:
    """The way out of one connection, whose transport nobody else writes to."""

    __slots__ = ("_socket", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        plain = transport.get_extra_info("sslcontext") is None
        socket = transport.get_extra_info("socket") if plain else None
        self._socket: int | None = None if socket is None else socket.fileno()
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Write; a transport that is closed by now takes nothing, and its socket may be another's."""
        transport = self._transport
        if transport.is_closing():
            return
        if self._socket is not None:
            data = data[_write(self._socket, data) :]
            if not data:
                return
            self._socket = None  # what the transport keeps must go first, so from now on all goes there
        transport.write(data)


class Outbox:
    """The writes of this turn, of all lanes of a sender."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._writes: list[tuple[Way, bytes]] = []

    def put(self, way: Way, data: bytes) -> None:
        """Write `data` at the end of this turn."""
        if not self._writes:
            self._loop.call_soon(self._flush)
        self._writes.append((way, data))

    def _flush(self) -> None:
        writes, self._writes = self._writes, []
        for way, data in writes:
            way.write(data)


def _write(socket: int, data: bytes) -> int:
    """Return how much the socket took; what is wrong with it the transport tells, which writes next."""
    try:
        return os.write(socket, data)
    except OSError:
        return 0
