"""What goes wrong with TLS is told apart from what goes wrong with HTTP or with the connection."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme

from tests.adapters.http.world import SHORT, World, send, verdict
from tests.support.partner import OK, Visit, always
from worker.core.answer import Failure, FailureKind, HttpOrigin, Request


@pytest.fixture
def scheme() -> str:
    """TLS alone."""
    return "https"


async def test_certificate_of_a_stranger(world: World) -> None:
    """A certificate that nobody trusted has signed is refused, before any request."""
    partner = await world.partner(always(OK))
    failure = await send(world.sender(tls=ssl.create_default_context()), partner)
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.TLS
    assert failure.error.startswith("certificate refused:")
    assert partner.requests == []


async def test_certificate_for_another_name(world: World, authority: trustme.CA) -> None:
    """A certificate for another name is refused, and the error says why."""
    partner = await world.partner(always(OK))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("elsewhere.example").configure_cert(context)
    async with await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0, ssl=context) as server:
        origin = HttpOrigin("https", "127.0.0.1", server.sockets[0].getsockname()[1])
        failure = await world.sender().lane().send(Request(origin, "/p"))
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.TLS
    assert "mismatch" in failure.error
    assert partner.connections == 0


async def test_no_tls_where_it_is_expected(world: World) -> None:
    """A partner that speaks no TLS on an https port is a failure of TLS."""

    async def script(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await visit.gone()

    partner = await world.partner(script, scheme="http")
    origin = partner.origin._replace(scheme="https")
    assert verdict(await world.sender().lane().send(Request(origin, "/p"))) == FailureKind.TLS


async def test_tls_where_none_is_expected(world: World) -> None:
    """A partner that speaks TLS on an http port never gives a status."""
    partner = await world.partner(always(OK))
    origin = partner.origin._replace(scheme="http")
    answer = verdict(await world.sender().lane().send(Request(origin, "/p?secret")))
    assert answer in {FailureKind.PROTOCOL, FailureKind.CONNECTION}


async def test_handshake_that_hangs(world: World) -> None:
    """A handshake that never ends is a timeout that says so, and leaves nothing behind."""

    async def script(visit: Visit) -> None:
        await visit.gone()

    partner = await world.partner(script, scheme="http")
    origin = partner.origin._replace(scheme="https")
    answer = await world.sender(timeout=SHORT).lane().send(Request(origin, "/p"))
    assert answer == Failure(FailureKind.TIMEOUT, "no connection in time")
    await partner.emptied()


async def test_handshake_cancelled(world: World) -> None:
    """A send cancelled in the handshake closes its connection."""
    arrived = asyncio.Event()

    async def script(visit: Visit) -> None:
        arrived.set()
        await visit.gone()

    partner = await world.partner(script, scheme="http")
    origin = partner.origin._replace(scheme="https")
    sending = asyncio.ensure_future(world.sender().lane().send(Request(origin, "/p")))
    await arrived.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await partner.emptied()


async def test_end_within_the_handshake(world: World) -> None:
    """A partner that ends the handshake by closing never gives a status."""

    async def script(visit: Visit) -> None:
        await visit.close()

    partner = await world.partner(script, scheme="http")
    origin = partner.origin._replace(scheme="https")
    answer = verdict(await world.sender().lane().send(Request(origin, "/p")))
    assert answer in {FailureKind.CONNECTION, FailureKind.TLS}
