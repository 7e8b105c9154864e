"""A stdout for results: a failed write raises one kind of exception, wherever it was printed.

The rules: the first failed write raises ResultLost, which is no OSError, so that nobody takes it for
something else. Later writes go nowhere, so that the end of the process reports nothing more. No text fails
for its encoding: characters that stdout's encoding lacks are escaped as in JSON, which changes nothing in
JSON results.
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
    """A result could not be written, or not in full."""

    def __init__(self, error: OSError) -> None:
        closed = error.errno == errno.EBADF
        why = "it is closed" if closed else error.strerror or str(error)
        super().__init__(f"can't write the result to stdout: {why}")
        self.reader_gone = isinstance(error, BrokenPipeError)
        """The reader (`| head`) has closed the pipe."""


class ResultWriter(io.RawIOBase):
    """Writes results to a descriptor; calls `before` before each write."""

    def __init__(self, descriptor: int, before: Callable[[], None]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._before = before
        self._lost = False

    def write(self, data: ReadableBuffer, /) -> int:
        """Write some of it, waiting for a slow reader; raise ResultLost if that fails."""
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
            except BlockingIOError:  # another process that shares it has made it non-blocking
                select.select([], [self._descriptor], [])


def install(before: Callable[[], None]) -> None:
    """Replace `sys.stdout` by this; `before` is called before each write to the descriptor."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    results = io.BufferedWriter(ResultWriter(1, before))
    codecs.register_error(_ESCAPED, _escaped)
    sys.stdout = io.TextIOWrapper(results, encoding, _ESCAPED, line_buffering=results.raw.isatty())


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """JSON's escapes for characters that an encoding lacks: four digits per UTF-16 unit."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)), error.end
