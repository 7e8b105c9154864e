"""Both transports judge the same bytes the same, wherever they are cut, and never hang or leak."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
import uvloop
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.adapters.http.world import verdict
from tests.support.partner import Partner, Visit, turns
from worker.adapters.http import SenderOptions, make_sender
from worker.core.answer import FailureKind, Request

Loop = Callable[[], asyncio.AbstractEventLoop]

STATUS_LINES = st.sampled_from(
    b"HTTP/1.1 200 OK|HTTP/1.0 200 OK|HTTP/1.1 204|HTTP/1.1 304 Not|HTTP/1.1 500|HTTP/1.1 000 Nil|200|"
    b"HTTP/1.1 100 Go|HTTP/1.1 103 Early|HTTP/1.1 101 Sw|HTTP/2.0 200 OK|HTTP/1.1 2000 OK|ICY 200 OK".split(
        b"|"
    )
)
FIELDS = st.lists(
    st.sampled_from(
        b"Content-Length: 0|Content-Length: 3|Content-Length: -1|Transfer-Encoding: chunked|Retry-After: 3|"
        b"Connection: close|Connection: keep-alive|Connection: upgrade|Upgrade: h2c|Content-Encoding: gzip|"
        b"X: y|X:| folded|nonsense|X: \xff|\xff: x|X : y|X: \x00|X: \x01|X: a\rb".split(b"|")
    ),
    max_size=4,
)
ENDS = st.sampled_from([b"\r\n"] * 6 + [b"\n", b"\r"])
BODIES = st.sampled_from(
    [b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"zz\r\n", b"ffffffffffffffffff\r\n", b"\r\n\r\n"]
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Something like an answer."""
    end = draw(ENDS)
    lines = [draw(STATUS_LINES), *draw(FIELDS)]
    return b"".join(line + end for line in lines) + end + draw(BODIES)


STREAMS = st.lists(answers(), min_size=1, max_size=3).map(b"".join) | st.binary(max_size=40)


async def judge(stream: bytes, cuts: list[int]) -> list[int | FailureKind]:
    """Let each transport get the stream, cut so and then ended, and return the verdicts."""
    edges = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]

    async def script(visit: Visit) -> None:
        await visit.request()
        for start, end in pairwise(edges):
            await visit.send(stream[start:end])
        await visit.close()

    before = asyncio.all_tasks()
    verdicts = []
    async with Partner(script) as partner:
        for transport in ("direct", "session"):
            sender = make_sender(transport, SenderOptions(timeout=20.0, allow_private=True))
            verdicts.append(verdict(await sender.lane().send(Request(partner.origin, "/p"))))
            await sender.close()
            await partner.emptied()
        assert len(partner.requests) == 2
    await turns()
    assert asyncio.all_tasks() == before
    return verdicts


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@settings(max_examples=300)
@given(stream=STREAMS, cuts=st.lists(st.integers(0, 1000), max_size=6))
@example(stream=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", cuts=[])
@example(stream=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", cuts=[46])
def test_same_verdict(loop: Loop, stream: bytes, cuts: list[int]) -> None:
    """Whatever a partner sends and however it arrives, both transports come to one verdict."""
    with asyncio.Runner(loop_factory=loop) as runner:
        direct, session = runner.run(judge(stream, cuts))
    assert direct == session


ANSWER = b"HTTP/1.1 103 Hi\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nzz\r\n"


def test_cut_at_every_place() -> None:
    """One answer, cut in two at every place, is judged the same each time."""
    with asyncio.Runner() as runner:
        verdicts = [runner.run(judge(ANSWER, [cut])) for cut in range(len(ANSWER))]
    assert verdicts == [[200, 200]] * len(ANSWER)
