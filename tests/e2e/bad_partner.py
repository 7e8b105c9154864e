"""A partner that is well, or fails in one way at a time, as it is told: refuses, hangs, answers 503 or 429.

The rule: it remembers when each click first came, and how often each was recorded.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Final, Self

from aiohttp import web

MODES: Final = {
    "refuse": "refuses connections",
    "hang": "hangs",
    "503": "answers 503",
    "429": "answers 429 with Retry-After",
}
"""The ways to fail, and what each is in words."""

RETRY_AFTER_SECONDS = "2"


class BadPartner:
    """Serves `/postback` on a free port, in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="partner")
        self._mode = "well"
        self._site: web.TCPSite | None = None
        self._changed = asyncio.Event()
        self.first: dict[str, float] = {}
        """When each click first came, in epoch seconds."""
        self.recorded: Counter[str] = Counter()
        """How often each click got its 200."""
        self.hits = 0
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.be("well")
        self._do(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """The template of its URL."""
        return f"http://127.0.0.1:{self.port}/postback?click_id={{click_id}}"

    def be(self, mode: str) -> None:
        """Answer so from now on; what hung is let go with a 503."""
        self._do(self._be(mode))

    def _do(self, what: object) -> None:
        assert asyncio.iscoroutine(what)
        asyncio.run_coroutine_threadsafe(what, self._loop).result(30)

    async def _open(self) -> None:
        app = web.Application()
        app.router.add_get("/postback", self._postback)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        await self._listen()

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=512, reuse_address=True)
        await self._site.start()
        self.port = self._runner.addresses[0][1]

    async def _be(self, mode: str) -> None:
        if mode == "refuse" and self._site is not None:
            await self._site.stop()
            self._site = None
        elif self._site is None:
            await self._listen()
        self._mode = mode
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _postback(self, request: web.Request) -> web.StreamResponse:
        click = request.query["click_id"]
        self.hits += 1
        self.first.setdefault(click, time.time())
        if self._mode == "refuse" and request.transport is not None:  # on a connection that is open still
            request.transport.abort()
        if self._mode == "hang":
            await self._changed.wait()
            return web.Response(status=503)
        if self._mode == "429":
            return web.Response(status=429, headers={"Retry-After": RETRY_AFTER_SECONDS})
        if self._mode != "well":
            return web.Response(status=503)
        self.recorded[click] += 1
        return web.Response()
