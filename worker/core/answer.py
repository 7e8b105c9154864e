"""What one attempt came to: an answer whose head was read, or a failure with its kind.

The rule: only a head that parsed has a status; everything else is a failure and never a success.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class FailureKind(StrEnum):
    """Why no answer was had. The first four are the retry reasons of the contract."""

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


class Origin(NamedTuple):
    """Where requests go: scheme, host and port, fixed by the settings and never by event data."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return f"{self.scheme}://{host}" + ("" if self.port == default else f":{self.port}")


class Content(NamedTuple):
    """What a request has beside its target: a method, headers that go with this event, a body."""

    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    """Instead of those of the same name that all requests have."""
    body: bytes | None = None


class Request(NamedTuple):
    """One request: an origin of the settings, and the path and query in printable ASCII, encoded once.

    Most are a GET with the headers that all have: then there is no `content`.
    """

    origin: Origin
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
        """The headers that go with this event."""
        return () if self.content is None else self.content.headers

    @property
    def body(self) -> bytes | None:
        """The body; None where there is none."""
        return None if self.content is None else self.content.body
