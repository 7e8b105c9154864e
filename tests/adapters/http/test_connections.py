"""When a connection is kept and when it is closed, and that nothing is sent twice on the way."""

from __future__ import annotations

import asyncio
import re
import socket
import time

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.adapters.http.world import CHUNKED, LONG, PATIENT, SHORT, World, send, verdict
from tests.support.partner import OK, Visit, always, endlessly, then_close, then_hang, turns
from worker.core.answer import Failure, FailureKind, HttpOrigin, Request, Response

KEPT = {
    "no body": (OK,),
    "a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",),
    "a body in a later piece": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"ok"),
    "a chunked body": (CHUNKED, b"2\r\nok\r\n", b"0\r\n\r\n"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n",),
    "an interim answer": (b"HTTP/1.1 103 Early\r\n\r\n", OK),
    "HTTP/1.0 that keeps alive": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",),
}

CLOSED = {
    "Connection: close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "bytes after the end": OK + b"x",
    "a second answer": OK + OK,
    "a body that hangs": LONG,
    "a body that is long": b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + bytes(400_000),
    "a broken body": CHUNKED + b"zz\r\n",
}


@pytest.mark.parametrize("pieces", KEPT.values(), ids=KEPT)
async def test_kept(world: World, pieces: tuple[bytes, ...]) -> None:
    """A connection serves one request after the other as long as answers end where they say."""
    partner = await world.partner(always(*pieces))
    lane = world.sender(drain_seconds=PATIENT).lane()
    for _ in range(3):
        assert isinstance(await lane.send(Request(partner.origin, "/p")), Response)
    assert (partner.connections, len(partner.requests)) == (1, 3)


async def test_other_headers(world: World) -> None:
    """Other headers leave on the connections that are open, and with those that are opened later."""
    partner, sender = await world.partner(always(OK)), world.sender(headers={"X-Token": "first"})
    kept, late = sender.lane(), sender.lane()
    for token in ("second", "third"):
        await kept.send(Request(partner.origin, "/p"))
        sender.use_headers({"X-Token": token, "X-Other": "more"})
    await kept.send(Request(partner.origin, "/p"))
    assert partner.connections == 1
    await asyncio.gather(*(lane.send(Request(partner.origin, "/p")) for lane in (kept, late)))
    shown = [re.findall(rb"X-Token: (\w+)\r\n", head) for head in partner.requests]
    assert shown == [[b"first"], [b"second"], [b"third"], [b"third"], [b"third"]]
    assert [head.count(b"User-Agent: ") for head in partner.requests] == [1] * 5


@pytest.mark.parametrize("answer", CLOSED.values(), ids=CLOSED)
async def test_closed(world: World, answer: bytes) -> None:
    """A connection is closed after an answer whose end is not where the next one could begin."""
    partner = await world.partner(then_hang(answer))
    lane = world.sender().lane()
    for _ in range(2):
        assert verdict(await lane.send(Request(partner.origin, "/p"))) == 200
    await partner.emptied()
    assert (partner.connections, len(partner.requests)) == (2, 2)


async def test_kept_connection_closed_at_the_request(world: World) -> None:
    """A request that was read on a kept connection, which is then closed, fails: it is not sent again.

    After it connections are not kept for a while.
    """

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.request()

    partner = await world.partner(script)
    lane = world.sender().lane()
    verdicts = [verdict(await lane.send(Request(partner.origin, f"/p?n={n}"))) for n in range(4)]
    assert verdicts == [200, FailureKind.CONNECTION, 200, 200]
    assert partner.targets == ["/p?n=0", "/p?n=1", "/p?n=2", "/p?n=3"]


async def test_new_connection_closed_at_the_request(world: World) -> None:
    """A request on a new connection that the partner closes fails: it is not sent a second time."""
    partner = await world.partner(then_close())
    assert verdict(await send(world.sender(), partner)) == FailureKind.CONNECTION
    assert (partner.connections, len(partner.requests)) == (1, 1)


async def test_kept_connection_closed_while_idle(world: World) -> None:
    """A kept connection that the partner has closed is replaced before the next request."""
    partner = await world.partner(then_close(OK))
    lane = world.sender().lane()
    for _ in range(3):
        assert verdict(await lane.send(Request(partner.origin, "/p"))) == 200
        await partner.emptied()
        await turns(16)
    assert (partner.connections, len(partner.requests)) == (3, 3)


