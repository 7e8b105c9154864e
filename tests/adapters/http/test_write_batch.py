"""The way out: what a socket does not take at once still leaves, once and in order."""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import socket
from collections.abc import AsyncIterator

import pytest

from worker.adapters.http.batching_transport import BatchingTransport
from worker.adapters.http.write_batch import TOGETHER_REQUESTS, SocketWriter, WriteBatch, _unread

MUCH = os.urandom(4 * 1024 * 1024)


class Reader(asyncio.Protocol):
    """Keeps what comes."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


class Ends:
    """A connected pair: our transport, and the partner's end of it, which reads when it is told to."""

    def __init__(self, transport: asyncio.Transport, reader: Reader, partner: socket.socket) -> None:
        self.reader = reader
        self.transport = transport
        self.partner = partner
        self.writer = SocketWriter(transport)

    def write(self, data: bytes) -> None:
        """Write now."""
        self.writer.unsent = data
        self.writer.flush()

    async def read(self, count: int) -> bytes:
        """Read so many bytes at the partner's end."""
        got = bytearray()
        while len(got) < count:
            got += await asyncio.get_running_loop().sock_recv(self.partner, count - len(got))
        return bytes(got)


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    """A pair whose ends are closed after the test."""
    ours, partner = socket.socketpair()
    partner.setblocking(False)
    transport, reader = await asyncio.get_running_loop().create_connection(Reader, sock=ours)
    yield Ends(transport, reader, partner)
    transport.abort()
    partner.close()
    await asyncio.sleep(0)


async def test_a_request_leaves_at_the_end_of_the_turn(ends: Ends) -> None:
    """It is written after what else this turn does, and no later."""
    write_batch = WriteBatch()
    write_batch.put(ends.writer, b"GET")
    with pytest.raises(BlockingIOError):
        ends.partner.recv(3)
    await asyncio.sleep(0)
    assert ends.partner.recv(3) == b"GET"


async def test_many_do_not_wait_for_the_last(ends: Ends) -> None:
    """Once there are enough of them, they are written before the turn ends; the rest follows at its end."""
    write_batch = WriteBatch()
    for _ in range(TOGETHER_REQUESTS + 1):
        write_batch.put(ends.writer, b"GET")
    assert ends.partner.recv(100) == b"GET"
    assert ends.writer.unsent == b"GET"
    await asyncio.sleep(0)
    assert ends.partner.recv(100) == b"GET"


async def test_pieces_leave_as_one(ends: Ends) -> None:
    """A head and its body, written as pieces, leave in one write, at the end of the turn."""
    batching = BatchingTransport(ends.transport, WriteBatch())
    batching.expect()
    batching.writelines([b"head", b"body"])
    waited = [batching.waits]
    await asyncio.sleep(0)
    assert [*waited, batching.waits] == [True, False]
    assert ends.partner.recv(9) == b"headbody"


async def test_pieces_one_after_another(ends: Ends) -> None:
    """What is written while something still waits leaves behind it."""
    batching = BatchingTransport(ends.transport, WriteBatch())
    batching.expect()
    batching.write(b"head")
    batching.write(b"body")
    await asyncio.sleep(0)
    assert ends.partner.recv(9) == b"headbody"


async def test_more_than_the_socket_takes(ends: Ends) -> None:
    """What does not fit leaves as soon as there is room, and what is written after it follows it."""
    ends.write(MUCH)
    first = ends.partner.recv(len(MUCH))  # makes room before the transport knows of it
    assert len(first) < len(MUCH)
    ends.write(b"next")
    rest = len(MUCH) - len(first)
    assert first + await ends.read(rest + 4) == MUCH + b"next"


async def test_a_partner_that_is_gone(ends: Ends) -> None:
    """A write to a partner that is gone raises nothing: the transport hears of it and ends."""
    ends.partner.close()
    while not ends.transport.is_closing():
        ends.write(b"GET")
        await asyncio.sleep(0)


async def test_a_closed_transport(ends: Ends) -> None:
    """Nothing is written once the transport is closed: its socket's number may be another's."""
    write_batch = WriteBatch()
    write_batch.put(ends.writer, b"GET")
    ends.transport.abort()
    assert await asyncio.get_running_loop().sock_recv(ends.partner, 3) == b""


async def test_a_partner_that_is_gone_at_the_write(ends: Ends) -> None:
    """Where the socket takes nothing of a request, for it is lost, all of the request still waits."""
    ends.partner.close()
    ends.write(b"GET")
    assert ends.writer.unsent == b"GET"
    assert ends.transport.is_closing()


async def test_what_lies_there_is_read_first(ends: Ends) -> None:
    """A request does not leave while something waits to be read on its connection."""
    read = ends.reader.received
    write_batch = WriteBatch()
    write_batch.put(ends.writer, b"GET")
    ends.partner.send(b"unasked")
    while not read:
        assert ends.writer.unsent == b"GET"
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (bytes(read), ends.partner.recv(3)) == (b"unasked", b"GET")


async def test_the_end_is_read_first(ends: Ends) -> None:
    """A request whose connection the partner has ended never leaves, and can be taken back, once."""
    write_batch = WriteBatch()
    write_batch.put(ends.writer, b"GET")
    ends.partner.shutdown(socket.SHUT_WR)
    await ends.reader.ended.wait()
    assert (ends.writer.recall(), ends.writer.recall()) == (True, False)
    assert await asyncio.get_running_loop().sock_recv(ends.partner, 3) == b""


async def test_what_lies_on_a_high_descriptor(ends: Ends) -> None:
    """It is seen on any descriptor, however many are open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    high = fcntl.fcntl(ends.writer.socket, fcntl.F_DUPFD, 2000)
    try:
        ends.writer.socket = high
        ends.writer.unsent = b"GET"
        assert not _unread([ends.writer])
        ends.partner.send(b"unasked")
        assert set(_unread([ends.writer])) == {high}
    finally:
        os.close(high)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
