"""Hands an answer's head to aiohttp on its own, made plain, before the first byte of its body.

The rule: aiohttp's parser refuses odd heads, and discards a head if the bytes after it in the same piece are
broken (a bad chunk, bytes after the end). So it gets a plain head that says the same, and gets the rest only
once that head has been delivered. Heads are found and bounded here.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from aiohttp.client_proto import ResponseHandler

from worker.adapters.http.batching_transport import BatchingTransport
from worker.adapters.http.errors import (
    CLOSED_EARLY,
    HEAD_TOO_LARGE,
    NOT_HTTP,
    TIMED_OUT,
    UNASKED,
    NamedFailure,
    lost,
)
from worker.adapters.http.head import HeadReader, HeadTooLarge, NotHttp, plain
from worker.adapters.http.sweeper import Sweeper
from worker.core.answer import Failure
from worker.core.connection_reuse import ConnectionReuse

NEVER = float("inf")


class HeadGuard(asyncio.Protocol):
    """Stands between a transport and aiohttp's handler of it; `deadline` is for the next head, or a body.

    `unwritten` says that the partner ended a kept connection before any of the request was written, and
    that none of it will be.
    """

    def __init__(
        self,
        handler: ResponseHandler,
        batching: BatchingTransport,
        sweeper: Sweeper,
        reuse: ConnectionReuse,
        retires_at: float,
    ) -> None:
        self.deadline = NEVER
        self.unwritten = False
        self._handler = handler
        self._batching = batching
        self._sweeper = sweeper
        self._reuse = reuse
        self._retires_at = retires_at
        self._reader = HeadReader()
        self._in_head = False
        self._served = 0
        self._reading: asyncio.Timeout | None = None
        sweeper.watch(self)

    @property
    def kept(self) -> bool:
        """Whether the connection has served before."""
        return self._served > 0

    def expect(self, deadline: float) -> None:
        """Get ready for the answer to a new request, whose head must be over by the deadline."""
        self.deadline = deadline
        self._in_head = True
        self._reading = None
        self._batching.expect()

    def data_received(self, data: bytes) -> None:
        """Feed the head on its own, then the rest."""
        if self._in_head:
            data = self._feed_head(data)
        if not data:
            return
        if self._handler.should_close:  # it says so until the end of a body
            self._handler.data_received(data)
            self._cut_short()
        else:
            self._end(UNASKED)

    def watch(self, reading: asyncio.Timeout, deadline: float) -> None:
        """End this reading of the body at the deadline, or when the body turns out to be broken.

        aiohttp lets the reader of a body go on waiting when its parser has given up.
        """
        self._reading, self.deadline = reading, deadline
        self._cut_short()

    def unwatch(self, reading: asyncio.Timeout) -> None:
        """Note that this reading is over; the connection may serve another request by now."""
        if self._reading is reading:
            self._reading, self.deadline = None, NEVER

    def expire(self) -> None:
        """End an answer whose head takes too long, or the reading of a body that does."""
        if self._reading is None:
            self._end(TIMED_OUT)
        else:
            self._stop(self._reading)

    def close(self) -> None:
        """End the connection."""
        self._end(CLOSED_EARLY)

    def broken(self, fault: Exception) -> None:
        """End the connection for a fault of TLS."""
        self._note_end()
        self._end(lost(fault))

    def eof_received(self) -> None:
        """Pass on that the partner sends no more."""
        self._note_end()
        self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the connection is gone."""
        self._sweeper.forget(self)
        self._note_end()
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the transport's buffer is full."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the transport's buffer has room again."""
        self._handler.resume_writing()

    def _feed_head(self, data: bytes) -> bytes:
        """Feed the final head once all of it has come; return the bytes after it."""
        if self._batching.waits:
            self._note_end()
            self._end(UNASKED)
            return b""
        try:
            head = self._reader.feed(data)
        except NotHttp as broken:
            if self._served:  # it held the rest of the answer before
                self._reuse.closed(monotonic(), self._served)
            self._end(HEAD_TOO_LARGE if isinstance(broken, HeadTooLarge) else NOT_HTTP)
            return b""
        if head is None:
            return b""
        self._finish()
        self._served += 1
        now = monotonic()
        keep = self._reuse.keep(now, self._served) and now < self._retires_at
        self._handler.data_received(plain(head, keep=keep))
        return head.rest

    def _note_end(self) -> None:
        """Learn from a kept connection that the partner ended when it was to serve again."""
        if self._in_head and self._served:
            self._reuse.closed(monotonic(), self._served)
            self.unwritten = self._batching.recall()
            self._in_head = False

    def _finish(self) -> None:
        """Note that the head is over; the reader of the body has its own deadline."""
        self._in_head = False
        self.deadline = NEVER

    def _cut_short(self) -> None:
        """End the reading of a body that has turned out to be broken."""
        if self._reading is not None and self._handler.exception() is not None:
            self._stop(self._reading)

    def _stop(self, reading: asyncio.Timeout) -> None:
        self.deadline = NEVER
        if not reading.expired():
            reading.reschedule(asyncio.get_running_loop().time())

    def _end(self, failure: Failure) -> None:
        """End the connection, and fail whoever waits for an answer."""
        self._finish()
        self._handler.set_exception(NamedFailure(failure))
        if self._handler.transport is not None:
            self._handler.transport.abort()  # does not wait for the farewell that TLS wants