async def test_answer_to_nothing(world: World) -> None:
    """An answer that comes while nothing was asked is not taken for that to the next request."""
    idle = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        if visit.number == 2:
            await visit.send(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
        else:
            await visit.send(OK)
            await idle.wait()
            await visit.send(OK)
        await visit.gone()

    partner = await world.partner(script)
    lane = world.sender().lane()
    assert verdict(await lane.send(Request(partner.origin, "/p"))) == 200
    idle.set()
    await turns(16)
    assert verdict(await lane.send(Request(partner.origin, "/p"))) == 500
    assert partner.connections == 2


async def test_idle(world: World) -> None:
    """A connection that is not used for long is closed, and a new one opened at need."""
    partner = await world.partner(always(OK))
    lane = world.sender(idle_seconds=0.2).lane()
    for _ in range(2):
        assert verdict(await lane.send(Request(partner.origin, "/p"))) == 200
        await partner.emptied()
    assert partner.connections == 2


async def test_old(world: World) -> None:
    """A connection that was used for its longest time is not asked again, and that fails no attempt."""
    partner = await world.partner(always(OK))
    lane = world.sender(oldest_seconds=0.0).lane()
    found = [verdict(await lane.send(Request(partner.origin, "/p"))) for _ in range(3)]
    assert (found, partner.connections) == ([200] * 3, 3)


async def test_never_early(world: World) -> None:
    """A timeout is not over before its time."""
    partner = await world.partner(then_hang())
    began = time.monotonic()
    assert verdict(await send(world.sender(timeout=SHORT), partner)) == FailureKind.TIMEOUT
    assert time.monotonic() - began >= SHORT


async def test_timeout_closes(world: World) -> None:
    """A request that timed out leaves no connection behind, and its late answer is nobody's."""
    late = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        if visit.number == 1:
            await late.wait()
            await visit.send(b"HTTP/1.1 500 Late\r\nContent-Length: 0\r\n\r\n")
        await visit.send(OK)
        await visit.gone()

    partner = await world.partner(script)
    lane = world.sender(timeout=SHORT).lane()
    assert verdict(await lane.send(Request(partner.origin, "/p"))) == FailureKind.TIMEOUT
    late.set()
    assert verdict(await lane.send(Request(partner.origin, "/p"))) == 200


@pytest.mark.parametrize(
    "pieces", [(), (OK[:10],), (LONG, b"some")], ids=["silence", "half a head", "a body"]
)
async def test_cancelled(world: World, pieces: tuple[bytes, ...]) -> None:
    """A send that is cancelled closes its connection, wherever the answer stood; the lane goes on."""
    arrived = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        for piece in pieces if visit.number == 1 else (OK,):
            await visit.send(piece)
        arrived.set()
        await visit.gone()

    partner = await world.partner(script)
    lane = world.sender(drain_seconds=60.0).lane()
    sending = asyncio.ensure_future(lane.send(Request(partner.origin, "/p")))
    await arrived.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await partner.emptied()
    assert verdict(await lane.send(Request(partner.origin, "/p"))) == 200


async def test_closed_with_requests_in_flight(world: World) -> None:
    """Closing the sender ends what is in flight, as failures, and opens nothing afterwards."""
    partner = await world.partner(then_hang())
    sender = world.sender()
    sending = [asyncio.ensure_future(send(sender, partner)) for _ in range(5)]
    await partner.asked(5)
    await sender.close()
    assert [verdict(answer) for answer in await asyncio.gather(*sending)] == [FailureKind.CONNECTION] * 5
    await partner.emptied()
    assert verdict(await send(sender, partner)) == FailureKind.CONNECTION
    assert partner.connections == 5


async def test_lane_closed(world: World) -> None:
    """Closing a lane and its sender leaves no connection open."""
    partner = await world.partner(always(OK))
    sender = world.sender()
    lane = sender.lane()
    await lane.send(Request(partner.origin, "/p"))
    await lane.close()
    await sender.close()
    await partner.emptied()


async def test_two_origins(world: World) -> None:
    """A lane that sends to two origins in turn keeps a connection to each."""
    partners = [await world.partner(always(OK)) for _ in range(2)]
    lane = world.sender().lane()
    for _ in range(3):
        for partner in partners:
            assert verdict(await lane.send(Request(partner.origin, "/p"))) == 200
    assert [partner.connections for partner in partners] == [1, 1]


async def test_refused(world: World) -> None:
    """A port that nobody listens on is a failure of the connection, and says so."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        origin = HttpOrigin(world.scheme, "127.0.0.1", unheard.getsockname()[1])
        failure = await world.sender().lane().send(Request(origin, "/p?click_id=c-1"))
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.CONNECTION
    assert failure.error == f"can't connect: Connection refused ('127.0.0.1', {origin.port})"
    assert "c-1" not in failure.error


async def test_many_lanes(world: World) -> None:
    """A hundred lanes send at once, and each has a connection to itself."""
    everyone = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        if len(partner.requests) == 100:
            everyone.set()
        await everyone.wait()
        await visit.send(OK)
        await visit.gone()

    partner = await world.partner(script)
    sender = world.sender()
    answers = await asyncio.gather(*(send(sender, partner) for _ in range(100)))
    assert answers == [Response(200)] * 100
    assert partner.connections == 100


async def test_flood(world: World) -> None:
    """A partner that floods is cut off after little more than what was there to be read."""
    partner = await world.partner(endlessly(LONG, bytes(65536)))
    assert verdict(await send(world.sender(drain_seconds=60.0), partner)) == 200
    await partner.emptied()


class Broken(AbstractResolver):
    """A resolver with a bug."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        raise ZeroDivisionError("a bug")

    async def close(self) -> None: ...


async def test_a_bug(world: World) -> None:
    """What no failure is meant for is raised, and not taken for an answer of the partner."""
    lane = world.sender(resolver=Broken()).lane()
    with pytest.raises(ZeroDivisionError, match="a bug"):
        await lane.send(Request(HttpOrigin(world.scheme, "partner.example", 80), "/p"))
    await lane.close()
