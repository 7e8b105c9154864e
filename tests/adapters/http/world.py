"""The partners and senders of one test, and the proof that nothing of them is left behind.

The rule: once the senders are closed every connection is gone, and every task that they started.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Literal, Self

import trustme

from tests.support.certificates import server_tls
from tests.support.partner import Partner, Script, Visit, turns
from worker.adapters.http import SenderOptions, make_sender
from worker.core.answer import Answer, Content, Failure, FailureKind, HttpOrigin, Request, Response
from worker.ports import Sender

Transport = Literal["direct", "session"]

PATIENT = 60.0
"""A timeout that no test waits for."""

SHORT = 0.5
"""A timeout that a test waits for, and that a slow machine still keeps."""

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
"""Beginnings of answers whose bodies follow."""


class World:
    """Makes partners and senders, and takes them away again."""

    def __init__(self, transport: Transport, scheme: str, authority: trustme.CA) -> None:
        self.transport = transport
        self.scheme = scheme
        self._authority = authority
        self._partners = AsyncExitStack()
        self._open: list[Partner] = []
        self._senders: list[Sender] = []

    async def __aenter__(self) -> Self:
        self._before = asyncio.all_tasks()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sender in self._senders:
            await sender.close()
        for partner in self._open:
            await partner.emptied()
        await self._partners.aclose()
        await turns()
        left = asyncio.all_tasks() - self._before - {asyncio.current_task()}
        assert not left, f"tasks are left behind: {left}"

    async def partner(
        self, script: Script, scheme: str | None = None, tls: ssl.SSLContext | None = None
    ) -> Partner:
        """Start a partner that follows a script, by default in the scheme under test."""
        if tls is None and (scheme or self.scheme) == "https":
            tls = self.server_tls()
        partner = await self._partners.enter_async_context(Partner(script, tls))
        self._open.append(partner)
        return partner

    def sender(self, **options: Any) -> Sender:
        """Make a sender of the transport under test that trusts the partners and may reach them."""
        usual: dict[str, Any] = {"allow_private": True, "timeout": PATIENT, "tls": self.client_tls()}
        made = make_sender(self.transport, SenderOptions(**(usual | {"drain_seconds": 0.1} | options)))
        self._senders.append(made)
        return made

    def client_tls(self) -> ssl.SSLContext:
        """A context that trusts the partners alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(context)
        return context

    def server_tls(self) -> ssl.SSLContext:
        """A context of a partner that the senders trust."""
        return server_tls(self._authority)


def verdict(answer: Answer) -> int | FailureKind:
    """What decides: the status, or the kind of failure."""
    return answer.status if isinstance(answer, Response) else answer.kind


async def send(sender: Sender, partner: Partner, target: str = "/p") -> Answer:
    """Send one request on a lane of its own."""
    return await sender.lane().send(Request(partner.origin, target))


def scripted(answer: Answer) -> bytes:
    """The bytes of an answer, or bytes that make it fail so; none where silence or an end does."""
    if isinstance(answer, Failure):
        return b"\x00\x01\r\n\r\n" if answer.kind is FailureKind.PROTOCOL else b""
    fields = "" if answer.retry_after is None else f"Retry-After: {answer.retry_after}\r\n"
    length = "" if answer.status == 204 else f"Content-Length: {len(answer.body)}\r\n"
    return f"HTTP/1.1 {answer.status} Said\r\n{fields}{length}\r\n".encode() + answer.body


def contents_of(head: bytes, body: bytes) -> Content:
    """A request's method, its headers that begin with `X-`, and its body; None where no length is told."""
    first, *lines = head.decode().removesuffix("\r\n\r\n").split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    own = tuple((name, value) for name, value in headers if name.startswith("X-"))
    has_body = any(name.lower() == "content-length" for name, _ in headers)
    return Content(first.split(" ")[0], own, body if has_body else None)


class PartnerBench:
    """The contract's bench on a real partner."""

    def __init__(self, world: World, answers: list[Answer], partner: Partner) -> None:
        self._world = world
        self._answers = answers
        self._partner = partner
        self._sender: Sender | None = None

    @classmethod
    async def start(cls, world: World) -> Self:
        """Start a partner that answers as it is told."""
        answers: list[Answer] = [Response(200)]

        async def script(visit: Visit) -> None:
            while True:
                await visit.request()
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if isinstance(answer, Failure) and answer.kind is FailureKind.CONNECTION:
                    return
                await visit.send(scripted(answer))

        return cls(world, answers, await world.partner(script))

    @property
    def sender(self) -> Sender:
        """The sender; it is patient unless the partner is to keep silent."""
        if self._sender is None:
            silent = any(verdict(answer) is FailureKind.TIMEOUT for answer in self._answers)
            # a long body, too, is to reach the partner in the time that is to run out
            self._sender = self._world.sender(timeout=4 * SHORT if silent else PATIENT)
        return self._sender

    @property
    def origin(self) -> HttpOrigin:
        """Where the partner listens."""
        return self._partner.origin

    @property
    def targets(self) -> list[str]:
        """What has been asked for."""
        return self._partner.targets

    @property
    def contents(self) -> list[Content]:
        """What came with each request."""
        return [
            contents_of(*request)
            for request in zip(self._partner.requests, self._partner.bodies, strict=True)
        ]

    @property
    def tokens(self) -> list[str]:
        """What was shown for a token."""
        found = (re.findall(rb"\r\nX-Token: (.*?)\r\n", head) for head in self._partner.requests)
        return [token.decode() for tokens in found for token in tokens]

    def will(self, *answers: Answer) -> None:
        """Set what comes next."""
        self._answers[:] = answers
