"""The parts of the transports that decide on their own: versions, pauses, deadlines, errors, the parser."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time

import aiohttp
import pytest

from tests.runner.harness import until
from worker.adapters.http import SenderOptions, UnprovenLibrary, check_libraries, make_sender
from worker.adapters.http.direct import pause_after
from worker.adapters.http.errors import CLOSED_EARLY, NotResent, failure_of, lost
from worker.adapters.http.head import HeadReader
from worker.adapters.http.options import HEAD_LIMIT_BYTES
from worker.adapters.http.parser import NO_HEAD, AnswerParser, HeadTooLarge, NotHttp
from worker.adapters.http.sweeper import PATIENCE_SECONDS, STILL_SECONDS, Sweeper
from worker.core.answer import Failure, FailureKind


def test_libraries() -> None:
    """The libraries that are installed are proven ones."""
    check_libraries()


@pytest.mark.parametrize(
    "installed",
    [
        {"aiohttp": "3.15.0", "httptools": "0.9.0"},
        {"aiohttp": "3.13.9", "httptools": "0.9.0"},
        {"aiohttp": "4.14.0", "httptools": "0.9.0"},
        {"aiohttp": "3.14.5", "httptools": "0.10.0"},
        {"aiohttp": "3.14.5", "httptools": "1.9.0"},
    ],
)
def test_unproven_library(installed: dict[str, str]) -> None:
    """Another minor version is refused, with what would be right."""
    with pytest.raises(UnprovenLibrary, match=r"POSTBACK_DESTINATION__TRANSPORT=session"):
        check_libraries(installed)


@pytest.mark.parametrize("version", ["3.14.0", "3.14.99", "3.14.6rc1"])
def test_proven_minor(version: str) -> None:
    """Any patch of a proven minor version will do."""
    check_libraries({"aiohttp": version, "httptools": "0.9.7"})


async def test_direct_takes_no_proxy() -> None:
    """A proxy is refused where it would be ignored."""
    with pytest.raises(ValueError, match="use the session transport"):
        make_sender("direct", SenderOptions(proxy="http://proxy.example"))


def test_pauses() -> None:
    """The first failed connects cost no pause, later ones more and more, none over a second."""
    pauses = [pause_after(failures) for failures in range(1000)]
    assert pauses[:8] == [0.0] * 8
    assert pauses == sorted(pauses)
    assert 0.0 < pauses[8] < 0.1
    assert max(pauses) == 1.0


class Mayfly:
    """Counts how often it is told to end."""

    def __init__(self, sweeper: Sweeper, deadline: float) -> None:
        self.deadline = deadline
        self.expired = asyncio.Event()
        self.closed = False
        self._sweeper = sweeper
        sweeper.watch(self)

    def expire(self) -> None:
        self.expired.set()
        self._sweeper.forget(self)

    def close(self) -> None:
        self.closed = True
        self._sweeper.forget(self)


async def test_sweeper() -> None:
    """What is over its time is ended, what is not is left alone."""
    sweeper = Sweeper()
    late, young = Mayfly(sweeper, 0.0), Mayfly(sweeper, float("inf"))
    await late.expired.wait()
    assert not young.expired.is_set()
    young.deadline = 0.0
    await young.expired.wait()
    assert not late.closed


class LateClock:
    """A clock that a test sets; it notes how often it was looked at."""

    def __init__(self) -> None:
        self.now, self.looks = 0.0, 0

    def __call__(self) -> float:
        self.looks += 1
        return self.now

    async def looked_at(self, times: int) -> None:
        """Wait until it was looked at so many times more."""
        wanted = self.looks + times
        await until("it was looked at", lambda: self.looks >= wanted)


async def test_after_a_standstill(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was over its time when the loop went on has a moment more, once: standstills do not add up."""
    clock = LateClock()
    monkeypatch.setattr("worker.adapters.http.sweeper.monotonic", clock)
    sweeper = Sweeper()
    fly = Mayfly(sweeper, 1.0)
    clock.now = 5.0
    await clock.looked_at(4)
    clock.now = 5.0 + PATIENCE_SECONDS - 0.1
    await clock.looked_at(4)
    assert not fly.expired.is_set()
    clock.now += STILL_SECONDS
    await fly.expired.wait()


async def test_one_that_begins_anew_is_not_ended() -> None:
    """What the end of another gives something new to do, within the same look, has its time for that."""
    sweeper, one_has_ended = Sweeper(), asyncio.Event()

    class Busy(Mayfly):
        def expire(self) -> None:
            super().expire()
            one_has_ended.set()
            for other in sweeper.watched:
                other.deadline = float("inf")

    flies = [Busy(sweeper, 0.0) for _ in range(2)]
    await one_has_ended.wait()
    assert [fly.expired.is_set() for fly in flies].count(True) == 1
    sweeper.close_all()


