"""A partner that misbehaves: errors, resets, slow answers, a burst of 429, an outage, refused clicks.

The rule: it logs each request before it misbehaves, so its log is true about what was sent.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import Counter

from aiohttp import web

# Longer than the demonstration's timeout.
SLOW_SECONDS = 1.5
# How many requests in a row it answers with 429.
BUSY_REQUESTS = 5
# How long it is down, if it goes down.
OUTAGE_SECONDS = 2.5
_MISBEHAVIOURS = ("500", "reset", "slow", "400")


class Tracker:
    """Serves `/postback`. `failures` is the share of events that fail at first.

    With `goes_down` it answers 503 to everything for a while, after half of the expected requests.
    """

    def __init__(self, failures: float, expected: int, *, goes_down: bool = False) -> None:
        self._failures = failures
        self._down_from = expected // 2 if goes_down and failures else None
        self.down_since: float | None = None
        """When it went down, in monotonic seconds; None until then."""
        self.recorded_at: list[float] = []
        """When each event got its first 200, in monotonic seconds."""
        self._busy_from = expected // 3
        self.requests: Counter[str] = Counter()
        """Requests for each event id."""
        self.recorded: dict[str, int] = {}
        """The attempt at which each event id got its first 200."""
        self._served = 0
        self.again = 0
        """Requests for an event that had got its 200 before."""
        self.answers: Counter[str] = Counter()
        """Its answers by status, and its other acts by name."""
        app = web.Application()
        app.router.add_get("/postback", self._postback)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        self.port = 0

    async def start(self) -> None:
        """Listen on a free port of the loopback address."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    def is_down(self) -> bool:
        """Whether it is down now."""
        now = time.monotonic()
        if self.down_since is None and self._down_from is not None and self._served > self._down_from:
            self.down_since = now
        return self.down_since is not None and now < self.down_since + OUTAGE_SECONDS

    def recorded_during(self, outage: float) -> int:
        """How many events got their first 200 during the outage that began at `outage`."""
        return sum(outage <= at < outage + OUTAGE_SECONDS for at in self.recorded_at)

    async def _postback(self, request: web.Request) -> web.StreamResponse:
        event_id = request.query["event_id"]
        self.requests[event_id] += 1
        self.again += event_id in self.recorded
        self._served += 1
        if self.is_down():
            self.answers["503"] += 1
            return web.Response(status=503)
        if self._is_busy():
            self.answers["429"] += 1
            return web.Response(status=429, headers={"Retry-After": "1"})
        kind = self._misbehaviour(event_id)
        self.answers[kind or "200"] += 1
        match kind:
            case "reset":
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            case "slow":
                await asyncio.sleep(SLOW_SECONDS)
                return web.Response(status=504)
            case None:
                if event_id not in self.recorded:
                    self.recorded[event_id] = self.requests[event_id]
                    self.recorded_at.append(time.monotonic())
                return web.Response(text="ok")
            case status:
                return web.Response(status=int(status))

    def _is_busy(self) -> bool:
        """Whether to answer 429 now: for a few requests, a third of the way through."""
        return bool(self._failures) and 0 < self._served - self._busy_from <= BUSY_REQUESTS

    def _misbehaviour(self, event_id: str) -> str | None:
        """How this request fails, if it does: an event's first one or two do, or every one (400)."""
        chance = zlib.crc32(event_id.encode()) / 2**32
        if chance >= self._failures:
            return None
        kind = _MISBEHAVIOURS[int(chance / self._failures * len(_MISBEHAVIOURS))]
        patience = 1 + zlib.crc32(event_id.encode(), 1) % 2
        return kind if kind == "400" or self.requests[event_id] <= patience else None
