"""What is simulated, by name: each scene runs to its end and returns the world as it is then.

The rule: a scene says what is there (streams, partner, outages) and for how long; what must hold is a test's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import NamedTuple

from tests.runner.harness import SOURCE
from tests.sim.partner import OK, Bucket, Meter, Outage, Partner
from tests.sim.virtual import VirtualClock, run
from tests.sim.world import Stream, World
from worker.core.answer import Answer, Request, Response
from worker.core.record import Partition

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
# Latencies of 20 to 80 ms, 50 in the middle, the same ones in every run.
_SHORT, _LONG = 0.02, 0.08


class OutageScene(NamedTuple):
    """A world after an outage, and when that began and ended."""

    world: World
    begin: float
    end: float


def full(meter: Meter, retry_after: str | None, seconds: float = MINUTE) -> World:
    """A partner that refuses what is too many with a 429, beside a backlog that never ends."""
    partner = Partner(meter, latency=_spread(), too_many=Response(429, retry_after))
    return _run(partner, partial(_backlog, 100_000), seconds)


def sporadic(status: int, share: float, seconds: float, concurrency: int = 256) -> World:
    """A partner that fails now and then, whatever the load."""
    chance = Random(5).random

    def verdict(_request: Request, _now: float) -> Answer:
        return Response(status) if chance() < share else OK

    streams = partial(_backlog, 100_000)
    return _run(Partner(verdict=verdict), streams, seconds, concurrency=concurrency)


def few(at: float, seconds: float) -> World:
    """A partner at 1,000 events a second that refuses five in a row with a Retry-After, once."""
    left = [Response(429, "1")] * 5

    def verdict(_request: Request, now: float) -> Answer:
        return left.pop() if now >= at and left else OK

    return _run(Partner(verdict=verdict), partial(_streams, 250.0, 4), seconds)


def crowded(partner: Partner, rate: float, seconds: float, concurrency: int = 256) -> World:
    """A stream in four partitions that is more than can be sent."""
    return _run(partner, partial(_streams, rate / 4, 4), seconds, concurrency=concurrency)


def outage(
    kind: str, seconds: float, rate: float, *, before: float, after: float, **more: float
) -> OutageScene:
    """A stream in four partitions, and a partner that goes away for a time."""
    end = before + seconds
    partitions = round(more.get("partitions", 4))
    meter = Bucket(more["capacity"]) if "capacity" in more else None
    partner = Partner(meter, latency=_spread(), outages=[Outage(before, end, kind)])
    streams = partial(_streams, rate / partitions, partitions)
    world = _run(partner, streams, end + after, every=more.get("every", 0.25))
    return OutageScene(world, before, end)


def poisoned(
    runs: Sequence[int],
    seconds: float,
    *,
    answer: Answer = Response(500),  # noqa: B008 - a frozen value
    good: int = 2_000,
    **more: float,
) -> World:
    """Clicks that get `answer` for ever at the heads of partitions, so many in each, and good ones behind.

    With `ahead` so many good ones come before them.
    """
    ahead = round(more.get("ahead", 0))

    def verdict(request: Request, _now: float) -> Answer:
        number, offset = map(int, request.target.rpartition("=c-")[2].split("-"))
        return answer if ahead <= offset < ahead + runs[number] else OK

    def streams(clock: VirtualClock) -> list[Stream]:
        rate = more.get("rate", 5.0)
        return [_stream(clock, number, rate, ahead + run + good) for number, run in enumerate(runs)]

    return _run(Partner(latency=_spread(), verdict=verdict), streams, seconds)


def told(share: float, retry_after: str, seconds: float, good: int = 19_800) -> World:
    """A backlog of good clicks and, evenly among them, a share that gets 429 with a Retry-After for ever."""
    each = round(1 / share)

    def verdict(request: Request, _now: float) -> Answer:
        return Response(429, retry_after) if int(request.target.rpartition("-")[2]) % each == 1 else OK

    streams = partial(_backlogs, round(good / (1 - share) / 4), 4)
    return _run(Partner(latency=_spread(), verdict=verdict), streams, seconds)


def rated(rate: float, seconds: float) -> World:
    """A rate, timers that are late by up to 15 ms, a partner that is down for a while, clicks that fail."""

    def verdict(request: Request, _now: float) -> Answer:
        return Response(400) if request.target.endswith("7") else OK

    down = [Outage(5.0, 8.0, "503")]
    partner = Partner(latency=_spread(), outages=down, verdict=verdict)
    streams = partial(_streams, rate / 2, 4)
    return _run(partner, streams, seconds, rate=rate, lateness=0.015)


def beside(neighbour: str, seconds: float, concurrency: int = 32) -> World:
    """A healthy stream in partition 0, and in partition 1 `nothing`, clicks that get `400` or `hang`."""

    def is_bad(request: Request) -> bool:
        return "click_id=c-1-" in request.target

    partner = Partner(
        latency=lambda request: 60.0 if neighbour == "hang" and is_bad(request) else 0.05,
        verdict=lambda request, _now: Response(400) if neighbour == "400" and is_bad(request) else OK,
    )
    backlog = 0 if neighbour == "nothing" else 20_000

    def streams(clock: VirtualClock) -> list[Stream]:
        return [_stream(clock, 0, 50.0), _stream(clock, 1, 0.0, backlog=backlog)]

    return _run(partner, streams, seconds, concurrency=concurrency)


def _run(
    partner: Partner,
    streams: Callable[[VirtualClock], list[Stream]],
    seconds: float,
    *,
    concurrency: int = 256,
    rate: float | None = None,
    every: float = 0.25,
    lateness: float = 0.0,
) -> World:
    async def main() -> World:
        world = World(partner, streams, concurrency=concurrency, rate=rate, every=every)
        return await world.run(seconds)

    return run(main(), lateness)


def _streams(rate: float, partitions: int, clock: VirtualClock) -> list[Stream]:
    return [_stream(clock, number, rate) for number in range(partitions)]


def _backlog(count: int, clock: VirtualClock) -> list[Stream]:
    return [_stream(clock, 0, 0.0, backlog=count)]


def _backlogs(count: int, partitions: int, clock: VirtualClock) -> list[Stream]:
    return [_stream(clock, number, 0.0, backlog=count) for number in range(partitions)]


def _stream(clock: VirtualClock, number: int, rate: float, backlog: int = 0) -> Stream:
    return Stream(Partition(SOURCE, number), clock, rate, backlog=backlog)


def _spread() -> Callable[[Request], float]:
    draw = Random(3).uniform
    return lambda _request: draw(_SHORT, _LONG)
