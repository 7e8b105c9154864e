"""A stderr that never blocks its writers, whatever happens: a full disk, a reader that is gone or stuck.

The rule: a write returns at once and raises nothing. A thread does the writing. Lines that can't be written,
or that find too much waiting before them, are dropped and counted; once writing works again, a line says how
many.
"""

from __future__ import annotations

import atexit
import io
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MOST_WAITING_BYTES = 1024 * 1024
"""Most bytes that wait for a reader; then lines are dropped until half of them are written."""

SETTLE_SECONDS = 1.0
"""Seconds that the end of the process waits for unwritten lines."""

Describe = Callable[[int, str], str]
"""Makes the line that says how many lines were dropped, and why."""


def plain(dropped: int, why: str) -> str:
    """The line about dropped lines, for people."""
    return f"warning: {dropped} log line{'s were' if dropped > 1 else ' was'} dropped: {why}"


class LineWriter(io.RawIOBase):
    """Writes lines to a descriptor, in a thread of its own."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._changed = threading.Condition()  # reentrant, because a signal handler may log as well
        self._waiting: deque[bytes] = deque()
        self._held = 0
        self._full = False
        self._thread: threading.Thread | None = None
        self._untold = 0
        self._why = ""
        self._cut = False
        self._patient = True
        self.describe: Describe = plain
        self.dropped = 0
        """Lines that were dropped, since the start."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Queue it, or drop it; never waits and never raises."""
        line = bytes(data)
        with self._changed:
            self._full = self._held + len(line) > (
                MOST_WAITING_BYTES // 2 if self._full else MOST_WAITING_BYTES
            )
            if self._full:
                self._drop(line, "what reads it does not keep up")
            else:
                self._waiting.append(line)
                self._held += len(line)
                self._start()
                self._changed.notify_all()
        return len(line)

    def settle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Wait up to `seconds` until all is written; but only once for a reader that is stuck."""
        with self._changed:
            wait = seconds if self._patient else 0.0
            self._patient = self._changed.wait_for(lambda: not self._waiting, wait)

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Yes, always."""
        return True

    def _start(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="stderr", daemon=True)
            with suppress(RuntimeError):  # no more threads: the next line tries again
                thread.start()
                self._thread = thread

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                line = self._waiting[0]  # stays in the queue until it is written, for `settle`
            self._tell_dropped()
            if not self._put(line):
                self._drop(line, self._why)
            with self._changed:
                self._waiting.popleft()
                self._held -= len(line)
                last = not self._waiting
                self._full = self._full and not last
            if last:
                self._tell_dropped()
                with self._changed:
                    self._changed.notify_all()

    def _tell_dropped(self) -> None:
        """Write how many lines were dropped, unless more are being dropped now."""
        count = self._untold
        if count and not self._full:
            text = self.describe(count, self._why) + "\n"
            if self._put(text.encode()):
                with self._changed:
                    self._untold -= count

    def _put(self, data: bytes) -> bool:
        """Write on a line of its own, however long it takes; return whether all of it was written."""
        rest = data = b"\n" + data if self._cut else data
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:  # another process that shares it has made it non-blocking
                    select.select([], [self._descriptor], [])
        except OSError as error:
            self._why = error.strerror or str(error)
        self._cut = bool(rest) and (self._cut or len(rest) < len(data))
        return not rest

    def _drop(self, line: bytes, why: str) -> None:
        with self._changed:
            lines = max(1, line.count(b"\n"))
            self.dropped += lines
            self._untold += lines
            self._why = why


_lines: LineWriter | None = None


def install() -> None:
    """Replace `sys.stderr` by this; at the end of the process it settles."""
    global _lines  # noqa: PLW0603 - there is one stderr
    _lines = LineWriter(2)
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    sys.stderr = io.TextIOWrapper(_lines, encoding, "backslashreplace", line_buffering=True)
    atexit.register(settle)


def settle() -> None:
    """Wait, within bounds, until all lines are written."""
    if _lines is not None:
        _lines.settle()


def dropped() -> int:
    """How many lines were dropped since the start."""
    return 0 if _lines is None else _lines.dropped


def describe_with(describe: Describe) -> None:
    """Report dropped lines in the log's own format."""
    if _lines is not None:
        _lines.describe = describe
