"""Looks up the addresses of names, each in a thread of its own.

The rule: nobody waits for a look-up longer than for its attempt: neither other names, nor the end of the
process. A name server that is away answers after ten seconds, or after a minute where names are searched for.
"""

from __future__ import annotations

import socket
from collections import Counter
from functools import partial

from aiohttp.abc import AbstractResolver, ResolveResult

from worker.adapters.http.errors import NOT_CONNECTED, NOT_RESOLVED
from worker.adapters.own_thread import in_own_thread
from worker.core.answer import Failure


class ThreadResolver(AbstractResolver):
    """Asks the system's resolver, for addresses of the kinds that this machine has itself."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name."""
        kind, flags = socket.SOCK_STREAM, socket.AI_ADDRCONFIG
        look_up = partial(socket.getaddrinfo, host, port, family, kind, flags=flags)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=found,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found, _, protocol, _, address in await in_own_thread("names", look_up)
        ]

    async def close(self) -> None:
        """Nothing is kept."""


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
