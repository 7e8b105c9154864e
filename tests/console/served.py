"""A console as a test asks it: the real server on a real socket, a client that keeps cookies."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import ClientResponse, ClientSession, CookieJar

from tests.console.fake_actions import FakeActions
from tests.console.fake_watch import FakeWatch
from tests.console.known import deployment, watch
from tests.console.markup import Page
from worker.console.server import ConsoleServer

TOKEN = "a-token-of-some-length"


class Served(NamedTuple):
    """The server, who asks it, and what stands behind it."""

    server: ConsoleServer
    client: ClientSession
    watch: FakeWatch
    actions: FakeActions

    @property
    def base(self) -> str:
        """Its address, without a slash at the end."""
        return self.server.url.rstrip("/")

    async def get(self, path: str, **headers: str) -> tuple[ClientResponse, str]:
        """Ask for a page; its head and its text."""
        named = {"Accept": "text/html", **_named(headers)}
        async with self.client.get(self.base + path, headers=named, allow_redirects=False) as got:
            return got, await got.text()

    async def post(
        self, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> tuple[ClientResponse, str]:
        """Send a form."""
        async with self.client.post(
            self.base + path, data=form or {}, headers=_named(headers), allow_redirects=False
        ) as got:
            return got, await got.text()

    async def csrf(self) -> str:
        """What a form of this session must hold."""
        _, page = await self.get("/destination/binom")
        return csrf_of(page)

    async def log_in(self, token: str = TOKEN) -> ClientResponse:
        """Give a token."""
        got, _ = await self.post("/login", {"token": token})
        return got


def csrf_of(page: str) -> str:
    """What the forms of a page hold."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


@asynccontextmanager
async def served(**console: object) -> AsyncIterator[Served]:
    """A console with these settings, which knows the known data."""
    known, actions = watch(), FakeActions()
    overrides = {f"console__{name}": value for name, value in console.items()}
    server = ConsoleServer(deployment(**overrides), known, actions)
    await server.start("127.0.0.1", 0)
    try:
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as client:
            yield Served(server, client, known, actions)
    finally:
        await server.close()


async def page_of(console: Served, path: str) -> tuple[int, Page, str]:
    """A page, parsed, and all its text in one line."""
    got, html = await console.get(path)
    page = Page(html)
    return got.status, page, " ".join(" ".join(page.texts).split())


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
