"""Whatever else a whole head says, its status line decides; only the connection may be the worse for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.adapters.http.world import PATIENT, SHORT, World, send, verdict
from tests.support.partner import Visit, always, then_close, then_hang
from worker.core.answer import Answer, FailureKind, Request, Response

LONGEST = 40_000

ODD = {
    "the same length twice": b"Content-Length: 2\r\nContent-Length: 2",
    "different lengths": b"Content-Length: 2\r\nContent-Length: 3",
    "a list of the same length": b"Content-Length: 2, 2",
    "a list of lengths": b"Content-Length: 2, 3",
    "a length that is no number": b"Content-Length: x",
    "a negative length": b"Content-Length: -1",
    "a length with a sign": b"Content-Length: +2",
    "a length in hexadecimal": b"Content-Length: 0x2",
    "a length that overflows": b"Content-Length: 99999999999999999999999",
    "a length that is a fraction": b"Content-Length: 2.0",
    "an empty length": b"Content-Length:",
    "a length in two parts": b"Content-Length: 1 2",
    "a length in other digits": "Content-Length: \u0662".encode(),
    "chunked and a length": b"Transfer-Encoding: chunked\r\nContent-Length: 2",
    "a length and chunked": b"Content-Length: 2\r\nTransfer-Encoding: chunked",
    "an unknown encoding": b"Transfer-Encoding: chunke",
    "chunked twice": b"Transfer-Encoding: chunked, chunked",
    "chunked in two headers": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "gzip as the transfer": b"Transfer-Encoding: gzip",
    "chunked, but not at the end": b"Transfer-Encoding: chunked, gzip",
    "identity": b"Transfer-Encoding: identity",
    "chunked with a parameter": b"Transfer-Encoding: chunked;q=1",
    "chunked after a control character": b"Transfer-Encoding: \x0bchunked",
    "an empty encoding": b"Transfer-Encoding:",
    "a space in a name": b"X Y: z",
    "a space before the colon": b"X : y",
    "a length with a space before the colon": b"Content-Length : 2",
    "a tab before the colon": b"X\t: y",
    "no colon": b"nonsense",
    "no name": b": x",
    "a colon alone": b":",
    "a name that is no token": b"X(Y): z",
    "a name that is not ASCII": b"\xff: x",
    "NUL in a name": b"X\x00: y",
    "NUL in a value": b"X: \x00",
    "a control character": b"X: \x01",
    "DEL": b"X: \x7f",
    "a value that is not UTF-8": b"X: \xff\xfe",
    "a bare CR in a value": b"X: a\rb",
    "a bare CR in a name": b"X\rY: z",
    "a bare CR before a length": b"X: y\rContent-Length: 2",
    "a line that ends twice": b"X: y\r",
    "a bare LF": b"X: y\nZ: z",
    "a folded value": b"X: y\r\n z",
    "a folded length": b"Content-Length:\r\n 2",
    "a line of spaces": b"X: y\r\n  ",
    "a fold before any header": b" X: y",
    "a long value": b"X: " + b"y" * LONGEST,
    "many headers": b"\r\n".join(b"X-%d: y" % number for number in range(2000)),
    "the same header over and over": b"\r\n".join([b"Content-Type: a/b"] * 1000),
    "contradicting wishes": b"Connection: close, keep-alive\r\nConnection: keep-alive",
    "an upgrade that nobody asked for": b"Connection: upgrade\r\nUpgrade: h2c",
    "an unknown coding": b"Content-Encoding: \x00",
}

STATUS_LINES = {
    "HTTP/0.9": b"HTTP/0.9 200 OK",
    "HTTP/1.2": b"HTTP/1.2 200 OK",
    "HTTP/2.0": b"HTTP/2.0 200 OK",
    "no reason": b"HTTP/1.1 200",
    "an empty reason": b"HTTP/1.1 200 ",
    "a reason with control characters": b"HTTP/1.1 200 O\x00K\x01\x7f",
    "a reason with a bare CR": b"HTTP/1.1 200 OK\rX: y",
    "a reason that is not UTF-8": b"HTTP/1.1 200 \xff",
    "a long reason": b"HTTP/1.1 200 " + b"x" * LONGEST,
    "empty lines first": b"\r\n\r\n\nHTTP/1.1 200 OK",
    "an odd interim answer": b"HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK",
    "a chunked interim answer": b"HTTP/1.1 100 Go\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK",
    "an interim answer without colons": b"HTTP/1.0 102\nnonsense\n\nHTTP/1.1 200 OK",
}

NONE = {
    "two digits": b"HTTP/1.1 20 OK",
    "four digits": b"HTTP/1.1 2000 OK",
    "a status below all": b"HTTP/1.1 099 Odd",
    "a status that is no number": b"HTTP/1.1 2x0 OK",
    "no space after the status": b"HTTP/1.1 200OK",
    "two spaces": b"HTTP/1.1  200 OK",
    "a tab": b"HTTP/1.1\t200 OK",
    "lower case": b"http/1.1 200 OK",
    "a space first": b" HTTP/1.1 200 OK",
    "NUL first": b"\x00HTTP/1.1 200 OK",
    "no version": b"HTTP 200 OK",
    "half a version": b"HTTP/2 200 OK",
    "a version of three": b"HTTP/1.1.1 200 OK",
    "another protocol": b"ICY 200 OK",
    "a header first": b"X: y\r\nHTTP/1.1 200 OK",
    "a body of an interim answer": b"HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK",
}


async def answers_to(world: World, answers: Mapping[str, bytes]) -> dict[str, Answer]:
    """Let a partner give each of these answers once, and return what the sender makes of them."""
    given = list(answers.values())

    async def script(visit: Visit) -> None:
        number = int((await visit.request()).split(b" ")[1].removeprefix(b"/"))
        await visit.send(given[number])
        await visit.gone()

    partner = await world.partner(script)
    sender = world.sender()
    sends = [send(sender, partner, f"/{number}") for number in range(len(given))]
    found = await asyncio.gather(*sends)
    assert len(partner.requests) == len(given)
    return dict(zip(answers, found, strict=True))


async def test_odd_framing(world: World) -> None:
    """However odd the headers of a whole head are, the status counts, and so does a Retry-After."""
    end = b"\r\nRetry-After: 7\r\n\r\nok"
    found = await answers_to(
        world, {says: b"HTTP/1.1 200 OK\r\n" + fields + end for says, fields in ODD.items()}
    )
    assert found == dict.fromkeys(ODD, Response(200, "7"))


async def test_odd_status_line(world: World) -> None:
    """A status line counts in any version and with any reason, after whatever interim answers."""
    end = b"\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    found = await answers_to(world, {says: line + end for says, line in STATUS_LINES.items()})
    assert found == dict.fromkeys(STATUS_LINES, Response(200, "7"))


async def test_no_status_line(world: World) -> None:
    """What is no status line is no answer, whatever it looks like."""
    found = await answers_to(
        world, {says: line + b"\r\nContent-Length: 0\r\n\r\n" for says, line in NONE.items()}
    )
    assert {says: verdict(answer) for says, answer in found.items()} == dict.fromkeys(
        NONE, FailureKind.PROTOCOL
    )


@pytest.mark.parametrize("start", [b"nonsense", b"HTTP/1.1 x", b"\x00"])
async def test_start_of_no_status_line(world: World, start: bytes) -> None:
    """What can't become a status line is not waited for."""
    partner = await world.partner(then_hang(start))
    assert verdict(await send(world.sender(), partner)) == FailureKind.PROTOCOL


