"""Hands an answer's head to aiohttp on its own, made plain, before the first byte of its body.

The rule: aiohttp's parser refuses odd heads, and throws a head away when what follows it in the same piece is
broken (a bad chunk, bytes after the end). What it gets is a plain head that says the same, and by the time
that the rest is fed the head has been delivered. Heads are found and bounded here.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from aiohttp.client_proto import ResponseHandler

from worker.adapters.http.batching_transport import BatchingTransport
from worker.adapters.http.errors import CLOSED_EARLY, HEAD_TOO_LARGE, NOT_HTTP, TIMED_OUT, UNASKED, Told
from worker.adapters.http.head import HeadReader, HeadTooLarge, NotHttp, plain
from worker.adapters.http.sweeper import Sweeper
from worker.core.answer import Failure
from worker.core.connection_reuse import ConnectionReuse

NEVER = float("inf")


class HeadGuard(asyncio.Protocol):
    """Stands between a transport and aiohttp's handler of it; `deadline` is that of the head it waits for.

    `unwritten` says that the partner ended a kept connection before anything of the request was written to
    it, and that nothing of it will be.
    """

    def __init__(
        self,
        handler: ResponseHandler,
        batching: BatchingTransport,
        sweeper: Sweeper,
        reuse: ConnectionReuse,
    ) -> None:
        self.deadline = NEVER
        self.unwritten = False
        self._handler = handler
        self._posting = batching
        self._sweeper = sweeper
        self._reuse = reuse
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
        self._posting.expect()

    def data_received(self, data: bytes) -> None:
        """Feed the head on its own, and then all that is left."""
        if self._in_head:
            data = self._feed_head(data)
        if not data:
            return
        if self._handler.should_close:  # so it does until the end of a body
            self._handler.data_received(data)
            self._cut_short()
        else:
            self._end(UNASKED)

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
        """Feed the head that decides, once all of it has come; return what is left."""
        if self._posting.waits:
            self._note_end()
            self._end(UNASKED)
            return b""
        try:
            head = self._reader.feed(data)
        except NotHttp as broken:
            self._end(HEAD_TOO_LARGE if isinstance(broken, HeadTooLarge) else NOT_HTTP)
            return b""
        if head is None:
            return b""
        self._finish()
        self._served += 1
        self._handler.data_received(plain(head, keep=self._reuse.keep(monotonic(), self._served)))
        return head.rest

    def _note_end(self) -> None:
        """Learn of a kept connection that the partner ends as it was to serve again."""
        if self._in_head and self._served:
            self._reuse.closed(monotonic(), self._served)
            self.unwritten = self._posting.recall()
            self._in_head = False

    def _finish(self) -> None:
        """Note that the head is over; how long a body is waited for its reader knows."""
        self._in_head = False
        self.deadline = NEVER

    def _cut_short(self) -> None:
        """End the reading of a body that has turned out to be broken."""
        reading = self._reading
        if reading is not None and not reading.expired() and self._handler.exception() is not None:
            reading.reschedule(asyncio.get_running_loop().time())

    def _end(self, failure: Failure) -> None:
        """End the connection, and fail whoever waits for an answer so."""
        self._finish()
        self._handler.set_exception(Told(failure))
        if self._handler.transport is not None:
            self._handler.transport.abort()  # does not wait for the farewell that TLS wants
