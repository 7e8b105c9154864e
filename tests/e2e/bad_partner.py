"""A partner that is well, or fails in one way at a time, as it is set: refuses, hangs, answers 503 or 429.

The rule: it remembers when each click first came, and how often each was recorded.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Final

from aiohttp import web

from tests.e2e.threaded import ThreadedPartner

MODES: Final = {
    "refuse": "refuses connections",
    "hang": "hangs",
    "503": "answers 503",
    "429": "answers 429 with Retry-After",
}
"""The ways to fail, and what each is in words."""

RETRY_AFTER_SECONDS = "2"


class BadPartner(ThreadedPartner):
    """Serves `/postback` on a free port, in a thread of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._mode = "well"
        self._changed = asyncio.Event()
        self.first: dict[str, float] = {}
        """When each click first came, in epoch seconds."""
        self.recorded: Counter[str] = Counter()
        """How often each click got its 200."""
        self.hits = 0

    @property
    def url(self) -> str:
        """The template of its URL."""
        return f"http://127.0.0.1:{self.port}/postback?click_id={{click_id}}"

    def let_go(self) -> None:
        """Be well again."""
        self.be("well")

    def be(self, mode: str) -> None:
        """Answer so from now on; what hung is let go with a 503."""
        self._do(self._be(mode))

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
