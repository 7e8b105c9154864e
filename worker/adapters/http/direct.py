"""The cheap transport: aiohttp opens the connection, the lane owns it and speaks HTTP/1.1 on it.

The rule: a lane keeps one connection for each origin that it sends to, with one request at a time on it. A
request that was never written to a kept connection is sent on a new one, once and within the same attempt;
one that may have been written is never sent again from here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from time import monotonic

from aiohttp import ClientRequest, TCPConnector
from aiohttp.connector import Connection
from yarl import URL

from worker.adapters.egress import refused_literal
from worker.adapters.http.connection import ConnectionContext, HttpConnection
from worker.adapters.http.connector import attempt_timeout, make_connector, settled
from worker.adapters.http.errors import (
    CLOSED_EARLY,
    EXPECTED,
    SENDER_CLOSED,
    UNASKED,
    failure_of,
)
from worker.adapters.http.lane import CallbackLane
from worker.adapters.http.options import SenderOptions, check_target
from worker.adapters.http.parser import AnswerParser, BodyParser, RefusalParser
from worker.adapters.http.resolver import AskedNames
from worker.adapters.http.sweeper import Sweeper
from worker.adapters.http.write_batch import WriteBatch
from worker.adapters.refusals import watch_refusals
from worker.core.answer import Failure, FailureKind, HttpOrigin, Request
from worker.core.connection_reuse import ConnectionReuse
from worker.ports import Attempter


class DirectSender:
    """A Sender whose lanes own their connections; make it where the event loop runs.

    Raises ValueError for a proxy, which it can't use.
    """

    def __init__(self, options: SenderOptions) -> None:
        if options.proxy is not None:
            raise ValueError("the direct transport takes no proxy: use the session transport")
        self._options = options
        self._guarded = not options.allow_private
        self._parser = parser_for(options)
        self._names = AskedNames(options.resolver)
        self._connector = make_connector(options, TCPConnector, self._names)
        self._sweeper = Sweeper()
        self._shared = ConnectionContext(options, self._sweeper, WriteBatch())
        self._headers = _lines(options)
        self._requests: dict[HttpOrigin, ClientRequest] = {}
        self._reuse: dict[HttpOrigin, ConnectionReuse] = {}
        self._failures = 0

    def lane(self) -> DirectLane:
        """Make a lane; it connects when it first sends."""
        return DirectLane(self, self._options.timeout)

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """Send these from the next request on; connections stay."""
        self._options = replace(self._options, headers=headers)
        self._headers = _lines(self._options)
        for connection in self._sweeper.watched:
            if isinstance(connection, HttpConnection):
                connection.use_headers(self._headers)

    async def close(self) -> None:
        """Close every connection, also those still being opened; idempotent."""
        self._sweeper.close_all()
        await self._connector.close()

    async def open(self, origin: HttpOrigin) -> tuple[HttpConnection | Failure, float]:
        """Open a connection, or say why not; and return the deadline of the attempt that it is for.

        The pause after many failures comes before the attempt and does not count against it.
        """
        pause = pause_after(self._failures)
        if pause:
            await asyncio.sleep(pause)
        deadline = monotonic() + self._options.timeout
        opened = await self._connect(origin)
        self._failures = self._failures + 1 if isinstance(opened, Failure) else 0
        return opened, deadline

    async def _connect(self, origin: HttpOrigin) -> HttpConnection | Failure:
        refusal = refused_literal(origin.host) if self._guarded else None
        if refusal is not None:
            return Failure(FailureKind.EGRESS, refusal)
        if self._connector.closed:
            return SENDER_CLOSED
        refusals = watch_refusals()
        bound = attempt_timeout(self._options.timeout)
        try:
            return self._take(origin, await self._connector.connect(self._request(origin), [], bound))
        except TimeoutError:
            return self._names.not_connected(origin.host)
        except EXPECTED as error:
            return await settled(failure_of(error, refusals))

    def _take(self, origin: HttpOrigin, connection: Connection) -> HttpConnection | Failure:
        """Take over aiohttp's connection, unless it has ended or received something already."""
        transport, handler = connection.transport, connection.protocol
        if transport is None or handler is None or transport.is_closing():
            connection.close()
            return CLOSED_EARLY
        if handler.should_close:  # something arrived before anything was asked
            connection.close()
            return UNASKED
        tail = f" HTTP/1.1\r\nHost: {self._request(origin).headers['Host']}\r\n{self._headers}\r\n"
        reuse = self._reuse.setdefault(origin, ConnectionReuse())
        return HttpConnection(connection, transport, self._parser(), self._shared, reuse, tail)

    def _request(self, origin: HttpOrigin) -> ClientRequest:
        """The request by which the connector knows an origin, made once."""
        request = self._requests.get(origin)
        if request is None:
            url = URL(f"{origin}/", encoded=True)
            request = self._requests[origin] = ClientRequest("GET", url, loop=asyncio.get_running_loop())
        return request


class DirectLane(CallbackLane):
    """One request at a time on connections of its own."""

    def __init__(self, sender: DirectSender, seconds: float) -> None:
        self._sender = sender
        self._seconds = seconds
        self._connections: dict[HttpOrigin, HttpConnection] = {}
        self._opening: asyncio.Task[None] | None = None

    def begin(self, request: Request, attempter: Attempter) -> None:
        """Start one attempt, on the kept connection or on a new one.

        Raises ValueError for a target that is not printable ASCII.
        """
        check_target(request.target)
        connection, now = self._connections.get(request.origin), monotonic()
        if connection is not None and now >= connection.retires_at:
            connection.close()
        if connection is None or connection.closed:
            self._opening = asyncio.create_task(self._begin_anew(request, attempter))
        else:
            connection.ask(request, now + self._seconds, attempter)

    def abandon(self) -> None:
        """Give up the attempt that is under way, with its connection."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        for connection in self._connections.values():
            connection.abandon()

    async def close(self) -> None:
        """Give up what is under way and close the lane's connections."""
        opening = self._opening
        self.abandon()
        while self._connections:
            self._connections.popitem()[1].close()
        if opening is not None:
            await asyncio.wait([opening])

    async def _begin_anew(
        self, request: Request, attempter: Attempter, deadline: float | None = None
    ) -> None:
        """Open a connection and send the request; an attempt that is under way passes its own deadline."""
        try:
            opened, new_deadline = await self._sender.open(request.origin)
        except Exception as error:
            attempter.on_broken(error)
            return
        self._opening = None
        if isinstance(opened, Failure):
            attempter.on_answer(opened)
        else:
            self._connections[request.origin] = opened
            opened.resend = self._resend
            opened.ask(request, new_deadline if deadline is None else deadline, attempter)

    def _resend(self, request: Request, deadline: float, attempter: Attempter) -> None:
        """Send on a new connection what was not written to a kept one."""
        self._opening = asyncio.create_task(self._begin_anew(request, attempter, deadline))


def _lines(options: SenderOptions) -> str:
    """The lines of the headers that all requests have, without Host."""
    return "".join(f"{name}: {value}\r\n" for name, value in options.request_headers().items())


def parser_for(options: SenderOptions) -> Callable[[], AnswerParser]:
    """The parser that keeps as much of bodies as the options ask for."""
    if options.reads_bodies:
        return partial(BodyParser, options.reads_body, options.refusals)
    return partial(RefusalParser, options.refusals) if options.refusals else AnswerParser


def pause_after(failures: int) -> float:
    """Seconds that a connect waits after so many failures in a row: none at first, one at most."""
    return 0.0 if failures < 8 else min(1.0, 0.01 * failures)
