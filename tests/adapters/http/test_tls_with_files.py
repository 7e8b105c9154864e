"""What is spoken with files of TLS: private authorities, certificates of a client, refusals."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest
import trustme

from tests.adapters.http.world import World, send, verdict
from tests.support.certificates import ClientFiles, chain_of, server_tls
from tests.support.partner import OK, Visit, always
from worker.adapters.http import TlsFiles, load_tls
from worker.core.answer import Failure, FailureKind, HttpOrigin, Request, Response


@pytest.fixture
def scheme() -> str:
    """TLS alone."""
    return "https"


async def test_private_authority(world: World, files: ClientFiles) -> None:
    """A partner is believed where the file names its authority, root or not, and nowhere else."""
    partner = await world.partner(always(OK))
    named = world.sender(tls=load_tls(TlsFiles(files.ca)).context)
    assert await send(named, partner) == Response(200)
    files.trust(trustme.CA())
    other = world.sender(tls=load_tls(TlsFiles(files.ca)).context)
    assert verdict(await send(other, partner)) is FailureKind.TLS


async def test_intermediate_authority(world: World, files: ClientFiles, authority: trustme.CA) -> None:
    """An authority that another one vouches for is enough where the file names it."""
    middle = authority.create_child_ca()
    partner = await world.partner(always(OK), tls=server_tls(middle))
    files.trust(middle)
    assert await send(world.sender(tls=load_tls(TlsFiles(files.ca)).context), partner) == Response(200)


async def test_in_place_of_the_systems(files: ClientFiles) -> None:
    """The file's authorities stand in place of the system's."""
    context = load_tls(TlsFiles(files.ca)).context
    assert context is not None
    assert context.cert_store_stats()["x509"] == 1
    with_certificate = load_tls(TlsFiles(None, files.cert, files.key)).context
    assert with_certificate is not None
    assert with_certificate.cert_store_stats() == ssl.create_default_context().cert_store_stats()


@pytest.mark.parametrize("apart", [True, False])
async def test_client_certificate(
    world: World, files: ClientFiles, authority: trustme.CA, *, apart: bool
) -> None:
    """A partner that asks for a certificate gets ours, whether its key is in a file of its own or not."""
    seen = []

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            seen.append(visit.certificate)
            await visit.send(OK)

    partner = await world.partner(script, tls=server_tls(authority, authority))
    if not apart:
        files.cert.write_bytes(files.key.read_bytes() + files.cert.read_bytes())
    tls = load_tls(TlsFiles(files.ca, files.cert, files.key if apart else None))
    assert await send(world.sender(tls=tls.context), partner) == Response(200)
    assert seen == ["client.example"]


async def test_refused_client(world: World, files: ClientFiles, authority: trustme.CA) -> None:
    """A partner that gets no certificate, or a stranger's, refuses us, and no request reaches it."""
    partner = await world.partner(always(OK), tls=server_tls(authority, authority))
    stranger = trustme.CA().issue_cert("client.example")
    files.key.write_bytes(stranger.private_key_pem.bytes())
    files.cert.write_bytes(chain_of(stranger))
    for given in (TlsFiles(files.ca), TlsFiles(files.ca, files.cert, files.key)):
        failure = await send(world.sender(tls=load_tls(given).context), partner)
        assert verdict(failure) in {FailureKind.TLS, FailureKind.CONNECTION}  # asyncio resets at once
    assert partner.requests == []


async def test_the_partners_reason(world: World, files: ClientFiles, authority: trustme.CA) -> None:
    """Where a partner says within the handshake why it refuses our certificate, a person reads it."""
    asking = server_tls(authority, authority)
    asking.maximum_version = ssl.TLSVersion.TLSv1_2  # in 1.3 a reset may overtake the reason
    with socket.create_server(("127.0.0.1", 0)) as listener:
        partner = asyncio.create_task(asyncio.to_thread(refuse_one, listener, asking))
        origin = HttpOrigin("https", *listener.getsockname())
        sender = world.sender(tls=load_tls(TlsFiles(files.ca)).context)
        failure = await sender.lane().send(Request(origin, "/p"))
        await partner
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.TLS
    assert "alert handshake failure" in failure.error


def refuse_one(listener: socket.socket, asking: ssl.SSLContext) -> None:
    """Shake hands with one client that shows no certificate."""
    client, _ = listener.accept()
    with client, pytest.raises(ssl.SSLError):
        asking.wrap_socket(client, server_side=True)


@pytest.mark.parametrize("transport", ["session"])
async def test_through_a_proxy(world: World, files: ClientFiles, authority: trustme.CA) -> None:
    """Through a proxy's tunnel the partner sees the same certificate, and is believed by the same file."""
    partner = await world.partner(always(OK), tls=server_tls(authority, authority))

    async def tunnel(visit: Visit) -> None:
        await visit.request()
        reader, writer = await asyncio.open_connection("127.0.0.1", partner.origin.port)
        await visit.send(b"HTTP/1.1 200 Connected\r\n\r\n")
        await visit.join(reader, writer)

    proxy = await world.partner(tunnel, scheme="http")
    tls = load_tls(TlsFiles(files.ca, files.cert, files.key))
    sender = world.sender(tls=tls.context, proxy=f"http://127.0.0.1:{proxy.origin.port}")
    assert await send(sender, partner) == Response(200)
    assert proxy.requests[0].startswith(b"CONNECT 127.0.0.1:")
    files.trust(trustme.CA())
    sender = world.sender(
        tls=load_tls(TlsFiles(files.ca)).context, proxy=f"http://127.0.0.1:{proxy.origin.port}"
    )
    assert verdict(await send(sender, partner)) is FailureKind.TLS
