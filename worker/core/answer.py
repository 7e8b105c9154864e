"""The outcome of one attempt: an answer whose head was read, or a failure with its kind.

The rule: only a parsed head has a status; everything else is a failure and never a success.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class FailureKind(StrEnum):
    """Why there is no answer. The first four are retry reasons of the contract."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    TLS = "tls"
    PROTOCOL = "protocol"
    EGRESS = "egress"
    """The address is forbidden: no request was made, so no attempt is used up."""
    DESCRIPTORS = "descriptors"
    """This machine had no descriptor for a connection: no request was made either."""


class Response(NamedTuple):
    """An answer whose status line and headers parsed; `body` is at most its first 4 KiB."""

    status: int
    retry_after: str | None = None
    body: bytes = b""


class Failure(NamedTuple):
    """No answer; `error` is one readable line without secrets, URLs or click ids."""

    kind: FailureKind
    error: str


Answer = Response | Failure


class HttpOrigin(NamedTuple):
    """Where requests go: scheme, host and port, fixed by the settings and never by event data."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return f"{self.scheme}://{host}" + ("" if self.port == default else f":{self.port}")


class Content(NamedTuple):
    """What a request has besides its target: a method, this event's own headers, a body."""

    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    """They replace the common ones of the same name."""
    body: bytes | None = None


class Request(NamedTuple):
    """One request: an origin from the settings, and the path and query in printable ASCII, encoded once.

    Most are a GET with the common headers; those have no `content`.
    """

    origin: HttpOrigin
    target: str
    content: Content | None = None

    @property
    def url(self) -> str:
        """The whole URL, as it is sent."""
        return f"{self.origin}{self.target}"

    @property
    def method(self) -> str:
        """The method, in upper case."""
        return "GET" if self.content is None else self.content.method

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """This event's own headers."""
        return () if self.content is None else self.content.headers

    @property
    def body(self) -> bytes | None:
        """The body, or None."""
        return None if self.content is None else self.content.body
