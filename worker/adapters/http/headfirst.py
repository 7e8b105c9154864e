"""Hands an answer's head to aiohttp before the first byte of its body.

The rule: aiohttp's parser throws a head away when what follows it in the same piece is broken (a bad chunk,
bytes after the end). Fed on its own, the head has been delivered by then. Its size is bounded here as well.
"""

from __future__ import annotations

import asyncio
import re

from aiohttp.client_proto import ResponseHandler

from worker.adapters.http.errors import HEAD_TOO_LARGE, Told
from worker.adapters.http.options import HEAD_LIMIT

_BLANK_LINE = re.compile(rb"\n\r?\n")


class HeadFirst(asyncio.Protocol):
    """Stands between a transport and aiohttp's handler of it."""

    def __init__(self, handler: ResponseHandler) -> None:
        self._handler = handler
        self._reading: asyncio.Timeout | None = None
        self.expect()

    def expect(self) -> None:
        """Get ready for the answer to a new request."""
        self._room = HEAD_LIMIT
        self._in_head = True
        self._begin()

    def data_received(self, data: bytes) -> None:
        """Feed no further than the next blank line until the head is over; then all that is left."""
        while self._in_head and data:
            end = self._blank_line(data)
            piece, data = data[: end or None], data[end or len(data) :]
            self._room -= len(piece)
            if self._room < 0:
                self._give_up()
                return
            self._handler.data_received(piece)
            self._look_at(piece, blank=end is not None)
        if data:
            self._handler.data_received(data)
        self._cut_short()

    def watch(self, reading: asyncio.Timeout | None) -> None:
        """End this reading of the body once the body turns out to be broken; None ends the watch.

        aiohttp lets the reader of a body wait on when its parser has given up.
        """
        self._reading = reading
        self._cut_short()

    def _cut_short(self) -> None:
        reading = self._reading
        if reading is not None and not reading.expired() and self._handler.exception() is not None:
            reading.reschedule(asyncio.get_running_loop().time())

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

    def _begin(self) -> None:
        self._start = b""  # of the status line, as far as the code goes
        self._last = b""  # where a blank line may have begun

    def _blank_line(self, data: bytes) -> int | None:
        """Where the first blank line ends in the data; None where there is none."""
        match = _BLANK_LINE.search(self._last + data)
        return None if match is None else match.end() - len(self._last)

    def _look_at(self, piece: bytes, *, blank: bool) -> None:
        """Note whether the head ends here: with a blank line, unless the answer is an interim one."""
        self._start = (self._start + piece[:64]).lstrip(b"\r\n")[:12]
        self._last = (self._last + piece)[-2:]
        if blank:
            code = self._start[9:]
            self._in_head = not code or (code.startswith(b"1") and code != b"101")
            self._begin()

    def _give_up(self) -> None:
        self._in_head = False
        self._handler.set_exception(Told(HEAD_TOO_LARGE))
        if self._handler.transport is not None:
            self._handler.transport.abort()
