"""A modelled partner: what it can do, how long it takes, when it is down; and lanes to it.

The rule: it counts what arrives, by the second in which it arrives, and refuses what is too many at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from worker.core.answer import Answer, Failure, FailureKind, Request, Response
from worker.ports import Attempter

REFUSED = Failure(FailureKind.CONNECTION, "connection refused")
TIMEOUT = Failure(FailureKind.TIMEOUT, "no answer within 10 s")
OK = Response(200)
TOO_MANY = Response(429)


class Meter(Protocol):
    """Says whether one more request is within what the partner can do."""

    def takes(self, now: float) -> bool:
        """Take one, or refuse it."""
        ...


class Bucket:
    """So many a second, evenly, with a burst of a tenth of a second, or of one request."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._burst = max(1.0, per_second / 10)
        self._tokens, self._at = self._burst, 0.0

    def takes(self, now: float) -> bool:
        """Take one if there is a token."""
        tokens = self._tokens + (now - self._at) * self.per_second
        self._tokens, self._at = min(tokens, self._burst), now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Windows:
    """So many in each second of the clock, in a lump if need be."""

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self._second = -1
        self._taken = 0

    def takes(self, now: float) -> bool:
        """Take one if this second has room."""
        if int(now) != self._second:
            self._second, self._taken = int(now), 0
        self._taken += 1
        return self._taken <= self.per_second


class Outage(NamedTuple):
    """From when to when (seconds), and how: `refused`, `hang`, or a status such as `503`."""

    begin: float
    end: float
    kind: str


class Partner:
    """A sender of lanes to the model. `latency` in seconds, by the request; a hanging one ends by timeout."""

    def __init__(
        self,
        meter: Meter | None = None,
        *,
        latency: Callable[[Request], float] = lambda _: 0.05,
        too_many: Response = TOO_MANY,
        outages: Sequence[Outage] = (),
        verdict: Callable[[Request, float], Answer] = lambda _request, _now: OK,
        timeout: float = 10.0,
    ) -> None:
        self.meter = meter
        self._latency = latency
        self._too_many = too_many
        self._outages = outages
        self._verdict = verdict
        self._timeout = timeout
        self.arrived: Counter[int] = Counter()
        self.taken: Counter[int] = Counter()
        self.refused: Counter[int] = Counter()
        """By the second in which they arrived: all, those recorded, and those that were too many."""
        self.starts: list[float] = []
        """When each request arrived."""

    def lane(self) -> PartnerLane:
        """Make a lane."""
        return PartnerLane(self)

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """No request has headers."""

    async def close(self) -> None:
        """Nothing is open."""

    def answer(self, request: Request, now: float) -> tuple[float, Answer]:
        """Say how long it takes, and the answer."""
        second = int(now)
        self.starts.append(now)
        self.arrived[second] += 1
        down = next((outage.kind for outage in self._outages if outage.begin <= now < outage.end), None)
        if down is not None:
            return self._down(down, request)
        seconds = self._latency(request)
        if self.meter is not None and not self.meter.takes(now):
            self.refused[second] += 1
            return seconds, self._too_many
        if seconds >= self._timeout:
            return self._timeout, TIMEOUT
        answer = self._verdict(request, now)
        self.taken[second] += answer is OK
        return seconds, answer

    def _down(self, kind: str, request: Request) -> tuple[float, Answer]:
        if kind == "refused":
            return 0.001, REFUSED
        if kind == "hang":
            return self._timeout, TIMEOUT
        return self._latency(request), Response(int(kind))


class PartnerLane:
    """One request at a time."""

    def __init__(self, partner: Partner) -> None:
        self._partner = partner
        self._coming: asyncio.TimerHandle | None = None

    def begin(self, request: Request, attempter: Attempter) -> None:
        """Ask the partner."""
        loop = asyncio.get_running_loop()
        seconds, answer = self._partner.answer(request, loop.time())
        self._coming = loop.call_later(seconds, attempter.on_answer, answer)

    def abandon(self) -> None:
        """Give up the request that is under way."""
        if self._coming is not None:
            self._coming.cancel()

    async def send(self, request: Request) -> Answer:
        """Ask the partner, and wait."""
        seconds, answer = self._partner.answer(request, asyncio.get_running_loop().time())
        await asyncio.sleep(seconds)
        return answer

    async def close(self) -> None:
        """Nothing is open."""
        self.abandon()
