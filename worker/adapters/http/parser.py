"""Reads one answer after another out of the bytes of a connection.

The rule: the bytes of the head decide, and are bounded; httptools only finds where the answer ends. Nothing
after the head can change the verdict, and what httptools refuses costs only the connection.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import httptools

from worker.adapters.http.head import Head, HeadReader, HeadTooLarge, NotHttp, plain
from worker.adapters.http.options import BODY_LIMIT_BYTES, HEAD_LIMIT_BYTES, REFUSAL_LIMIT_BYTES
from worker.core.answer import Response

__all__ = ["NO_HEAD", "AnswerParser", "BodyParser", "HeadTooLarge", "NotHttp", "RefusalParser"]

NO_HEAD = -1

KNOWN_LIMIT_BYTES = 1024
"""Bytes of the longest answer that is recognised when the same bytes come again."""

_FINAL = re.compile(rb"HTTP/[0-9]\.[0-9] ((?!204|304)[2-9][0-9][0-9])(?: [^\n]*)?\r?\n").match
"""The beginning of an answer that the status line says enough about, unless it has a Retry-After."""


class AnswerParser:
    """Reads answers; `status` is NO_HEAD until a head has come.

    `complete` says that all of the answer has come, `keep` that the connection may serve another one.

    A complete answer that came in one piece and left the connection usable means the same when the same
    bytes come again, so they are not parsed again. Most answers of a partner differ only in their clock.
    """

    _refusals: frozenset[int] = frozenset()
    """Statuses of whose bodies the beginning is kept: their heads are read whole."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(  # what aiohttp grants answers, too
            lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._feed = self._parser.feed_data
        self._reader = HeadReader()
        self._known: bytes | None = None
        self._meant = _plain(NO_HEAD)
        self._reset()

    def take(self) -> Response:
        """Return the answer as far as it is known, once its head has come, and get ready for the next one."""
        answer = self._told()
        self._reset()
        return answer

    def _told(self) -> Response:
        return _plain(self.status) if self._retry_after is None else Response(self.status, self._retry_after)

    def _reset(self) -> None:
        self.status = NO_HEAD
        self.complete = self.keep = False
        self._retry_after: str | None = None

    def wants_body(self) -> bool:
        """Whether wanted bytes of the body are still missing."""
        return False

    def feed(self, data: bytes) -> None:
        """Read more bytes, in pieces of any size; raise NotHttp."""
        begins = self.status == NO_HEAD and not self._reader.waits
        try:
            self._feed(self._after_head(data) if self.status == NO_HEAD else data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise NotHttp from None
        if begins and self.keep:
            self._remember(data)

    def again(self, data: bytes) -> Response | None:
        """The answer, if these are the very bytes of the remembered one; it need not be taken then.

        The connection is ready for the next request. None for anything else, which must be fed.
        """
        if data == self._known and self.status == NO_HEAD and not self._reader.waits:
            return self._meant
        return None

    def _remember(self, data: bytes) -> None:
        """Remember this answer, unless it is long."""
        if len(data) <= KNOWN_LIMIT_BYTES:
            self._known, self._meant = data, self._told()

    def _after_head(self, data: bytes) -> bytes:
        """Read a head; return what httptools must read: nothing until the head is complete."""
        first = None if self._reader.waits else _FINAL(data)
        end = -1 if first is None else data.find(b"\r\n\r\n", 0, HEAD_LIMIT_BYTES)
        if (
            first is None
            or end < 0
            or data[:end].lower().find(b"\nretry-after") >= 0  # `in` would first try the bytes as a number
            or (status := int(first[1])) in self._refusals
        ):
            head = self._reader.feed(data)
            return b"" if head is None else self._note(head)
        self.status = status
        return data

    def _note(self, head: Head) -> bytes:
        """Note what a head says; return the bytes for httptools."""
        self.status, self._retry_after = head.status, head.retry_after
        return (plain(head, keep=False) if head.tells_of_a_body else head.lines) + head.rest

    def drop(self) -> None:
        """Drop httptools' parser, which refers back to this one; feed nothing afterwards."""
        del self._parser, self._feed

    # --- called by httptools ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Refuse what follows a complete answer: nobody asked for it."""
        if self.complete:
            raise NotHttp

    def on_message_complete(self) -> None:
        """Note that the answer is complete, and whether the connection can serve another."""
        self.complete = True
        self.keep = self._parser.should_keep_alive()


@cache
def _plain(status: int) -> Response:
    """An answer of which only the status is kept, as of nearly all."""
    return Response(status)


class BodyParser(AnswerParser):
    """Keeps the first BODY_LIMIT_BYTES of bodies as well, even if the head is odd.

    `reads_body` says whether the body of a status is wanted. Of other `refusals` only the beginning is
    kept, as far as it comes without waiting.
    """

    def __init__(self, reads_body: Callable[[int], bool], refusals: frozenset[int]) -> None:
        super().__init__()
        self._reads_body = reads_body
        self._refusals = refusals
        self._body = bytearray()

    def take(self) -> Response:
        """Return the answer as far as it is known, with what has come of its body."""
        body, self._body = self._body, bytearray()
        return super().take()._replace(body=bytes(body))

    def _remember(self, data: bytes) -> None:
        """Remember nothing: each body is wanted."""

    def wants_body(self) -> bool:
        """Whether less of the body has come than would be kept."""
        return len(self._body) < BODY_LIMIT_BYTES and self._reads_body(self.status)

    def _after_head(self, data: bytes) -> bytes:
        head = self._reader.feed(data)
        return b"" if head is None else self._note(head)

    def _note(self, head: Head) -> bytes:
        super()._note(head)
        return plain(head, keep=True) + head.rest

    def on_body(self, body: bytes) -> None:
        """Keep what there is room for."""
        limit = REFUSAL_LIMIT_BYTES if self.status in self._refusals else 0
        if self._reads_body(self.status):
            limit = BODY_LIMIT_BYTES
        if len(self._body) < limit:
            self._body += body[: limit - len(self._body)]


class RefusalParser(AnswerParser):
    """Keeps the beginning of the bodies of `refusals`, as far as it comes without waiting, after any head."""

    def __init__(self, refusals: frozenset[int]) -> None:
        super().__init__()
        self._refusals = refusals
        self._body = b""

    def take(self) -> Response:
        """Return the answer as far as it is known, with what has come of a refusal's body."""
        if not self._body:
            return super().take()
        body, self._body = self._body, b""
        return super().take()._replace(body=body)

    def _note(self, head: Head) -> bytes:
        lines = super()._note(head)
        return plain(head, keep=True) + head.rest if self.status in self._refusals else lines

    def _remember(self, data: bytes) -> None:
        """Remember no refusal: its body is wanted each time."""
        if self.status not in self._refusals:
            super()._remember(data)

    def on_body(self, body: bytes) -> None:
        """Keep what there is room for."""
        if self.status in self._refusals and len(self._body) < REFUSAL_LIMIT_BYTES:
            self._body = (self._body + body)[:REFUSAL_LIMIT_BYTES]
