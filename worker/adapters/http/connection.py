"""One connection that speaks HTTP/1.1: a request goes out, its answer comes, the next request follows.

The rule: a request is written once and never again. If the partner ends a kept connection before the request
was written, it is handed back, to be sent on a new one. Bytes that arrive before a request or after its
answer close the connection; so does an answer whose rest is too long or too slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from aiohttp.connector import Connection

from worker.adapters.http.connector import retires_at
from worker.adapters.http.errors import (
    CLOSED_EARLY,
    HEAD_TOO_LARGE,
    NOT_HTTP,
    TIMED_OUT,
    UNASKED,
    lost,
)
from worker.adapters.http.options import DRAIN_LIMIT_BYTES, SenderOptions
from worker.adapters.http.parser import NO_HEAD, AnswerParser, HeadTooLarge, NotHttp
from worker.adapters.http.request_head import with_content
from worker.adapters.http.sweeper import Sweeper
from worker.adapters.http.tls_reading import watch_faults
from worker.adapters.http.write_batch import SocketWriter, WriteBatch
from worker.core.answer import Failure, Request, Response
from worker.core.connection_reuse import WORTHWHILE_ANSWERS, ConnectionReuse
from worker.ports import Attempter

Resend = Callable[[Request, float, Attempter], None]
"""Takes back a request that was not written, with its deadline and its attempter."""


class ConnectionContext(NamedTuple):
    """Shared by all connections of a sender."""

    options: SenderOptions
    sweeper: Sweeper
    write_batch: WriteBatch


class HttpConnection(asyncio.Protocol):
    """Owns an open connection; one request at a time. Once `closed` it takes no more requests.

    From `retires_at` on (monotonic time) it is to be closed, not asked.

    `tail` is what follows the target of a plain GET; its lane sets `resend`.
    """

    def __init__(
        self,
        connection: Connection,
        transport: asyncio.Transport,
        parser: AnswerParser,
        shared: ConnectionContext,
        reuse: ConnectionReuse,
        tail: str,
    ) -> None:
        options, sweeper, write_batch = shared
        self.closed = False
        self.deadline = monotonic() + options.idle_seconds
        self.retires_at = retires_at(options)
        self.resend: Resend | None = None
        self._idle_seconds = options.idle_seconds
        self._drain_seconds = options.drain_seconds
        self._connection = connection
        self._transport = transport
        self._parser = parser
        self._sweeper = sweeper
        self._write_batch = write_batch
        self._writer = SocketWriter(transport)
        self._reuse = reuse
        self._tail = tail
        self._request: Request | None = None
        self._attempter: Attempter | None = None
        self._served = 0
        self._drained = 0
        transport.set_protocol(self)
        watch_faults(transport, self.connection_lost)
        sweeper.watch(self)

    def ask(self, request: Request, deadline: float, attempter: Attempter) -> None:
        """Send one request; its attempter gets an answer, or a failure within two ticks of the deadline."""
        self.deadline = deadline
        self._request = request
        self._attempter = attempter
        if request.content is None:
            self._write_batch.put(self._writer, ("GET " + request.target + self._tail).encode())
        else:
            self._write_batch.put(self._writer, with_content(request.target, request.content, self._tail))

    def use_headers(self, lines: str) -> None:
        """Send these lines after `Host` from the next request on."""
        version, host, _ = self._tail.split("\r\n", 2)
        self._tail = f"{version}\r\n{host}\r\n{lines}\r\n"

    def abandon(self) -> None:
        """Give up the pending request, if any: its answer must not be taken for another's."""
        if self._attempter is not None:
            self._attempter = None
            self.close()

    def close(self, failure: Failure = CLOSED_EARLY) -> None:
        """Close at once; a pending request gets its answer if the head has come, else `failure`."""
        if self.closed:
            return
        self.closed = True
        self._sweeper.forget(self)
        self._writer.recall()
        self._connection.close()
        self._transport.abort()  # does not wait for TLS's close_notify
        answer = failure if self._parser.status == NO_HEAD else self._parser.take()
        self._parser.drop()
        attempter, self._attempter = self._attempter, None
        if attempter is not None:
            attempter.on_answer(answer)  # last, because it may begin the next attempt at once

    def expire(self) -> None:
        """Close because the head, the rest of an answer or the next request took too long."""
        self.close(TIMED_OUT)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and decide whether it completes the answer or breaks it."""
        attempter, parser = self._attempter, self._parser
        if attempter is None or self._writer.unsent:
            self._end(UNASKED)
            return
        answer = parser.again(data)
        if answer is not None and self._served >= WORTHWHILE_ANSWERS:
            self._finish(attempter, answer)
            return
        try:
            parser.feed(data)
        except NotHttp as broken:
            self._note_leftovers()
            self.close(HEAD_TOO_LARGE if isinstance(broken, HeadTooLarge) else NOT_HTTP)
            return
        if parser.keep and self._keeps():
            self._finish(attempter, parser.take())
        elif parser.complete:
            self.close()
        elif parser.status != NO_HEAD:
            self._drain(len(data))

    def eof_received(self) -> None:
        """Close once the partner sends no more."""
        self._end(CLOSED_EARLY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the pending request with what ended the connection."""
        self._end(lost(exc))

    def _end(self, failure: Failure) -> None:
        """Close what the partner has ended; what a kept connection did not send goes on a new one."""
        attempter = self._attempter
        if self.closed or attempter is None or not self._served or self._parser.status != NO_HEAD:
            self.close(failure)
            return
        self._reuse.closed(monotonic(), self._served)
        request = self._request
        if self.resend is None or request is None or not self._writer.recall():
            self.close(failure)
            return
        self._attempter = None
        self.close()
        self.resend(request, self.deadline, attempter)

    def _note_leftovers(self) -> None:
        """Learn from a kept connection on which no answer began: it held the rest of the one before."""
        if self._served and self._parser.status == NO_HEAD:
            self._reuse.closed(monotonic(), self._served)

    def _keeps(self) -> bool:
        """Count a complete answer, and decide whether the connection is worth keeping."""
        if self._served >= WORTHWHILE_ANSWERS:
            return True
        self._served += 1
        return self._reuse.keep(monotonic(), self._served)

    def _finish(self, attempter: Attempter, answer: Response) -> None:
        """Hand over a complete answer; keep the connection for a while, if nothing is asked at once."""
        self._drained = 0
        self._attempter = None
        attempter.on_answer(answer)
        if self._attempter is None:
            self.deadline = monotonic() + self._idle_seconds

    def _drain(self, count: int) -> None:
        """Wait for the rest of an answer, within bounds, so that the connection can be kept."""
        if self._parser.wants_body():
            return
        if not self._drained:
            self.deadline = min(self.deadline, monotonic() + self._drain_seconds)
        self._drained += count
        if self._drained > DRAIN_LIMIT_BYTES:
            self.close()
