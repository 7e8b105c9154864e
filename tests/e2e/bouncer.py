"""A partner on TLS that lets in whoever shows a token and a certificate that it accepts just now.

The rule: it answers 200 to these and 401 to all others, and remembers each request with what it showed.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import NamedTuple

import trustme
from aiohttp import web

from tests.e2e.threaded import ThreadedPartner
from tests.support.certificates import server_tls


class Shown(NamedTuple):
    """One request: the click, the token, the name in the client's certificate, the answer, when it came."""

    click: str
    token: str
    client: str
    status: int
    at: float


class Bouncer(ThreadedPartner):
    """Serves `/postback` on a free port, with certificates of one authority after another."""

    def __init__(self, authority: trustme.CA, clients: trustme.CA) -> None:
        self._server_tls = server_tls(authority, clients)
        super().__init__(tls=self._server_tls)
        self.shown: list[Shown] = []
        self.refused: set[str] = set()
        """Tokens and names of clients that are not let in."""

    @property
    def url(self) -> str:
        """The template of all events."""
        return f"https://127.0.0.1:{self.port}/postback?click_id={{click_id}}"

    @property
    def statuses(self) -> Counter[int]:
        """How often it answered what."""
        return Counter(one.status for one in self.shown)

    def seen(self, who: str) -> int:
        """How many requests have shown this token, or the certificate of this client."""
        return sum(who in {one.token, one.client} for one in self.shown)

    def become(self, authority: trustme.CA) -> None:
        """Show a certificate of another authority on new connections."""
        leaf = authority.issue_cert("127.0.0.1", "localhost")
        self._loop.call_soon_threadsafe(leaf.configure_cert, self._server_tls)

    async def _postback(self, request: web.Request) -> web.Response:
        certificate = request.get_extra_info("peercert") or {}
        names = dict(pair for part in certificate.get("subject", ()) for pair in part)
        token, client = request.headers.get("X-Token", ""), names.get("commonName", "")
        status = 401 if {token, client} & self.refused else 200
        at = time.time()
        await asyncio.sleep(0.02)  # as far away as partners are
        self.shown.append(Shown(request.query["click_id"], token, client, status, at))
        return web.Response(status=status)
