"""A partner on aiohttp, in a thread of its own: it answers as told and remembers exactly what it was asked.

The rule: what it remembers is what arrived, decoded once and by nothing of the worker.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from aiohttp import web

from tests.e2e.threaded import ThreadedPartner
from tests.support.kafka import WITHIN, wait_until

Query = Mapping[str, str]
Act = int | str | tuple[int, str]
"""A status, one with a body, `reset`, `hang` (until it is let go), or `slow` (200 after SLOW_SECONDS)."""

SLOW_SECONDS = 0.3


class Hit(NamedTuple):
    """One request as it arrived: the path and query as they were on the wire, decoded, when, what else."""

    target: str
    query: Query
    headers: Mapping[str, str]
    at: float
    method: str
    body: bytes


class Tracker(ThreadedPartner):
    """Serves `…/postback` on a free port; `act` says what to do with a query that comes the nth time."""

    def __init__(self, act: Callable[[Query, int], Act] = lambda _query, _nth: 200) -> None:
        super().__init__("/{path:.*postback}")
        self._act = act
        self.hits: list[Hit] = []
        self._times: Counter[str] = Counter()
        self._let_go = threading.Event()

    @property
    def simple_url(self) -> str:
        """The template of the simple form."""
        return f"http://127.0.0.1:{self.port}/postback?click_id={{click_id}}"

    @property
    def event_url(self) -> str:
        """The template of the event form."""
        macros = "click_id={click_id}&event={event}&payout={payout}"
        return f"http://127.0.0.1:{self.port}/postback?measurement=1&{macros}"

    @property
    def clicks(self) -> Counter[str]:
        """How often each click id came."""
        return Counter(hit.query["click_id"] for hit in self.hits)

    def of(self, click_id: str) -> list[Hit]:
        """The requests for a click."""
        return [hit for hit in self.hits if hit.query["click_id"] == click_id]

    def let_go(self) -> None:
        """Answer what hangs, with 200."""
        self._let_go.set()

    def asked(self, count: int, within: float = WITHIN) -> None:
        """Wait until so many requests have come."""
        wait_until(f"{count} requests, not {len(self.hits)}", lambda: len(self.hits) >= count, within)

    async def _postback(self, request: web.Request) -> web.Response:
        query = dict(parse_qsl(request.raw_path.partition("?")[2], strict_parsing=True, errors="strict"))
        body = await request.read()
        self.hits.append(
            Hit(request.raw_path, query, dict(request.headers), time.time(), request.method, body)
        )
        self._times[query["click_id"]] += 1
        act = self._act(query, self._times[query["click_id"]])
        if act == "reset" and request.transport is not None:
            request.transport.abort()
        if act == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        while act == "hang" and not self._let_go.is_set():  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.01)
        status, text = act if isinstance(act, tuple) else (act if isinstance(act, int) else 200, "")
        return web.Response(status=status, text=text)
