"""What aiohttp, asyncio and ssl raise, renamed to the kinds of failure that the worker knows.

The rule: an error line never quotes a URL, a header or bytes that the partner sent; only fixed words and what
the operating system or the TLS library said.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from worker.adapters.process.descriptors import are_short, shortage
from worker.core.answer import Failure, FailureKind

EXPECTED = (aiohttp.ClientError, OSError, RuntimeError, UnicodeError)
"""What an attempt may raise because of the world outside (TimeoutError is an OSError).

uvloop raises RuntimeError for some failed connects, and aiohttp for a closed session.
"""

ERROR_LIMIT_CHARACTERS = 300
"""Characters of an error line."""

TIMED_OUT = Failure(FailureKind.TIMEOUT, "no answer in time")
NOT_CONNECTED = Failure(FailureKind.TIMEOUT, "no connection in time")
NOT_RESOLVED = Failure(FailureKind.TIMEOUT, "the host did not resolve in time")
CLOSED_EARLY = Failure(FailureKind.CONNECTION, "the connection was closed before an answer")
NOT_HTTP = Failure(FailureKind.PROTOCOL, "the answer is not HTTP")
HEAD_TOO_LARGE = Failure(FailureKind.PROTOCOL, "the head of the answer is too large")
SENDER_CLOSED = Failure(FailureKind.CONNECTION, "the sender is closed")
LOGIN_WANTED = Failure(FailureKind.CONNECTION, "the proxy refused to connect: HTTP 407")
UNASKED = Failure(FailureKind.PROTOCOL, "the partner sent something before it was asked")


_NO_REASON = "Connect call failed"
"""What asyncio and uvloop say, with the address, in place of the system's text."""


class NotResent(aiohttp.ClientConnectionError):
    """Replaces an error after which aiohttp would send a second time; that error is its cause."""


class NamedFailure(aiohttp.ClientError):
    """Carries a failure that has its name already through aiohttp."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error)
        self.failure = failure


# The first row that matches counts. If the words end in a colon, the system's own text follows.
_ROWS: list[tuple[type[BaseException] | tuple[type[BaseException], ...], FailureKind, str]] = [
    (aiohttp.ClientConnectorCertificateError, FailureKind.TLS, "certificate refused:"),
    (aiohttp.ClientConnectorSSLError, FailureKind.TLS, "TLS failed:"),
    ((ssl.SSLEOFError, ssl.SSLZeroReturnError), CLOSED_EARLY.kind, CLOSED_EARLY.error),  # no close_notify
    (ssl.SSLError, FailureKind.TLS, "TLS failed:"),
    (aiohttp.ClientConnectorDNSError, FailureKind.CONNECTION, "the host does not resolve:"),
    (aiohttp.ClientProxyConnectionError, FailureKind.CONNECTION, "the proxy can't be reached:"),
    (aiohttp.ClientConnectorError, FailureKind.CONNECTION, "can't connect:"),
    (aiohttp.ConnectionTimeoutError, NOT_CONNECTED.kind, NOT_CONNECTED.error),
    (TimeoutError, TIMED_OUT.kind, TIMED_OUT.error),
    (aiohttp.ClientHttpProxyError, FailureKind.CONNECTION, "the proxy refused to connect:"),
    ((aiohttp.ClientResponseError, HttpProcessingError), NOT_HTTP.kind, NOT_HTTP.error),
    (aiohttp.ServerDisconnectedError, CLOSED_EARLY.kind, CLOSED_EARLY.error),
    ((aiohttp.InvalidURL, UnicodeError), FailureKind.CONNECTION, "the host is neither a name nor an address"),
    (OSError, FailureKind.CONNECTION, "the connection was lost:"),
    (BaseException, FailureKind.CONNECTION, "the connection failed"),
]


def failure_of(error: BaseException, refusals: Sequence[Failure] = ()) -> Failure:
    """Name what an attempt raised (one of EXPECTED); `refusals` tell of sockets refused while connecting.

    If every address failed and one of them was refused its socket, that refusal is the failure.
    """
    root = _root(error)
    if isinstance(root, NamedFailure):
        return root.failure
    if refusals and isinstance(root, aiohttp.ClientConnectorError) and not isinstance(root, ssl.SSLError):
        return refusals[0]
    if isinstance(root, aiohttp.ClientConnectorDNSError) and are_short():
        return Failure(FailureKind.DESCRIPTORS, shortage())
    kind, words = next((kind, words) for types, kind, words in _ROWS if isinstance(root, types))
    return Failure(kind, f"{words} {_said(root)}"[:ERROR_LIMIT_CHARACTERS] if words.endswith(":") else words)


def lost(error: BaseException | None) -> Failure:
    """Name why a connection ended before an answer: `error` is what asyncio reports, None for a plain end."""
    return CLOSED_EARLY if error is None else failure_of(error)


def _root(error: BaseException) -> BaseException:
    """The error behind one that replaces it: ours, or the OSError that aiohttp makes of a TLS error."""
    cause = error.__cause__
    if cause is not None and isinstance(error, NotResent):
        return _root(cause)
    plain = isinstance(error, OSError) and not isinstance(error, aiohttp.ClientConnectorError)
    return cause if plain and isinstance(cause, ssl.SSLError) else error


def _said(error: BaseException) -> str:
    """The system's text as one line; only the status of a proxy's refusal, whose text holds the URL."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"HTTP {error.status}"
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    said = (inner.strerror if isinstance(inner, OSError) else None) or str(inner) or type(inner).__name__
    if isinstance(inner, OSError) and inner.errno and said.startswith(_NO_REASON):
        said = os.strerror(inner.errno) + said.removeprefix(_NO_REASON)
    return " ".join(said.split())
