"""Stdout for results: what can't be written is one kind of exception, wherever it was printed.

The rules: the first write that fails raises ResultLost, which is no OSError, so that nobody takes it for
something else; what is written after that goes nowhere, so that the end of the process has nothing to say.
No text is one that can't be written: what the encoding of stdout does not have is escaped as in JSON, which
in a result that is JSON means the same.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


_ESCAPED = "escaped-as-in-json"


class ResultLost(Exception):
    """The result, or the rest of it, could not be written."""

    def __init__(self, error: OSError) -> None:
        closed = error.errno == errno.EBADF
        why = "it is closed" if closed else error.strerror or str(error)
        super().__init__(f"can't write the result to stdout: {why}")
        self.reader_gone = isinstance(error, BrokenPipeError)
        """Who read it (`| head`) has had enough."""


class Results(io.RawIOBase):
    """A descriptor that results are written to; `before` is called before each write."""

    def __init__(self, descriptor: int, before: Callable[[], None]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._before = before
        self._lost = False

    def write(self, data: ReadableBuffer, /) -> int:
        """Write some of it, waiting for a slow reader; raise ResultLost where that fails."""
        if self._lost:
            return memoryview(data).nbytes
        self._before()
        try:
            return self._write(data)
        except OSError as error:
            self._lost = True
            raise ResultLost(error) from error

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Yes, always."""
        return True

    def _write(self, data: ReadableBuffer) -> int:
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # who shares it has made it so
                select.select([], [self._descriptor], [])


def install(before: Callable[[], None]) -> None:
    """Make `sys.stdout` write so; `before` is called before each write to the descriptor."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    results = io.BufferedWriter(Results(1, before))
    codecs.register_error(_ESCAPED, _escaped)
    sys.stdout = io.TextIOWrapper(results, encoding, _ESCAPED, line_buffering=results.raw.isatty())


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """The escapes of JSON for characters that an encoding does not have: four digits for each half of one."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)), error.end
