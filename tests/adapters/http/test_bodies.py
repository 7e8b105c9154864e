"""How much of an answer's body is read, and how long it is waited for."""

from __future__ import annotations

import asyncio
import gzip
import time

import pytest

from tests.adapters.http.world import CHUNKED, LONG, SHORT, World, send
from tests.support.partner import Visit, always, endlessly, then_close, then_hang
from worker.adapters.http.sweeper import STILL_SECONDS, TICK_SECONDS
from worker.core.answer import Request, Response

BOMB = gzip.compress(bytes(10_000_000))


class TestReadingBodies:
    """With `read_statuses` the first 4 KiB are returned, as far as they come."""

    async def test_whole(self, world: World) -> None:
        """A body shorter than the limit is returned whole."""
        partner = await world.partner(always(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"hel", b"lo"))
        lane = world.sender(read_statuses=None).lane()
        for _ in range(2):
            assert await lane.send(Request(partner.origin, "/p")) == Response(200, body=b"hello")
        assert partner.connections == 1

    async def test_long(self, world: World) -> None:
        """Of a longer body the first 4 KiB are returned, though it never ends."""
        partner = await world.partner(endlessly(LONG, b"abcdefgh" * 1024))
        assert await send(world.sender(read_statuses=None), partner) == Response(200, body=b"abcdefgh" * 512)

    @pytest.mark.parametrize(
        ("pieces", "body"),
        [
            ((CHUNKED, b"2\r\nab\r\n", b"zz\r\n"), b"ab"),
            ((LONG, b"some"), b"some"),
            ((b"HTTP/1.1 200 OK\r\n\r\n", b"some"), b"some"),
            ((LONG,), b""),
        ],
    )
    async def test_broken_off(self, world: World, pieces: tuple[bytes, ...], body: bytes) -> None:
        """A body that breaks off is returned as far as it came."""
        partner = await world.partner(then_close(*pieces))
        assert await send(world.sender(read_statuses=None), partner) == Response(200, body=body)

    async def test_broken(self, world: World) -> None:
        """A body that is broken is not waited for, though the connection stays open."""
        partner = await world.partner(then_hang(CHUNKED, b"2\r\nab\r\n", b"zz\r\n"))
        sender = world.sender(read_statuses=None, timeout=1000.0, drain_seconds=1000.0)
        assert await send(sender, partner) == Response(200, body=b"ab")

    async def test_hanging(self, world: World) -> None:
        """A body that hangs is waited for until the timeout; then what has come is returned."""
        partner = await world.partner(then_hang(LONG, b"some"))
        assert await send(world.sender(read_statuses=None, timeout=SHORT), partner) == Response(
            200, body=b"some"
        )

    async def test_after_a_standstill(self, world: World) -> None:
        """A body whose time ran out while the process stood still has a moment more to come."""

        async def script(visit: Visit) -> None:
            await visit.request()
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nso")
            await asyncio.sleep(2 * TICK_SECONDS)
            time.sleep(SHORT + STILL_SECONDS)  # noqa: ASYNC251 - the loop stands still
            await asyncio.sleep(4 * TICK_SECONDS)  # until all that is overdue would have ended
            await visit.send(b"me")

        partner = await world.partner(script)
        sender = world.sender(read_statuses=None, timeout=SHORT, drain_seconds=SHORT)
        assert await send(sender, partner) == Response(200, body=b"some")

    async def test_only_where_it_is_wanted(self, world: World) -> None:
        """Of a status whose body is not wanted it is not returned, and not waited for."""
        partner = await world.partner(then_hang(LONG.replace(b"200", b"503"), b"some"))
        sender = world.sender(read_statuses=frozenset({200}), timeout=1000.0, drain_seconds=SHORT)
        assert await send(sender, partner) == Response(503)

    @pytest.mark.parametrize("status", [204, 205, 304])
    async def test_bodiless(self, world: World, status: int) -> None:
        """An answer that can have no body is not waited for, whatever its head says."""
        for framing in (b"", b"Content-Length: 5\r\n"):
            partner = await world.partner(then_hang(b"HTTP/1.1 %d No\r\n%s\r\n" % (status, framing)))
            sender = world.sender(read_statuses=None, timeout=1000.0, drain_seconds=SHORT)
            assert await send(sender, partner) == Response(status)

    async def test_after_an_interim_answer(self, world: World) -> None:
        """An interim answer is passed over; the body is that of the one that decides."""
        early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        partner = await world.partner(always(early, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
        assert await send(world.sender(read_statuses=None), partner) == Response(200, body=b"ok")

    async def test_compressed(self, world: World) -> None:
        """A compressed body is returned as it came."""
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(BOMB)}\r\n\r\n".encode()
        partner = await world.partner(then_close(head + BOMB))
        assert await send(world.sender(read_statuses=None), partner) == Response(200, body=BOMB[:4096])


class TestRefusals:
    """With `refusals` the beginning of their bodies is returned, and waited for no longer than before."""

    REFUSALS = frozenset({500})

    async def test_of_refusals_alone(self, world: World) -> None:
        """A refusal's body is returned, on one connection; that of another answer is not."""
        answers = [turn.replace(b"200 OK", b"500 No") for turn in (CHUNKED + b"2\r\nno\r\n0\r\n\r\n",)]
        partner = await world.partner(always(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
        refusing = await world.partner(always(*answers))
        sender = world.sender(refusals=self.REFUSALS)
        assert await send(sender, partner) == Response(200)
        lane = sender.lane()
        for _ in range(2):
            assert await lane.send(Request(refusing.origin, "/p")) == Response(500, body=b"no")
        assert refusing.connections == 1

    async def test_bounded(self, world: World) -> None:
        """Of a long body the first 2 KiB are returned, though it never ends."""
        partner = await world.partner(endlessly(LONG.replace(b"200 OK", b"500 No"), b"abcdefgh" * 1024))
        answer = await send(world.sender(refusals=self.REFUSALS), partner)
        assert answer == Response(500, body=b"abcdefgh" * 256)

    async def test_hanging(self, world: World) -> None:
        """A body that hangs is waited for no longer than for any answer; what has come is returned."""
        partner = await world.partner(then_hang(LONG.replace(b"200 OK", b"500 No"), b"some"))
        assert await send(world.sender(refusals=self.REFUSALS), partner) == Response(500, body=b"some")

    async def test_beside_bodies_that_are_read(self, world: World) -> None:
        """Where every body is read, a refusal's is no shorter than the others'."""
        body = b"x" * 4096
        partner = await world.partner(always(b"HTTP/1.1 500 No\r\nContent-Length: 4096\r\n\r\n", body))
        sender = world.sender(refusals=self.REFUSALS, read_statuses=None)
        assert await send(sender, partner) == Response(500, body=body)
