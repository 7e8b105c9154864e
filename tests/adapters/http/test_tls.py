"""What goes wrong with TLS is told apart from what goes wrong with HTTP or with the connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import pytest
import trustme

from tests.adapters.http.world import SHORT, World, send, verdict
from tests.support.partner import OK, Script, Visit, always
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


DAMAGED = b"\x17\x03\x03\x00\x20" + bytes(32)
ALERT = b"\x15\x03\x03\x00\x02\x02\x50"
"""Records of TLS that mean a fault: one that nobody can decrypt, and a fatal alert that nobody encrypted."""


def by_hand(context: ssl.SSLContext, answer: bytes, fault: bytes) -> Script:
    """Answer one request of each connection over TLS, with a fault behind the answer in the same piece."""

    async def script(visit: Visit) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)

        async def done(step: Callable[[], object]) -> None:
            while True:
                try:
                    step()
                except ssl.SSLWantReadError:
                    await visit.send(outgoing.read())
                    incoming.write(await visit.some())
                else:
                    return

        await done(tls.do_handshake)
        await done(lambda: tls.read(65536))
        if answer:
            tls.write(answer)
        await visit.send(outgoing.read() + fault)
        await visit.gone()

    return script


@pytest.mark.parametrize("fault", [DAMAGED, ALERT], ids=["damaged", "alert"])
@pytest.mark.parametrize("answer", [OK, OK.replace(b" 0\r", b" 9\r") + b"half"], ids=["whole", "half"])
async def test_fault_behind_an_answer(world: World, answer: bytes, fault: bytes) -> None:
    """What TLS calls broken takes nothing from the answer that came before it, and ends the connection."""
    partner = await world.partner(by_hand(world.server_tls(), answer, fault), scheme="http")
    request, lane = Request(partner.origin._replace(scheme="https"), "/p"), world.sender().lane()
    for count in (1, 2):
        assert verdict(await lane.send(request)) == 200
        assert partner.connections == count


async def test_fault_in_place_of_an_answer(world: World) -> None:
    """An alert that comes instead of an answer is a failure of TLS."""
    partner = await world.partner(by_hand(world.server_tls(), b"", ALERT), scheme="http")
    request = Request(partner.origin._replace(scheme="https"), "/p")
    assert verdict(await world.sender().lane().send(request)) == FailureKind.TLS
