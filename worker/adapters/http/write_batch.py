"""Requests leave together: those of one turn of the event loop are written at its end, one after another.

The rules: before a request leaves, its connection is looked at; what lies there unread (an answer that nobody
asked for, the partner's end) is read first, a turn later, and by whoever reads the connection. A request
leaves in one write straight into the socket; what the socket does not take at once, and what TLS wraps, the
transport sends. Looked at and written in one go they cost less: one call looks at all of them, the way into
the kernel stays warm, and a partner on this machine is woken once.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Collection


class Way:
    """The way out of one connection, whose transport nobody else writes to.

    `unsent` is the request that waits to leave: while it is there, the partner has not got a byte of it.
    """

    __slots__ = ("_straight", "_transport", "is_closing", "socket", "unsent")

    def __init__(self, transport: asyncio.Transport) -> None:
        socket = transport.get_extra_info("socket")
        self.socket: int = -1 if socket is None else socket.fileno()
        self.unsent = b""
        self.is_closing = transport.is_closing
        self._transport = transport
        self._straight = socket is not None and transport.get_extra_info("sslcontext") is None

    def recall(self) -> bool:
        """Take back what has not left, so that it never will; False where nothing waits."""
        waited, self.unsent = self.unsent, b""
        return bool(waited)

    def leave(self) -> None:
        """Write what waits. Where the connection turns out to be lost, it is ended, and all still waits."""
        data, self.unsent = self.unsent, b""
        if self._straight:
            try:
                taken = os.write(self.socket, data)
            except BlockingIOError:
                taken = 0
            except OSError:
                self.unsent = data
                self._transport.abort()
                return
            data = data[taken:]
            if not data:
                return
            self._straight = False  # what the transport keeps must go first, so from now on all goes there
        self._transport.write(data)


class WriteBatch:
    """The writes of this turn, of all lanes of a sender."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ways: list[Way] = []

    def put(self, way: Way, data: bytes) -> None:
        """Write `data` at the end of this turn."""
        way.unsent = data
        self._add(way)

    def _add(self, way: Way) -> None:
        if not self._ways:
            self._loop.call_soon(self._flush)
        self._ways.append(way)

    def _flush(self) -> None:
        """Write what can be written; a connection that is closed by now takes nothing."""
        ways, self._ways = self._ways, []
        ways = [way for way in ways if way.unsent and not way.is_closing()]  # its socket may be another's
        unread = _unread(ways)
        for way in ways:
            if unread and way.socket in unread:
                self._add(way)
            else:
                way.leave()


def _unread(ways: list[Way]) -> Collection[int]:
    """The sockets on which something waits to be read: bytes, the partner's end, an error."""
    sockets = [way.socket for way in ways if way.socket >= 0]
    try:
        return select.select(sockets, (), (), 0)[0]
    except (ValueError, OSError):  # it knows descriptors below 1,024 alone
        return _polled(sockets)


def _polled(sockets: list[int]) -> Collection[int]:
    """As `select` tells, for any descriptor; it takes twice as long."""
    look = select.poll()
    for socket in sockets:
        look.register(socket, select.POLLIN)
    return {socket for socket, _ in look.poll(0)}
