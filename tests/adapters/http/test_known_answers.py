"""An answer that comes once more, byte for byte, means the same, and only where the first one stood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.http.parser import KNOWN_LIMIT_BYTES, NO_HEAD, AnswerParser, BodyParser, NotHttp

KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PIECES = (
    KEPT,
    KEPT[:20],
    KEPT[20:],
    KEPT[:-2],
    b"HTTP/1.1 503 No\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n29\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + KEPT,
    b"HTTP/1.1 204 No\r\n\r\n",
    KEPT + b"\r\n",
    KEPT + KEPT,
    b"ok",
    b"\r\n",
)


class Forgetful(AnswerParser):
    """Knows no answer again."""

    def _remember(self, data: bytes) -> None: ...


def readings(parser: AnswerParser, pieces: Sequence[bytes]) -> list[object]:
    """Read pieces as a connection does, up to its end; return all that the parser says after each."""
    said: list[object] = []
    for piece in pieces:
        if (answer := parser.again(piece)) is not None:
            said += [(answer.status, True, True), answer]
            continue
        try:
            parser.feed(piece)
        except NotHttp:
            return [*said, "not HTTP", parser.status]
        said.append((parser.status, parser.complete, parser.keep))
        if parser.keep:
            said.append(parser.take())
        elif parser.complete:
            break
    return said


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_it_changes_no_reading(pieces: list[bytes]) -> None:
    """Whatever pieces come, one that knows answers again reads them as one that reads each."""
    assert readings(AnswerParser(), pieces) == readings(Forgetful(), pieces)


def test_known_again() -> None:
    """The same bytes are read once, also with a Retry-After, and what differs is read again."""
    parser = AnswerParser()
    read: list[object] = []
    feed = parser._feed

    def noted(data: Any) -> None:
        read.append(data)
        feed(data)

    parser._feed = noted
    busy = PIECES[4]
    for piece in (KEPT, KEPT, busy, busy, KEPT):
        answer = parser.again(piece)
        if answer is None:
            parser.feed(piece)
            assert (parser.complete, parser.keep) == (True, True)
            answer = parser.take()
        assert answer == ((503, "5", b"") if piece is busy else (200, None, b""))
        assert parser.status == NO_HEAD
    assert read == [KEPT, busy, KEPT]


def test_not_in_a_body() -> None:
    """Bytes that are a known answer are body where a body is."""
    parser = AnswerParser()
    parser.feed(KEPT)
    parser.take()
    parser.feed(b"HTTP/1.1 404 No\r\nContent-Length: 80\r\n\r\n")
    assert parser.again(KEPT) is None
    parser.feed(KEPT)
    assert (parser.status, parser.complete) == (404, False)


def test_bodies_are_kept() -> None:
    """Where the body is wanted each answer is read for it."""
    parser = BodyParser(lambda _: True, frozenset())
    for _ in range(3):
        assert parser.again(KEPT) is None
        parser.feed(KEPT)
        assert parser.take() == (200, None, b"ok")


def test_long_answers_are_not_held() -> None:
    """What is held of an answer for this is bounded."""
    parser = AnswerParser()
    size = KNOWN_LIMIT_BYTES
    parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (size, b"x" * size))
    assert parser.keep
    assert parser._known is None
