"""The options of a sender, and the bounds that both transports keep.

The rule: a header that would change how requests are framed is refused here, before anything is sent.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

from worker.core.request_headers import header_problem

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

HEAD_LIMIT_BYTES = 64 * 1024
"""Most bytes of an answer's head, with the interim (1xx) heads before it; a larger one is no answer."""

BODY_LIMIT_BYTES = 4 * 1024
"""Bytes of a body that are kept, if bodies are read."""

REFUSAL_LIMIT_BYTES = 2 * 1024
"""Bytes of a refusal's body that are kept: 512 characters of four bytes."""

ANY_STATUS = frozenset(range(100, 1000))

BODILESS = frozenset({204, 205, 304})
"""Statuses whose answers have no body, whatever their heads say."""

DRAIN_LIMIT_BYTES = 16 * 1024
"""Bytes of a body that are read to keep the connection; a longer body closes it."""

USER_AGENT = f"postback-worker/{version('postback-worker')}"

_READABLE = re.compile(rb"[\x20-\x7e]+").fullmatch
_TARGET = re.compile(r"/[!-\"$-~]*").fullmatch  # printable ASCII without space and #


@dataclass(frozen=True)
class SenderOptions:
    """How to send; secrets (header values, the proxy's password) are kept out of its repr.

    Raises ValueError, without the value, for a header that can't be sent or that the worker owns.
    """

    timeout: float = 10.0
    """Seconds for one attempt, connecting included."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Request headers added to the usual ones, or replacing them."""
    read_statuses: frozenset[int] | None = frozenset()
    """Statuses whose bodies are awaited: their first BODY_LIMIT_BYTES are returned, as far as they come
    before the timeout. None means all statuses."""
    refusals: frozenset[int] = frozenset()
    """Further statuses: the first REFUSAL_LIMIT_BYTES are returned, as far as they come without waiting."""
    allow_private: bool = False
    """Connect to any address, loopback and private ones included."""
    proxy: str | None = field(default=None, repr=False)
    """URL of an HTTP proxy; only the session transport takes one."""
    drain_seconds: float = 1.0
    """How long to wait for the rest of an answer, to keep the connection."""
    idle_seconds: float = 15.0
    """How long an unused connection is kept: shorter than at most servers, so they seldom close it first."""
    oldest_seconds: float = 300.0
    """How long a connection is used at most: by then a name that means another address is followed."""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    """How to verify the partner; None means the system's authorities."""
    resolver: AbstractResolver | None = field(default=None, repr=False)
    """What resolves names; None means the system's resolver, in a thread."""

    def __post_init__(self) -> None:
        for name, value in self.headers.items():
            problem = header_problem(name, value)
            if problem is not None:
                raise ValueError(problem)

    @property
    def reads_bodies(self) -> bool:
        """Whether any body is read."""
        return self.read_statuses is None or bool(self.read_statuses)

    def reads_body(self, status: int) -> bool:
        """Whether the body of an answer with this status is awaited and read."""
        return status not in BODILESS and (self.read_statuses is None or status in self.read_statuses)

    def request_headers(self) -> dict[str, str]:
        """All request headers but Host; given ones replace usual ones of the same name."""
        usual = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        given = {name.lower() for name in self.headers}
        return {name: value for name, value in usual.items() if name.lower() not in given} | dict(
            self.headers
        )


def usable_retry_after(raw: bytes) -> str | None:
    """The value of a Retry-After header as text; None if it is unreadable."""
    text = raw.strip()
    return text.decode("ascii") if len(text) <= 64 and _READABLE(text) else None


def check_target(target: str) -> None:
    """Raise ValueError for a target that would not reach the wire as one word."""
    if _TARGET(target) is None:
        raise ValueError("a request's target is a path and query in printable ASCII")
