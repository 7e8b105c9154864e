"""Writes the requests of one turn of the event loop together, at its end, one after another.

The rules: before a request is written, its connection is checked for unread input (an answer that nobody
asked for, the partner's end). If there is any, its reader reads it first and the request waits for the next
turn. A request is one write straight into the socket; the transport sends what the socket does not take at
once, and what goes over TLS. Together they cost less: one call checks all sockets, the way into the kernel
stays warm, and a partner on this machine is woken once. Of many, the first do not wait for the last.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Collection

TOGETHER_REQUESTS = 32
"""Requests that are written at once, without waiting for the end of the turn."""


class SocketWriter:
    """Writes to one connection, to which nobody else writes.

    `unsent` is the request that waits to be written: the partner has not received a byte of it.
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
        """Take back the request that was not written, so that it never is; False if there is none."""
        waited, self.unsent = self.unsent, b""
        return bool(waited)

    def flush(self) -> None:
        """Write what waits. If the connection turns out to be lost, abort it and keep all of it unsent."""
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
            self._straight = False  # the transport now buffers the rest, so later bytes must follow it there
        self._transport.write(data)


class WriteBatch:
    """The writes of this turn, of all lanes of a sender."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._writers: list[SocketWriter] = []

    def put(self, writer: SocketWriter, data: bytes) -> None:
        """Write `data` at the end of this turn, or as soon as TOGETHER_REQUESTS wait."""
        writer.unsent = data
        self._add(writer)
        if len(self._writers) >= TOGETHER_REQUESTS:
            self._flush()

    def _add(self, writer: SocketWriter) -> None:
        if not self._writers:
            self._loop.call_soon(self._flush)
        self._writers.append(writer)

    def _flush(self) -> None:
        """Write what can be written, but nothing to a connection that is closed by now."""
        writers, self._writers = self._writers, []
        writers = [
            writer for writer in writers if writer.unsent and not writer.is_closing()
        ]  # a closed one's descriptor may be another's by now
        if not writers:
            return
        unread = _unread(writers)
        for writer in writers:
            if unread and writer.socket in unread:
                self._add(writer)
            else:
                writer.flush()


def _unread(writers: list[SocketWriter]) -> Collection[int]:
    """The sockets that have something to read: bytes, the partner's end, an error."""
    sockets = [writer.socket for writer in writers if writer.socket >= 0]
    try:
        return select.select(sockets, (), (), 0)[0]
    except (ValueError, OSError):  # it handles only descriptors below 1,024
        return _polled(sockets)


def _polled(sockets: list[int]) -> Collection[int]:
    """The same by `poll`, for any descriptor; it takes twice as long."""
    look = select.poll()
    for socket in sockets:
        look.register(socket, select.POLLIN)
    return {socket for socket, _ in look.poll(0)}
