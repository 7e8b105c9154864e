"""A partner on aiohttp in a thread of its own, which a `with` block begins and ends."""

from __future__ import annotations

import asyncio
import ssl
import threading
from types import TracebackType
from typing import Self

from aiohttp import web

WITHIN_SECONDS = 30.0


class ThreadedPartner:
    """Serves `path` on a free port, by what `_postback` of the kind of partner answers."""

    def __init__(self, path: str = "/postback", tls: ssl.SSLContext | None = None) -> None:
        self._path, self._tls = path, tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=type(self).__name__)
        self._site: web.TCPSite | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.let_go()
        self._do(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def let_go(self) -> None:
        """Answer what hangs: nothing does."""

    async def _postback(self, request: web.Request) -> web.StreamResponse:
        raise NotImplementedError

    def _do(self, what: object) -> None:
        assert asyncio.iscoroutine(what)
        asyncio.run_coroutine_threadsafe(what, self._loop).result(WITHIN_SECONDS)

    async def _open(self) -> None:
        app = web.Application()
        app.router.add_route("*", self._path, self._postback)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        await self._listen()

    async def _listen(self) -> None:
        """Listen on a free port at first, and on the same one again."""
        self._site = web.TCPSite(
            self._runner, "127.0.0.1", self.port, ssl_context=self._tls, backlog=512, reuse_address=True
        )
        await self._site.start()
        self.port = self._runner.addresses[0][1]
