"""The partner of a drill: it answers as the drill says, and remembers what it has recorded.

The rule: a click is recorded by a 200 that is meant; a 200 with an error in its body is none.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import NamedTuple

from aiohttp import web

from tests.e2e.threaded import ThreadedPartner

PATH = "/postback"


class Answer(NamedTuple):
    """What a request gets, after so many seconds."""

    status: int = 200
    body: str = ""
    seconds: float = 0.0


Way = Callable[[Mapping[str, str]], Answer]
"""How it answers a request, by its query."""

ERROR_BODY = '{"status":"error","message":"unknown campaign"}'


def well(_query: Mapping[str, str]) -> Answer:
    """Record it."""
    return Answer()


class DrillPartner(ThreadedPartner):
    """Serves PATH on a free port, in a thread of its own."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(PATH, tls)
        self.way: Way = well
        self.recorded: set[str] = set()
        """The clicks that got a 200 that was meant."""
        self.closes = False
        """Whether each request takes a connection of its own, on which a certificate is shown anew."""
        self._scheme = "http" if tls is None else "https"

    @property
    def url(self) -> str:
        """The template of its URL."""
        return (
            f"{self._scheme}://127.0.0.1:{self.port}{PATH}"
            "?click_id={click_id}&event={event?}&payout={payout?}"
        )

    def leave(self) -> None:
        """Listen no more, and cut what is connected at its next request."""
        self._do(self._leave())

    def come_back(self) -> None:
        """Listen again."""
        self._do(self._listen())

    async def _leave(self) -> None:
        assert self._site is not None
        await self._site.stop()
        self._site = None

    async def _postback(self, request: web.Request) -> web.StreamResponse:
        if self._site is None and request.transport is not None:
            request.transport.abort()
        answer = self.way(request.query)
        await asyncio.sleep(answer.seconds)
        if answer.status == 200 and answer.body != ERROR_BODY and self._site is not None:
            self.recorded.add(request.query["click_id"])
        response = web.Response(status=answer.status, text=answer.body)
        if self.closes:
            response.force_close()
        return response