async def test_odd_head_that_hangs(world: World) -> None:
    """A head that is odd and not whole decides nothing: it is a timeout like any other."""
    partner = await world.partner(then_hang(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n"))
    assert verdict(await send(world.sender(timeout=SHORT), partner)) == FailureKind.TIMEOUT


async def test_odd_head_that_ends(world: World) -> None:
    """A head that is odd and cut short is a failure of the connection."""
    partner = await world.partner(then_close(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n"))
    assert verdict(await send(world.sender(), partner)) == FailureKind.CONNECTION


@pytest.mark.parametrize(
    "fields",
    [ODD["the same length twice"], ODD["chunked and a length"], ODD["a space in a name"]],
)
async def test_odd_framing_costs_the_connection(world: World, fields: bytes) -> None:
    """A connection whose answer was oddly framed is not used again."""
    head = b"HTTP/1.1 200 OK\r\n" + fields + b"\r\nContent-Type: x\r\n\r\n"
    partner = await world.partner(always(head + b"0\r\n\r\n" if b"chunked" in fields else head + b"ok"))
    lane = world.sender().lane()
    for _ in range(3):
        assert await lane.send(Request(partner.origin, "/p")) == Response(200)
    assert (partner.connections, len(partner.requests)) == (3, 3)


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize(
    ("tells", "body"),
    [
        (b"Content-Length: 5", b"hello"),
        (b"content-length: 05\r\nX: y", b"hello"),
        (b"Transfer-Encoding: chunked", b"0\r\n\r\n"),
        (b"Content-Length: 0\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("reads", [frozenset(), None])
async def test_body_that_can_not_be(
    world: World, status: int, tells: bytes, body: bytes, reads: frozenset[int] | None
) -> None:
    """A body that comes late, after a status that has none, is not taken for the next answer."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(b"HTTP/1.1 %d Said\r\n%s\r\n\r\n" % (status, tells))
            await asyncio.sleep(0.005)
            await visit.send(body)

    partner = await world.partner(script)
    lane = world.sender(read_statuses=reads).lane()
    found = [await lane.send(Request(partner.origin, "/p")) for _ in range(3)]
    assert found == [Response(status)] * 3
    assert (partner.connections, len(partner.requests)) == (3, 3)


@pytest.mark.parametrize("tells", [b"X: y", b"Content-Length: 0", b"content-length: 00"])
async def test_no_body_where_none_can_be(world: World, tells: bytes) -> None:
    """A connection is kept after a status that has no body, if the head tells of none."""
    partner = await world.partner(always(b"HTTP/1.1 204 No Content\r\n" + tells + b"\r\n\r\n"))
    lane = world.sender().lane()
    for _ in range(3):
        assert await lane.send(Request(partner.origin, "/p")) == Response(204)
    assert partner.connections == 1


async def test_retry_after_in_the_body(world: World) -> None:
    """What looks like a Retry-After in the body is none, also after a head whose lines end with LF alone."""
    body = b"\nRetry-After: 9\r\n\r\n"
    head = b"HTTP/1.1 503 No\nContent-Length: %d\n\n" % len(body)
    partner = await world.partner(always(head + body))
    assert await send(world.sender(), partner) == Response(503)


async def test_odd_retry_after(world: World) -> None:
    """A Retry-After counts where it can be read, however it is written; of several the first."""
    names = (b"Retry-After:", b"retry-after :", b"RETRY-AFTER\t:")
    values = (b"\r\n 7", b"\t7 \t", b"7\r\nRetry-After: 9")
    fields = [name + value for name in names for value in values]
    heads = {repr(field): b"HTTP/1.1 503 No\r\nX: y\r\n" + field + b"\r\n\r\n" for field in fields}
    assert await answers_to(world, heads) == dict.fromkeys(heads, Response(503, "7"))


async def test_unreadable_retry_after(world: World) -> None:
    """A Retry-After with control characters means nothing."""
    values = (b"7\x00", b"7\r8", b"\x017")
    heads = {repr(value): b"HTTP/1.1 503 No\r\nRetry-After: " + value + b"\r\n\r\n" for value in values}
    assert await answers_to(world, heads) == dict.fromkeys(heads, Response(503))


BODIES = {
    "the same length twice": b"ok",
    "different lengths": b"ok",
    "a length that is no number": b"ok",
    "chunked and a length": b"2\r\nok\r\n0\r\n\r\n",
    "a length and chunked": b"2\r\nok\r\n0\r\n\r\n",
    "chunked in two headers": b"2\r\nok\r\n0\r\n\r\n",
    "an unknown encoding": b"ok",
    "a space in a name": b"ok",
    "NUL in a value": b"ok",
    "no colon": b"ok",
    "a folded length": b"ok",
}


@pytest.mark.parametrize("reads", [{"read_statuses": None}, {"refusals": frozenset({200})}])
async def test_body_after_an_odd_head(world: World, reads: dict[str, frozenset[int] | None]) -> None:
    """What can be read of a body is read, also where the head before it is odd."""
    waiting = list(BODIES)
    found = {}

    async def script(visit: Visit) -> None:
        await visit.request()
        says = waiting.pop(0)
        await visit.send(b"HTTP/1.1 200 OK\r\n" + ODD[says] + b"\r\n\r\n")
        await visit.send(BODIES[says][:1])
        await visit.send(BODIES[says][1:])
        await visit.close()

    partner = await world.partner(script)
    sender = world.sender(drain_seconds=PATIENT, **reads)
    for says in BODIES:
        found[says] = await send(sender, partner)
    assert found == dict.fromkeys(BODIES, Response(200, body=b"ok"))


async def test_body_that_ends_where_an_odd_head_says(world: World) -> None:
    """A body is not waited for beyond the length that an odd head agrees with itself on."""
    head = b"HTTP/1.1 200 OK\r\n" + ODD["the same length twice"] + b"\r\n\r\n"
    partner = await world.partner(then_hang(head + b"ok"))
    sender = world.sender(read_statuses=None, timeout=1000.0, drain_seconds=1000.0)
    assert await send(sender, partner) == Response(200, body=b"ok")
