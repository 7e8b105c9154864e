"""The conservative transport: aiohttp's ClientSession, with what it does of its own accord turned off.

The rule: one send is one request: no redirect, cookie, decompression or environment, and a second send only
of what was never written to a kept connection. The head decides; the body only if it is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any, cast

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession, TCPConnector, hdrs
from aiohttp.connector import Connection
from yarl import URL

from worker.adapters.egress import refused_literal
from worker.adapters.http.batching_transport import BatchingTransport
from worker.adapters.http.connector import attempt_timeout, make_connector, retires_at, settled
from worker.adapters.http.errors import (
    CLOSED_EARLY,
    EXPECTED,
    LOGIN_WANTED,
    NOT_CONNECTED,
    UNASKED,
    NamedFailure,
    NotResent,
    failure_of,
)
from worker.adapters.http.head_guard import NEVER, HeadGuard
from worker.adapters.http.lane import CoroutineLane
from worker.adapters.http.options import (
    BODY_LIMIT_BYTES,
    DRAIN_LIMIT_BYTES,
    HEAD_LIMIT_BYTES,
    REFUSAL_LIMIT_BYTES,
    SenderOptions,
    check_target,
)
from worker.adapters.http.resolver import AskedNames
from worker.adapters.http.sweeper import Sweeper
from worker.adapters.http.tls_reading import watch_faults
from worker.adapters.http.write_batch import WriteBatch
from worker.adapters.refusals import watch_refusals
from worker.core.answer import Answer, Content, Failure, FailureKind, HttpOrigin, Request, Response
from worker.core.connection_reuse import ConnectionReuse

PROXY_LOGIN = 407
"""The status by which a proxy asks for a name and password."""

_PLAIN = Content()


class SessionSender:
    """A Sender on one shared ClientSession; make it where the event loop runs."""

    def __init__(self, options: SenderOptions) -> None:
        self._options = options
        self._names = AskedNames(options.resolver)
        connector = make_connector(options, partial(HeadGuardConnector, options), self._names)
        self._sweeper = connector.sweeper
        self._session = ClientSession(
            connector=connector,
            timeout=attempt_timeout(options.timeout),
            headers=options.request_headers(),
            skip_auto_headers=["Content-Type"],  # a POST without a body would get one
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            proxy=options.proxy,
            middlewares=[send_once],
            read_bufsize=DRAIN_LIMIT_BYTES,
            max_line_size=HEAD_LIMIT_BYTES,
            max_field_size=HEAD_LIMIT_BYTES,
            max_headers=HEAD_LIMIT_BYTES,
        )

    def lane(self) -> SessionLane:
        """Make a lane; lanes share the session's connections."""
        return SessionLane(self._session, self._options, self._names)

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """Send these from the next request on; connections stay."""
        self._options = replace(self._options, headers=headers)
        self._session.headers.clear()
        self._session.headers.update(self._options.request_headers())

    async def close(self) -> None:
        """Close the session and its connections, whatever they are doing; idempotent."""
        self._sweeper.close_all()
        await self._session.close()


class SessionLane(CoroutineLane):
    """One request at a time on a shared session."""

    def __init__(self, session: ClientSession, options: SenderOptions, names: AskedNames) -> None:
        self._session = session
        self._names = names
        self._proxy_host = URL(options.proxy).host if options.proxy else None
        self._timeout = options.timeout
        self._drain_seconds = options.drain_seconds
        self._options = options
        self._guarded = not (options.allow_private or options.proxy)
        self._authorities: dict[HttpOrigin, str] = {}

    async def send(self, request: Request) -> Answer:
        """Make one attempt; every outcome is a value, and only cancellation is raised.

        Raises ValueError for a target that is not printable ASCII.
        """
        origin, target, content = request
        check_target(target)
        refusal = refused_literal(origin.host) if self._guarded else None
        if refusal is not None:
            return Failure(FailureKind.EGRESS, refusal)
        refusals = watch_refusals()
        deadline = monotonic() + self._timeout
        try:
            response = await self._ask(self._url(origin, target), content or _PLAIN)
        except EXPECTED as error:
            failure = failure_of(error, refusals)
            if failure == NOT_CONNECTED:
                failure = self._names.not_connected(self._proxy_host or origin.host)
            return await settled(failure)
        wanted = self._options.reads_body(response.status) or response.status in self._options.refusals
        unread = wanted or response.connection is not None  # None: all of it has come already
        body = await self._body(response, deadline) if unread else b""
        if response.status == PROXY_LOGIN and self._options.proxy and origin.scheme == "http":
            return LOGIN_WANTED  # without a tunnel the proxy says so in the partner's place
        return Response(response.status, response.headers.get(hdrs.RETRY_AFTER), body)

    async def _ask(self, url: URL, content: Content) -> ClientResponse:
        """Send the request; again on a new connection if nothing was written to a kept one."""
        attempt = RequestContext()
        _attempt.set(attempt)
        try:
            return await self._once(url, content)
        except EXPECTED:
            if attempt.guard is None or not attempt.guard.unwritten:
                raise
        _attempt.set(RequestContext(anew=True))
        return await self._once(url, content)

    async def _once(self, url: URL, content: Content) -> ClientResponse:
        method, headers, body = content
        return await self._session.request(
            method, url, headers=headers or None, data=body, allow_redirects=False
        )

    def _url(self, origin: HttpOrigin, target: str) -> URL:
        """The URL, built of its parts: yarl takes twice as long to parse a whole one."""
        authority = self._authorities.get(origin)
        if authority is None:
            authority = self._authorities[origin] = str(origin).partition("://")[2]
        path, _, query = target.partition("?")
        return URL.build(
            scheme=origin.scheme, authority=authority, path=path, query_string=query, encoded=True
        )

    async def _body(self, response: ClientResponse, deadline: float) -> bytes:
        """Read what is wanted of the body, and a little more to keep the connection; no error is raised."""
        body = b""
        reads = self._options.reads_body(response.status)
        async with discarding(response):
            if reads:
                body = await _read(response, BODY_LIMIT_BYTES, deadline)
            drained = monotonic() + self._drain_seconds
            rest = await _read(response, DRAIN_LIMIT_BYTES, min(deadline, drained))
        if not reads and response.status in self._options.refusals:
            return rest[:REFUSAL_LIMIT_BYTES]
        return body


