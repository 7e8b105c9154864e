"""Looks up the addresses of names, each in a thread of its own.

The rule: nobody waits for a look-up longer than for its attempt: neither other names, nor the end of the
process. A name server that is away answers after ten seconds, or after a minute where names are searched for;
a name that was answered before means what it meant then, until there is another answer.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from functools import partial

from aiohttp.abc import AbstractResolver, ResolveResult

from worker.adapters.egress import AddrInfo
from worker.adapters.http.errors import NOT_CONNECTED, NOT_RESOLVED
from worker.adapters.own_thread import in_own_thread
from worker.core.answer import Failure

PATIENCE_SECONDS = 2.0
"""Seconds for the name servers before a former answer counts."""

Question = tuple[str, int, socket.AddressFamily]

_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None)}
"""Answers of a name server; other failures say that there was none."""


class ThreadResolver(AbstractResolver):
    """Asks the system's resolver, for addresses of the kinds that this machine has itself."""

    def __init__(self) -> None:
        self._asked: dict[Question, asyncio.Future[list[AddrInfo]]] = {}
        self._former: dict[Question, list[AddrInfo]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name."""
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=found,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found, _, protocol, _, address in await self._addresses((host, port, family))
        ]

    async def close(self) -> None:
        """Nothing is kept."""

    async def _addresses(self, question: Question) -> list[AddrInfo]:
        """What the name servers say, or what they said before if they say nothing."""
        answer = self._asked.get(question)
        if answer is None or answer.done():
            answer = self._asked[question] = _look_up(*question)
            answer.add_done_callback(partial(self._keep, question))
        patience = PATIENCE_SECONDS if question in self._former else None
        await asyncio.wait([answer], timeout=patience)
        return self._former[question] if question in self._former else answer.result()

    def _keep(self, question: Question, answer: asyncio.Future[list[AddrInfo]]) -> None:
        """Keep an answer; a failure to get one changes nothing."""
        error = answer.exception()
        if error is None:
            self._former[question] = answer.result()
        elif isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_NAME:
            self._former.pop(question, None)


def _look_up(host: str, port: int, family: socket.AddressFamily) -> asyncio.Future[list[AddrInfo]]:
    kind, flags = socket.SOCK_STREAM, socket.AI_ADDRCONFIG
    return in_own_thread("names", partial(socket.getaddrinfo, host, port, family, kind, flags=flags))


class AskedNames(AbstractResolver):
    """Asks another resolver, by default the system's, and knows which names have no answer yet."""

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver or ThreadResolver()
        self._unanswered: Counter[str] = Counter()

    def not_connected(self, host: str) -> Failure:
        """Why there is no connection to a host in time."""
        return NOT_RESOLVED if self._unanswered[host] else NOT_CONNECTED

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name."""
        self._unanswered[host] += 1
        try:
            return await self._resolver.resolve(host, port, family)
        finally:
            self._unanswered[host] -= 1

    async def close(self) -> None:
        """Close the other one."""
        await self._resolver.close()
