"""What the session transport does its own way: one clock for all requests, and the way through a proxy."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler

from tests.adapters.http.world import SHORT, Transport, World, send, verdict
from tests.support.partner import OK, Visit, always, then_hang
from worker.adapters.http.batching_transport import BatchingTransport
from worker.adapters.http.head_guard import NEVER, HeadGuard
from worker.adapters.http.sweeper import Sweeper
from worker.adapters.http.write_batch import WriteBatch
from worker.core.answer import Failure, FailureKind, HttpOrigin, Request, Response
from worker.core.connection_reuse import ConnectionReuse


@pytest.fixture
def transport() -> Transport:
    """The session alone."""
    return "session"


async def test_unused_for_longer_than_a_timeout(world: World) -> None:
    """A kept connection outlives the time that the request before it had."""
    partner, silent = await world.partner(always(OK)), await world.partner(then_hang())
    sender = world.sender(timeout=SHORT)
    lane = sender.lane()
    assert await lane.send(Request(partner.origin, "/p")) == Response(200)
    later = await sender.lane().send(Request(silent.origin, "/p"))
    assert verdict(later) == FailureKind.TIMEOUT, "a deadline behind that of the first has passed"
    assert await lane.send(Request(partner.origin, "/p")) == Response(200)
    assert partner.connections == 1


async def test_timeout_on_a_kept_connection(world: World) -> None:
    """The clock runs for every request, also on a connection that has served one."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.gone()

    partner = await world.partner(script)
    lane = world.sender(timeout=SHORT).lane()
    verdicts = [verdict(await lane.send(Request(partner.origin, "/p"))) for _ in range(2)]
    assert verdicts == [200, FailureKind.TIMEOUT]
    assert partner.connections == 1


class Mute(AbstractResolver):
    """Never answers."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        await asyncio.Event().wait()
        return []

    async def close(self) -> None:
        """Do nothing."""


async def test_name_that_never_resolves(world: World) -> None:
    """Waiting for a name counts against the timeout."""
    lane = world.sender(timeout=SHORT, resolver=Mute()).lane()
    answer = await lane.send(Request(HttpOrigin(world.scheme, "partner.example", 80), "/p"))
    assert verdict(answer) == FailureKind.TIMEOUT


async def test_proxy_that_never_resolves(world: World) -> None:
    """Where the proxy's name has no answer in time a person reads that, and not that the partner is away."""
    sender = world.sender(timeout=SHORT, resolver=Mute(), proxy="http://proxy.example:3128")
    answer = await sender.lane().send(Request(HttpOrigin(world.scheme, "partner.example", 80), "/p"))
    assert answer == Failure(FailureKind.TIMEOUT, "the host did not resolve in time")


async def test_proxy_that_keeps_silent(world: World) -> None:
    """Waiting for a proxy counts against the timeout, with and without a tunnel."""
    proxy = await world.partner(then_hang(), scheme="http")
    partner = await world.partner(always(OK))
    sender = world.sender(timeout=SHORT, proxy=f"http://127.0.0.1:{proxy.origin.port}")
    assert verdict(await send(sender, partner)) == FailureKind.TIMEOUT
    await proxy.emptied()
    assert len(proxy.requests) == 1


class Noted(asyncio.Transport):
    """Notes what is written to it, in a list that it shares."""

    def __init__(self, written: list[bytes]) -> None:
        super().__init__({"peername": "partner"})
        self._written = written
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._written.append(bytes(data))

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True


async def test_requests_leave_together() -> None:
    """The writes of one turn leave at its end, in their order, but those of a connection closed by then."""
    written: list[bytes] = []
    write_batch = WriteBatch()
    first, closed, last = (BatchingTransport(Noted(written), write_batch) for _ in range(3))
    for batching, data in ((first, b"1"), (closed, b"2"), (last, b"3")):
        batching.write(data)
    closed.close()
    assert written == []
    await asyncio.sleep(0)
    assert written == [b"1", b"3"]
    assert (closed.is_closing(), last.is_closing()) == (True, False)
    assert last.get_extra_info("peername") == "partner"


async def test_lost_connection_is_forgotten() -> None:
    """Nothing holds on to a connection that is gone."""
    sweeper = Sweeper()
    handler = ResponseHandler(asyncio.get_running_loop())
    front = HeadGuard(handler, BatchingTransport(Noted([]), WriteBatch()), sweeper, ConnectionReuse(), NEVER)
    gone = weakref.ref(front)
    front.connection_lost(None)
    del front
    gc.collect()
    assert gone() is None