@dataclass
class RequestContext:
    """What a lane and the connector tell each other about one request."""

    anew: bool = False
    """Whether it needs a new connection."""
    guard: HeadGuard | None = None
    """The connection that it was given."""


_attempt: ContextVar[RequestContext] = ContextVar("attempt")


class HeadGuardConnector(TCPConnector):
    """Gives out clean connections, behind a HeadGuard and with batched writes."""

    def __init__(self, sender_options: SenderOptions, **options: Any) -> None:
        super().__init__(**options)
        self._sender_options = sender_options
        self.sweeper = Sweeper()
        self._write_batch = WriteBatch()
        self._reuse: dict[Any, ConnectionReuse] = {}

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp calls it so
    ) -> Connection:
        """Return a connection on which nothing unasked has arrived, and start the clock of its head.

        A kept connection with leftovers is closed and replaced: they answer no request of ours. On a new
        connection they are a failure.
        """
        deadline = NEVER if timeout.connect is None else monotonic() + timeout.connect
        attempt = _attempt.get()
        passed_over: list[Connection] = []
        try:
            while True:
                connection = await super().connect(req, traces, timeout)
                guard = self._guard(req, connection)
                if attempt.anew and guard is not None and guard.kept:
                    passed_over.append(connection)
                elif guard is not None:
                    guard.expect(deadline)
                    attempt.guard = guard
                    return connection
        finally:
            for connection in passed_over:
                connection.release()

    def _guard(self, req: ClientRequest, connection: Connection) -> HeadGuard | None:
        """The guard before a connection's handler; None if the connection had leftovers and was closed."""
        transport, handler = connection.transport, connection.protocol
        if transport is None or handler is None:
            raise NamedFailure(CLOSED_EARLY)
        guard = transport.get_protocol()
        kept = isinstance(guard, HeadGuard)
        if handler.should_close:
            connection.close()
            if kept:
                return None
            raise NamedFailure(UNASKED)
        if isinstance(guard, HeadGuard):
            return guard
        batching = BatchingTransport(transport, self._write_batch)
        reuse = self._reuse.setdefault(req.connection_key, ConnectionReuse())
        retires = retires_at(self._sender_options)
        guard = HeadGuard(handler, batching, self.sweeper, reuse, retires)
        transport.set_protocol(guard)
        watch_faults(transport, guard.broken)
        handler.connection_made(cast("asyncio.Transport", batching))
        return guard


async def send_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Rename, as a client middleware, the errors after which aiohttp would send a second time."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectionError as error:
        raise NotResent from error


@asynccontextmanager
async def discarding(response: ClientResponse) -> AsyncIterator[None]:
    """Leave nothing of a response behind: the connection is kept if all was read, else dropped."""
    try:
        yield
    finally:
        connection = response.connection  # None once all of the body was read: then it is back in the pool
        transport = None if connection is None else connection.transport
        response.close()
        if transport is not None:
            transport.abort()  # does not wait for TLS's close_notify


async def _read(response: ClientResponse, limit: int, deadline: float) -> bytes:
    """Read up to `limit` bytes of the body, as far as they come without an error before the deadline."""
    if response.content.at_eof():
        return b""
    body = bytearray()
    guard = _guard(response)
    with suppress(*EXPECTED):
        async with asyncio.timeout_at(None if guard else 0.0) as reading:
            if guard:
                guard.watch(reading, deadline)
            while len(body) < limit and not response.content.at_eof():
                body += await response.content.read(limit - len(body))
    if guard:
        guard.unwatch(reading)
    return bytes(body)


def _guard(response: ClientResponse) -> HeadGuard | None:
    """The guard that the rest of the body comes through; None once the connection is done with."""
    connection = response.connection
    transport = None if connection is None else connection.transport
    guard = None if transport is None else transport.get_protocol()
    return guard if isinstance(guard, HeadGuard) else None
