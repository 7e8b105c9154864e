"""Hands an answer's head to aiohttp before the first byte of its body.

The rule: aiohttp's parser throws a head away when what follows it in the same piece is broken (a bad chunk,
bytes after the end). Fed on its own, the head has been delivered by then. Its size is bounded here as well.
"""

from __future__ import annotations

import asyncio
import re

from aiohttp.client_proto import ResponseHandler

from worker.adapters.http.errors import CLOSED_EARLY, HEAD_TOO_LARGE, TIMED_OUT, Told
from worker.adapters.http.options import HEAD_LIMIT
from worker.adapters.http.sweeper import Sweeper
from worker.core.answer import Failure

NEVER = float("inf")

_BLANK_LINE = re.compile(rb"\n\r?\n")
_FINAL = tuple(b"HTTP/1.%d %d" % (minor, code) for minor in (1, 0) for code in range(2, 10))


class HeadFirst(asyncio.Protocol):
    """Stands between a transport and aiohttp's handler of it; `deadline` is that of the head it waits for."""

    def __init__(self, handler: ResponseHandler, sweeper: Sweeper) -> None:
        self.deadline = NEVER
        self._handler = handler
        self._sweeper = sweeper
        self._reading: asyncio.Timeout | None = None
        sweeper.watch(self)

    def expect(self, deadline: float) -> None:
        """Get ready for the answer to a new request, whose head must be over by the deadline."""
        self.deadline = deadline
        self._room = HEAD_LIMIT
        self._in_head = True
        self._begin()

    def data_received(self, data: bytes) -> None:
        """Feed the head on its own, and then all that is left."""
        if self._in_head:
            data = self._feed_final(data) if data.startswith(_FINAL) else self._feed_heads(data)
        if data:
            self._handler.data_received(data)
        if self._reading is not None:
            self._cut_short()

    def watch(self, reading: asyncio.Timeout | None) -> None:
        """End this reading of the body once the body turns out to be broken; None ends the watch.

        aiohttp lets the reader of a body wait on when its parser has given up.
        """
        self._reading = reading
        self._cut_short()

    def expire(self) -> None:
        """End an answer whose head takes too long."""
        self._end(TIMED_OUT)

    def close(self) -> None:
        """End the connection."""
        self._end(CLOSED_EARLY)

    def eof_received(self) -> None:
        """Pass on that the partner sends no more."""
        self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the connection is gone."""
        self._sweeper.forget(self)
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the transport's buffer is full."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the transport's buffer has room again."""
        self._handler.resume_writing()

    def _feed_final(self, data: bytes) -> bytes:
        """Feed a head that most likely is whole and no interim one; return what is left."""
        blank = _BLANK_LINE.search(data)
        if self._start or blank is None or blank.end() > self._room:
            return self._feed_heads(data)
        self._finish()
        self._handler.data_received(data[: blank.end()])
        return data[blank.end() :]

    def _feed_heads(self, data: bytes) -> bytes:
        """Feed no further than the next blank line until the head is over; return what is left."""
        while self._in_head and data:
            end = self._blank_line(data)
            piece, data = data[: end or None], data[end or len(data) :]
            self._room -= len(piece)
            if self._room < 0:
                self._end(HEAD_TOO_LARGE)
                return b""
            self._handler.data_received(piece)
            self._look_at(piece, blank=end is not None)
        return data

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
            if code and (code == b"101" or not code.startswith(b"1")):
                self._finish()
            self._begin()

    def _finish(self) -> None:
        """Note that the head is over; how long a body is waited for its reader knows."""
        self._in_head = False
        self.deadline = NEVER

    def _cut_short(self) -> None:
        reading = self._reading
        if reading is not None and not reading.expired() and self._handler.exception() is not None:
            reading.reschedule(asyncio.get_running_loop().time())

    def _end(self, failure: Failure) -> None:
        self._finish()
        self._handler.set_exception(Told(failure))
        if self._handler.transport is not None:
            self._handler.transport.abort()  # does not wait for the farewell that TLS wants
