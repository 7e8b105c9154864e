"""What decides an answer: the status line of a head that is whole, and nothing after it."""

from __future__ import annotations

import gzip
from typing import NamedTuple

import pytest

from tests.adapters.http.world import PATIENT, SHORT, World, send, verdict
from tests.support.partner import OK, Script, Visit, always, then_close, then_hang
from worker.core.answer import FailureKind, Request, Response

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
BOMB = gzip.compress(bytes(10_000_000))


class Case(NamedTuple):
    says: str
    script: Script
    verdict: int | FailureKind
    timeout: float = PATIENT


def endlessly(start: bytes, more: bytes) -> Script:
    """Answer with a start, and then with more of the same for as long as the visitor stays."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(start)
        while True:
            await visit.send(more)

    return script


async def closing(visit: Visit) -> None:
    """Accept and close."""
    await visit.close()


async def resetting(visit: Visit) -> None:
    """Accept and reset."""
    visit.reset()


async def resetting_later(visit: Visit) -> None:
    """Read the request and reset."""
    await visit.request()
    visit.reset()


async def banner(visit: Visit) -> None:
    """Speak first, as other protocols do."""
    await visit.send(b"220 mail.example ESMTP\r\n")
    await visit.gone()


async def dribbling(visit: Visit) -> None:
    """Send the head a byte at a time, and never the last one."""
    await visit.request()
    for byte in OK[:-1]:
        await visit.send(bytes([byte]))
    await visit.gone()


CASES = [
    Case("nothing but a head", always(OK), 200),
    Case("a body", always(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), 200),
    Case("a head in two pieces", always(OK[:20], OK[20:]), 200),
    Case("no reason phrase", always(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), 200),
    Case("lines that end with LF alone", always(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"), 200),
    Case("HTTP/1.0", then_close(b"HTTP/1.0 200 OK\r\n\r\nok"), 200),
    Case("Connection: close", then_close(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok"), 200),
    Case("a status without a body", always(b"HTTP/1.1 204 No Content\r\n\r\n"), 204),
    Case("a partial status", always(b"HTTP/1.1 206 Partial\r\nContent-Length: 0\r\n\r\n"), 206),
    Case("an unknown status", always(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), 999),
    Case("a switch of protocols", then_hang(b"HTTP/1.1 101 Switch\r\nUpgrade: h2c\r\n\r\nxx"), 101),
    Case("an interim answer first", always(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", OK), 200),
    Case("interim answers in the same piece", always(b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + OK), 200),
    Case("an interim answer alone", then_hang(b"HTTP/1.1 102 Wait\r\n\r\n"), FailureKind.TIMEOUT, SHORT),
    Case("a bad chunk", then_hang(CHUNKED, b"no size\r\n"), 200),
    Case("a bad chunk in the head's piece", then_hang(CHUNKED + b"no size\r\n"), 200),
    Case("a bad chunk, cut in the blank line", then_hang(CHUNKED[:-1], b"\nno size\r\n"), 200),
    Case("a body cut short", then_close(LONG + b"some"), 200),
    Case("a chunked body cut short", then_close(CHUNKED + b"5\r\nab"), 200),
    Case("a body that hangs", then_hang(LONG, b"some"), 200),
    Case("a body that never ends", endlessly(LONG, b"x" * 8192), 200),
    Case("chunks that never end", endlessly(CHUNKED, b"2000\r\n" + b"x" * 8192 + b"\r\n"), 200),
    Case("a body until the end", then_close(b"HTTP/1.1 200 OK\r\n\r\nwhatever"), 200),
    Case("a gzip bomb", then_close(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", BOMB), 200),
    Case("br that is none", then_close(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nnot br"), 200),
    Case("bytes after the end", then_hang(OK + b"garbage"), 200),
    Case("two answers at once", always(OK + b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), 200),
    Case(
        "a large head",
        always(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 60_000 + b"\r\nContent-Length: 0\r\n\r\n"),
        200,
    ),
    Case(
        "too large a head",
        then_hang(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"),
        FailureKind.PROTOCOL,
    ),
    Case(
        "a header line that never ends",
        endlessly(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 8192),
        FailureKind.PROTOCOL,
    ),
    Case(
        "headers that never end", endlessly(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000), FailureKind.PROTOCOL
    ),
    Case(
        "interim answers that never end",
        endlessly(b"", b"HTTP/1.1 102 W\r\n\r\n" * 500),
        FailureKind.PROTOCOL,
    ),
    Case("a head that never ends in time", dribbling, FailureKind.TIMEOUT, SHORT),
    Case("silence", then_hang(), FailureKind.TIMEOUT, SHORT),
    Case("a banner before the request", banner, FailureKind.PROTOCOL),
    Case("a banner instead of an answer", then_hang(b"220 mail.example ESMTP\r\n"), FailureKind.PROTOCOL),
    Case("a status that is no number", then_hang(b"HTTP/1.1 2OO OK\r\n\r\n"), FailureKind.PROTOCOL),
    Case("an end instead of an answer", then_close(), FailureKind.CONNECTION),
    Case("an end within the head", then_close(OK[:-1]), FailureKind.CONNECTION),
    Case("an end before the request", closing, FailureKind.CONNECTION),
    Case("a reset before the request", resetting, FailureKind.CONNECTION),
    Case("a reset after the request", resetting_later, FailureKind.CONNECTION),
]


@pytest.mark.parametrize("case", CASES, ids=[case.says for case in CASES])
async def test_the_head_decides(world: World, case: Case) -> None:
    """Whatever the partner sends, the head decides, and a send is one request at most."""
    partner = await world.partner(case.script)
    lane = world.sender(timeout=case.timeout).lane()
    for sends in (1, 2) if case.timeout is PATIENT else (1,):
        assert verdict(await lane.send(Request(partner.origin, "/p"))) == case.verdict
        assert len(partner.requests) <= sends
        assert partner.connections <= sends


@pytest.mark.parametrize("end", [5, 12, 17, len(OK) - 1])
async def test_head_cut_short(world: World, end: int) -> None:
    """A head that ends early is a failure of the connection, wherever it ends."""
    partner = await world.partner(then_close(OK[:end]))
    assert verdict(await send(world.sender(), partner)) == FailureKind.CONNECTION


async def test_redirect_is_not_followed(world: World) -> None:
    """A redirect is an answer like any other: its target hears nothing."""
    elsewhere = await world.partner(always(OK))
    moved = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere.origin}/\r\nContent-Length: 0\r\n\r\n".encode()
    partner = await world.partner(always(moved))
    assert verdict(await send(world.sender(), partner)) == 302
    assert elsewhere.connections == 0


async def test_cookies_are_forgotten(world: World) -> None:
    """A cookie that the partner sets is not sent back."""
    partner = await world.partner(always(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"))
    lane = world.sender().lane()
    for _ in range(2):
        await lane.send(Request(partner.origin, "/p"))
    assert b"cookie" not in b"".join(partner.requests).lower()


async def test_retry_after_of_an_interim_answer(world: World) -> None:
    """A Retry-After counts only in the answer itself, and there its first value."""
    early = b"HTTP/1.1 103 Early\r\nRetry-After: 1\r\n\r\n"
    late = b"HTTP/1.1 503 No\r\nretry-after:  7 \r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"
    partner = await world.partner(always(early + late, b"x"))
    assert await send(world.sender(), partner) == Response(503, "7")


@pytest.mark.parametrize("value", ["", " ", "\xff", "9" * 65])
async def test_useless_retry_after(world: World, value: str) -> None:
    """A Retry-After that can mean nothing is none."""
    head = b"HTTP/1.1 503 No\r\nRetry-After: " + value.encode("latin-1") + b"\r\nContent-Length: 0\r\n\r\n"
    partner = await world.partner(always(head))
    assert await send(world.sender(), partner) == Response(503)


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
