"""Hands an answer's head to aiohttp before the first byte of its body.

The rule: aiohttp's parser throws a head away when what follows it in the same piece is broken (a bad chunk,
bytes after the end). Fed line by line, the head has been delivered by then. Its size is bounded here as well.
"""

from __future__ import annotations

import asyncio

from aiohttp.client_proto import ResponseHandler

from worker.adapters.http.errors import HEAD_TOO_LARGE, Told
from worker.adapters.http.options import HEAD_LIMIT


class HeadFirst(asyncio.Protocol):
    """Stands between a transport and aiohttp's handler of it."""

    def __init__(self, handler: ResponseHandler) -> None:
        self._handler = handler
        self.expect()

    def expect(self) -> None:
        """Get ready for the answer to a new request."""
        self._room = HEAD_LIMIT
        self._in_head = True
        self._line = b""
        self._first = b""

    def data_received(self, data: bytes) -> None:
        """Feed whole lines, one at a time, until the head is over; then whatever is left."""
        start = 0
        while self._in_head and start < len(data):
            end = data.find(b"\n", start) + 1 or len(data)
            piece = data[start:end]
            start = end
            self._room -= len(piece)
            if self._room < 0:
                self._give_up()
                return
            self._handler.data_received(piece)
            self._look_at(piece)
        if start < len(data):
            self._handler.data_received(data[start:])

    def eof_received(self) -> None:
        """Pass on that the partner sends no more."""
        self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the connection is gone."""
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the transport's buffer is full."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the transport's buffer has room again."""
        self._handler.resume_writing()

    def _look_at(self, piece: bytes) -> None:
        """Note whether the head ends here: with a blank line, unless the answer is an interim one."""
        self._line += piece
        if not piece.endswith(b"\n"):
            return
        line, self._line = self._line.strip(b"\r\n"), b""
        if not self._first:
            self._first = line
        elif not line:
            code = self._first[9:12]
            self._in_head = code.startswith(b"1") and code != b"101"
            self._first = b""

    def _give_up(self) -> None:
        self._in_head = False
        self._handler.set_exception(Told(HEAD_TOO_LARGE))
        if self._handler.transport is not None:
            self._handler.transport.abort()
