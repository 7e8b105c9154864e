"""What decides an answer: the status line of a head that is whole, and nothing after it."""

from __future__ import annotations

import gzip
from typing import NamedTuple

import pytest

from tests.adapters.http.world import CHUNKED, LONG, PATIENT, SHORT, World, send, verdict
from tests.support.partner import OK, Script, Visit, always, endlessly, then_close, then_hang
from worker.core.answer import FailureKind, Request, Response

BOMB = gzip.compress(bytes(10_000_000))


class Case(NamedTuple):
    says: str
    script: Script
    verdict: int | FailureKind
    timeout: float = PATIENT


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