async def test_sweeper_closes_all() -> None:
    """Everything that is watched can be closed at once, whatever its deadline."""
    sweeper = Sweeper()
    flies = [Mayfly(sweeper, float("inf")) for _ in range(3)]
    sweeper.close_all()
    assert all(fly.closed for fly in flies)


KEY = aiohttp.client_reqrep.ConnectionKey("secret.example", 443, True, True, None, None, None)
REFUSED = aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "Connection refused"))
UNHEARD = aiohttp.ClientConnectorError(KEY, OSError(111, "Connect call failed ('192.0.2.1', 443)"))
CERTIFICATE = aiohttp.ClientConnectorCertificateError(
    KEY, ssl.SSLCertVerificationError(1, "bad\ncertificate")
)
ALERT = aiohttp.ClientOSError(1, "[SSL] alert")
ALERT.__cause__ = ssl.SSLError(1, "[SSL] alert")
RENAMED = NotResent()
RENAMED.__cause__ = aiohttp.ServerDisconnectedError()


@pytest.mark.parametrize(
    ("error", "kind", "line"),
    [
        (REFUSED, FailureKind.CONNECTION, "can't connect: Connection refused"),
        (UNHEARD, FailureKind.CONNECTION, "can't connect: Connection refused ('192.0.2.1', 443)"),
        (CERTIFICATE, FailureKind.TLS, "certificate refused: bad certificate"),
        (ALERT, FailureKind.TLS, "TLS failed: [SSL] alert"),
        (RENAMED, *CLOSED_EARLY),
        (TimeoutError(), FailureKind.TIMEOUT, "no answer in time"),
        (
            aiohttp.InvalidURL("http://secret"),
            FailureKind.CONNECTION,
            "the host is neither a name nor an address",
        ),
        (RuntimeError("secret"), FailureKind.CONNECTION, "the connection failed"),
        (ConnectionResetError(104, "reset"), FailureKind.CONNECTION, "the connection was lost: reset"),
        (ssl.SSLEOFError(8, "EOF occurred"), *CLOSED_EARLY),
        (OSError("x" * 1000), FailureKind.CONNECTION, ("the connection was lost: " + "x" * 1000)[:300]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_failures(error: BaseException, kind: FailureKind, line: str) -> None:
    """Each error has its kind and one line of fixed words and of what the system said."""
    assert failure_of(error) == (kind, line)


def test_refusals_decide() -> None:
    """Where every address failed and one got no socket that is the failure, unless TLS was reached."""
    refusals = [Failure(FailureKind.EGRESS, "10.0.0.1 is forbidden: private")]
    assert failure_of(REFUSED, refusals) == refusals[0]
    assert failure_of(CERTIFICATE, refusals).kind is FailureKind.TLS
    assert failure_of(TimeoutError(), refusals).kind is FailureKind.TIMEOUT


def test_plain_end() -> None:
    """A connection that ends without an error was closed early."""
    assert lost(None) == CLOSED_EARLY


class TestParser:
    """The parser bounds and separates answers."""

    def test_bound(self) -> None:
        """A head is too large from the same byte on, however it is cut."""
        head = b"HTTP/1.1 200 OK\r\nX: "
        for size in (1, 7, 4096, 100_000):
            parser = AnswerParser()
            parser.feed(head)
            left = 64 * 1024 - len(head)
            while left >= size:
                parser.feed(b"x" * size)
                left -= size
            with pytest.raises(HeadTooLarge):
                parser.feed(b"x" * (left + 1))

    def test_head_stands(self) -> None:
        """A head that has parsed stands, though what follows is no HTTP."""
        parser = AnswerParser()
        with pytest.raises(NotHttp):
            parser.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert parser.take().status == 200

    def test_one_after_the_other(self) -> None:
        """The second answer inherits nothing of the first."""
        parser = AnswerParser()
        parser.feed(b"HTTP/1.1 503 No\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n")
        assert (parser.complete, parser.keep, parser.take()) == (True, True, (503, "5", b""))
        assert (parser.complete, parser.keep, parser.status) == (False, False, NO_HEAD)
        parser.feed(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert (parser.complete, parser.keep, parser.take()) == (True, False, (200, None, b""))


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nX: ", b"\r\n"])
@pytest.mark.parametrize("byte", [b"x", b"\r"])
def test_long_head_in_single_bytes(start: bytes, byte: bytes) -> None:
    """A long head that comes a byte at a time costs little: no line is read over and over."""
    reader, began = HeadReader(), time.process_time()
    with contextlib.suppress(NotHttp):
        for piece in (start, *[byte] * HEAD_LIMIT_BYTES):
            assert reader.feed(piece) is None
    assert time.process_time() - began < 5.0  # it takes 0.1 s; a status line that is matched each time, 40 s
