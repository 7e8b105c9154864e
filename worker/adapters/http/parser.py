"""Reads one answer after another out of the bytes of a connection.

The rule: the head decides and is bounded; nothing after it can unsay it. httptools bounds nothing by itself,
so the bytes of a head are counted here. Interim (1xx) answers are skipped; 101 is final, for nobody asked to
switch.
"""

from __future__ import annotations

from functools import cache

import httptools

from worker.adapters.http.options import BODY_LIMIT, HEAD_LIMIT, usable_retry_after
from worker.core.answer import Response

NO_HEAD = -1
_SWITCHING = 101
_RETRY_AFTER = b"retry-after"


class NotHttp(Exception):
    """The bytes are no answer, or go on after its end; where a head was read, it still counts."""


class HeadTooLarge(NotHttp):
    """The head goes on beyond HEAD_LIMIT."""


class AnswerParser:
    """Reads answers; `status` is NO_HEAD until a head has parsed.

    `complete` says that all of the answer has come, `keep` that the connection may then serve another one.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(  # what aiohttp grants answers, too
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._feed = self._parser.feed_data
        self._reset()

    def take(self) -> Response:
        """Return the answer as it is known, once its head has parsed, and get ready for the next one."""
        status, retry_after = self.status, self._retry_after
        self._reset()
        return _plain(status) if retry_after is None else Response(status, usable_retry_after(retry_after))

    def _reset(self) -> None:
        self.status = NO_HEAD
        self.complete = self.keep = False
        self._retry_after: bytes | None = None
        self._room = HEAD_LIMIT

    def wants_body(self) -> bool:
        """Whether the answer lacks something that was asked for, though its head has come."""
        return False

    def feed(self, data: bytes) -> None:
        """Read more bytes, in pieces of any size; raise NotHttp."""
        try:
            if self.status == NO_HEAD:
                self._room -= len(data)
                if self._room < 0:
                    data = self._feed_last(data)
            self._feed(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise NotHttp from None

    def _feed_last(self, data: bytes) -> bytes:
        """Feed what may still belong to the head alone; return the rest, once the head is there."""
        room = self._room + len(data)
        self._feed(data[:room])
        if self.status == NO_HEAD:
            raise HeadTooLarge
        return data[room:]

    def drop(self) -> None:
        """Let go of httptools' parser, which holds this one in a cycle; nothing may be fed after."""
        del self._parser, self._feed

    # --- what httptools calls -----------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Stop at what follows a complete answer: nobody asked for it."""
        if self.complete:
            raise NotHttp

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note the first value of the one header that matters; a trailer is none."""
        if 0 in value:  # a NUL: llhttp lets it pass, aiohttp does not; bytes are far slower to look for bytes
            raise NotHttp
        if len(name) == 11 and name.lower() == _RETRY_AFTER and self._no_retry_after():
            self._retry_after = value

    def _no_retry_after(self) -> bool:
        return self._retry_after is None and self.status == NO_HEAD

    def on_headers_complete(self) -> None:
        """Note the status, or wait on where the answer is an interim one."""
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != _SWITCHING:
            self._retry_after = None
        else:
            self.status = status

    def on_message_complete(self) -> None:
        """Note that the answer is whole, and whether the connection serves another."""
        if self.status != NO_HEAD:
            self.complete = True
            self.keep = self._parser.should_keep_alive()


@cache
def _plain(status: int) -> Response:
    """An answer that is nothing but its status, as nearly all are."""
    return Response(status)


class BodyParser(AnswerParser):
    """Keeps the first BODY_LIMIT bytes of each body as well."""

    def __init__(self) -> None:
        super().__init__()
        self._body = bytearray()

    def take(self) -> Response:
        """Return the answer as it is known, with what has come of its body."""
        body, self._body = self._body, bytearray()
        return super().take()._replace(body=bytes(body))

    def wants_body(self) -> bool:
        """Whether less of the body has come than is kept."""
        return len(self._body) < BODY_LIMIT

    def on_body(self, body: bytes) -> None:
        """Keep what there is room for."""
        self._body += body[: BODY_LIMIT - len(self._body)]
