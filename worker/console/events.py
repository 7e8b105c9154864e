"""Tells open pages about changes, by server-sent events.

The rule: an event says only that something is new; the page then requests it as it did at first. So a page
shows nothing that it could not show without scripts.
"""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from worker.console.guard import COOKIE, SESSION, RequestRefused
from worker.console.sessions import Sessions
from worker.console.watch import Watch

STILL_HERE_SECONDS = 15.0
"""How often a line is sent while nothing changes, so that proxies keep the connection."""

LEAST_APART_SECONDS = 1.0
MOST_STREAMS = 200


class Events:
    """The event streams of open pages."""

    def __init__(self, watch: Watch, sessions: Sessions, needs_login: bool) -> None:
        self._watch = watch
        self._sessions = sessions
        self._needs_login = needs_login
        self._open: set[asyncio.Task[None]] = set()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Send each change, at most once a second, as long as the session is valid."""
        if len(self._open) >= MOST_STREAMS:
            raise RequestRefused(503, "too many pages are open: close some")
        headers = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        if request.method == "HEAD":
            return web.Response(headers=headers)
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        telling = asyncio.ensure_future(self._tell(request, response))
        self._open.add(telling)
        try:
            await telling
        except (ConnectionError, asyncio.CancelledError):
            telling.cancel()
        finally:
            self._open.discard(telling)
        return response

    async def close(self) -> None:
        """End all streams."""
        for telling in self._open:
            telling.cancel()

    async def _tell(self, request: web.Request, response: web.StreamResponse) -> None:
        known = _number(request.headers.get("Last-Event-ID") or request.query.get("after", ""))
        while self._stands(request):
            version = await self._watch.changed(known, STILL_HERE_SECONDS)
            line = f"id: {version}\nevent: changed\ndata: {version}\n\n" if version > known else ":\n\n"
            await response.write(line.encode())
            known = max(known, version)
            await asyncio.sleep(LEAST_APART_SECONDS)
        await response.write(b"event: ended\ndata: ended\n\n")

    def _stands(self, request: web.Request) -> bool:
        """Whether the request's session is valid; checking does not extend it."""
        if not self._needs_login:
            return True
        return self._sessions.stands(request.cookies.get(COOKIE), request[SESSION], time.monotonic())


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0
