"""Finds the head of an answer in the bytes of a connection, and reads it.

The rule: a status line and a blank line decide, without a library. The rest of a head, odd or not, only tells
where the answer ends. Interim (1xx) heads are skipped unread; 101 is final, because nobody asked to switch.
204 and 304 have no body: after one that tells of a body all the same, a body may come when nobody expects it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from worker.adapters.http.options import HEAD_LIMIT_BYTES, usable_retry_after

SWITCHING = 101

BODILESS = frozenset({204, 304})
"""Statuses after whose heads an answer ends, whatever they tell."""

_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] ([1-9][0-9][0-9])(?: [^\n]*)?\r?\n")
_SHAPE = b"HTTP/0.0 000"
_ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_TELLING = re.compile(rb"\n(content-length|transfer-encoding|connection|retry-after)[ \t]*:([^\n]*)").finditer
_COUNT = re.compile(rb"[0-9]{1,15}").fullmatch
_NOT_ZERO = re.compile(rb"0*[^0]").match
_TIDY = re.compile(
    rb"[^\n]*\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t\x20-\x7e\x80-\xff]*+\r?\n)*+\r?\n"
).fullmatch


class NotHttp(Exception):
    """The bytes are no answer, or go on after its end; a head that was read still counts."""


class HeadTooLarge(NotHttp):
    """The head goes on beyond HEAD_LIMIT_BYTES."""


class Head(NamedTuple):
    """The final head: its status, its bytes with the blank line, and the bytes that came after it."""

    status: int
    lines: bytes
    rest: bytes

    @property
    def retry_after(self) -> str | None:
        """The first Retry-After, if it is readable."""
        return _retry_after(_fields(self.lines))

    @property
    def tells_of_a_body(self) -> bool:
        """Whether it tells of a body that its status can't have."""
        return self.status in BODILESS and _tells_of_a_body(_fields(self.lines))


class HeadReader:
    """Reads the head of one answer after another, in pieces of any size; it starts over after each.

    `waits` says that a head has come in part.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._status = 0  # of the head that has begun; 0 before its first line is whole
        self._begin()

    def feed(self, data: bytes) -> Head | None:
        """Return the final head once all of it has come; raise NotHttp.

        HEAD_LIMIT_BYTES bounds it together with the interim heads before it.
        """
        self._held += data
        self.waits = True
        while True:
            lines = self._next()
            if lines is None:
                return None
            if self._status >= 200 or self._status == SWITCHING:
                head = Head(self._status, lines, bytes(self._held))
                self._begin()
                return head
            self._status = 0

    def _begin(self) -> None:
        self.waits = False
        self._held = bytearray()
        self._room = HEAD_LIMIT_BYTES
        self._seen = 0  # bytes of `_held` in which no blank line begins
        self._status = 0

    def _next(self) -> bytes | None:
        """Take the next complete head, interim or not, out of the buffer."""
        if not self._status:
            self._skip_empty_lines()
            self._status = _status(self._held)
        blank = _BLANK_LINE.search(self._held, self._seen) if self._status else None
        end = len(self._held) if blank is None else blank.end()
        if end > self._room:
            raise HeadTooLarge
        if blank is None:
            self._seen = max(0, end - 2) if self._status else 0
            return None
        return self._take(end)

    def _skip_empty_lines(self) -> None:
        kept = self._held.lstrip(b"\r\n")
        self._room -= len(self._held) - len(kept)
        self._held = kept

    def _take(self, count: int) -> bytes:
        taken = bytes(self._held[:count])
        del self._held[:count]
        self._room -= count
        self._seen = 0
        return taken


def plain(head: Head, *, keep: bool) -> bytes:
    """The same head without anything odd, so that a library can read the body as far as possible.

    It closes the connection after the answer, unless `keep` is set and nothing about its framing is odd.
    """
    fields = _fields(head.lines)
    framing, sure = _framing(fields)
    sure = sure and not (head.status in BODILESS and _tells_of_a_body(fields))
    lines = [b"HTTP/1.1 %d " % head.status, *framing]
    retry_after = _retry_after(fields)
    if retry_after is not None:
        lines.append(b"Retry-After: " + retry_after.encode("ascii"))
    if not (keep and sure and _persists(head, fields) and _TIDY(head.lines)):
        lines.append(b"Connection: close")
    return b"\r\n".join((*lines, b"", b""))


_Fields = dict[bytes, list[bytes]]
"""The values of the headers that matter, in order, by their names in lower case."""


def _fields(lines: bytes) -> _Fields:
    """Read the headers that matter, in any spelling; folded ones are joined into one line."""
    if b"\n " in lines or b"\n\t" in lines:
        lines = _FOLD.sub(b" ", lines)
    fields: _Fields = {}
    for found in _TELLING(lines.lower()):
        fields.setdefault(found[1], []).append(lines[slice(*found.span(2))].strip())
    return fields


def _retry_after(fields: _Fields) -> str | None:
    values = fields.get(b"retry-after")
    return usable_retry_after(values[0]) if values else None


def _persists(head: Head, fields: _Fields) -> bool:
    """Whether the partner wants to keep the connection, and can."""
    wishes = _words(fields, b"connection")
    if head.lines.startswith(b"HTTP/1.1"):
        return b"close" not in wishes and head.status != SWITCHING
    return head.lines.startswith(b"HTTP/1.0") and b"keep-alive" in wishes


def _framing(fields: _Fields) -> tuple[list[bytes], bool]:
    """The header that says where the body ends (none: at the connection's end), and whether it is certain."""
    encodings, lengths = _words(fields, b"transfer-encoding"), _words(fields, b"content-length")
    if encodings:
        named = [b"Transfer-Encoding: chunked"] if encodings[-1] == b"chunked" else []
        return named, encodings == [b"chunked"] and not lengths
    if not lengths:
        return [], True
    if len(set(lengths)) > 1 or not _COUNT(lengths[0]):
        return [], False
    return [b"Content-Length: " + lengths[0]], len(lengths) == 1


def _tells_of_a_body(fields: _Fields) -> bool:
    """Whether a head tells of a body, even of an empty one in chunks, which is a body on the wire."""
    return b"transfer-encoding" in fields or any(map(_NOT_ZERO, fields.get(b"content-length", ())))


def _words(fields: _Fields, name: bytes) -> list[bytes]:
    """The comma-separated words of all headers of a name, in lower case."""
    values = fields.get(name, ())
    return [word.strip() for value in values for word in value.lower().split(b",")]


def _status(held: bytes | bytearray) -> int:
    """The status of a first line; 0 while it is incomplete. Raise NotHttp if it can't become one."""
    if held.find(b"\n") >= 0:  # only then: a long line may come a byte at a time
        found = _STATUS_LINE.match(held)
        if found is None:
            raise NotHttp
        return int(found[1])
    if not _SHAPE.startswith(held[: len(_SHAPE)].translate(_ANY_DIGIT)):
        raise NotHttp
    return 0
