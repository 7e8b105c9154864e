"""A partner that answers with bytes of the test's choosing and counts what arrives.

The rule: nothing is sent, closed or counted but by the script; it knows no HTTP beyond a request's end, which
is its head's or its body's.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from worker.core.answer import HttpOrigin

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def length_of(head: bytes) -> int:
    """How long the body is of which a head tells."""
    found = re.search(rb"\r\ncontent-length: ([0-9]+)\r\n", head, re.IGNORECASE)
    return int(found[1]) if found else 0


class Visit:
    """One connection to the partner, as its script sees it."""

    def __init__(self, partner: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._partner = partner
        self._reader = reader
        self._writer = writer
        self.number = partner.connections

    async def head(self) -> bytes:
        """Wait for a request's head alone, and count nothing."""
        return await self._reader.readuntil(b"\r\n\r\n")

    async def request(self) -> bytes:
        """Wait for a whole request, count it, return its head; raise EOFError when the visitor leaves."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        body = await self._reader.readexactly(length_of(head))
        self._partner.requests.append(head)
        self._partner.bodies.append(body)
        await self._partner.tell()
        return head

    async def some(self) -> bytes:
        """Wait for some bytes, whatever they are; raise EOFError when the visitor leaves."""
        data = await self._reader.read(65536)
        if not data:
            raise EOFError
        return data

    async def send(self, data: bytes) -> None:
        """Send bytes at once, and let the loop turn so that they arrive as a piece of their own."""
        self._writer.write(data)
        await self._writer.drain()
        await turns()

    def push(self, data: bytes) -> None:
        """Send bytes and wait for nothing."""
        self._writer.write(data)

    async def close(self) -> None:
        """Close the connection in the usual way."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def reset(self) -> None:
        """Close the connection with a reset."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    @property
    def certificate(self) -> str | None:
        """The common name in the certificate that the visitor showed."""
        shown = self._writer.get_extra_info("peercert") or {}
        return next(
            (value for part in shown.get("subject", ()) for name, value in part if name == "commonName"), None
        )

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the visitor and another one say to each other, until one of them leaves."""
        ways = [
            asyncio.create_task(_pass_on(self._reader, writer)),
            asyncio.create_task(_pass_on(reader, self._writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the visitor leaves."""
        while await self._reader.read(65536):
            pass


Script = Callable[[Visit], Awaitable[None]]


class Partner:
    """Serves a script to each connection, on a port of its own of the loopback address."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.connections = 0
        self.requests: list[bytes] = []
        self.bodies: list[bytes] = []
        self._tls = tls
        self._visits: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._visit, "127.0.0.1", 0, ssl=self._tls, backlog=512)
        self._port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for visit in list(self._visits):
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)

    @property
    def origin(self) -> HttpOrigin:
        """Where the partner listens."""
        return HttpOrigin("https" if self._tls else "http", "127.0.0.1", self._port)

    @property
    def open(self) -> int:
        """How many connections are open now."""
        return len(self._visits)

    @property
    def targets(self) -> list[str]:
        """What was asked for, in order."""
        return [head.split(b" ", 2)[1].decode() for head in self.requests]

    async def emptied(self) -> None:
        """Wait until no connection is open."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._visits)

    async def asked(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.requests) >= count)

    async def tell(self) -> None:
        """Wake those who wait for a count."""
        async with self._changed:
            self._changed.notify_all()

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._visits.add(task)
        self.connections += 1
        try:
            await self.script(Visit(self, reader, writer))
        except (EOFError, OSError, asyncio.CancelledError):
            pass  # the visitor left, or the test is over
        finally:
            writer.transport.abort()
            self._visits.discard(task)
            await self.tell()


def always(*pieces: bytes) -> Script:
    """Answer every request of every connection with the pieces, each sent on its own."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            for piece in pieces:
                await visit.send(piece)

    return script


def then_close(*pieces: bytes) -> Script:
    """Answer one request of each connection with the pieces, and close."""

    async def script(visit: Visit) -> None:
        await visit.request()
        for piece in pieces:
            await visit.send(piece)
        await visit.close()

    return script


def then_hang(*pieces: bytes) -> Script:
    """Answer one request of each connection with the pieces, and keep silent until the visitor leaves."""

    async def script(visit: Visit) -> None:
        await visit.request()
        for piece in pieces:
            await visit.send(piece)
        await visit.gone()

    return script


def endlessly(start: bytes, more: bytes) -> Script:
    """Answer with a start, and then with more of the same for as long as the visitor stays."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(start)
        while True:
            await visit.send(more)

    return script


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)


async def turns(count: int = 4) -> None:
    """Let the event loop turn a few times: what was sent over loopback has been read by then."""
    for _ in range(count):
        await asyncio.sleep(0)
