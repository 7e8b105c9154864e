"""Reads conversion events from JSON Lines: one record's value per line, holding one line at a time.

The rule: a value is the bytes as written, without the line's end; it is checked as the worker checks it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from io import SEEK_END
from typing import BinaryIO, NamedTuple

from schemas import BadRecord, ConversionEvent, decode
from worker.ops.errors import CannotDo
from worker.ops.publishing import NamedRecord

LONGEST_LINE_BYTES = 32 * 1024 * 1024
"""Most bytes of a line."""


class EventLine(NamedTuple):
    """One line that is not blank; the first line of a file is number 1.

    `value` is the event as it is published; `text` is the line, if written in another form; `fault` is why it
    holds no event.
    """

    number: int
    value: bytes
    text: bytes = b""
    fault: str | None = None

    @property
    def written(self) -> bytes:
        """The line as it is in its file."""
        return self.text or self.value

    def __str__(self) -> str:
        return f"line {self.number}"


class BadLine(CannotDo):
    """A line holds no conversion event; the reason names the line and the fields, not their values."""


def lines(stream: BinaryIO) -> Iterator[EventLine]:
    """Read the lines that are not blank; raise BadLine if one is too long or can't be read."""
    number = 0
    while line := next_line(stream, number + 1):
        number += 1
        if len(line) > LONGEST_LINE_BYTES:
            raise BadLine([f"line {number}: is longer than {LONGEST_LINE_BYTES // 1024**2} MiB"])
        if not line.isspace():
            yield EventLine(number, line.removesuffix(b"\n").removesuffix(b"\r"))


def next_line(stream: BinaryIO, number: int) -> bytes:
    """The next line, or the beginning of one that is too long; raise BadLine if reading fails."""
    try:
        return stream.readline(LONGEST_LINE_BYTES + 1)
    except OSError as error:  # a directory, a closed stdin
        raise BadLine([f"line {number}: can't be read: {error.strerror or error}"]) from error


def event_of(line: EventLine) -> ConversionEvent:
    """Read the event of a line; raise BadLine if it holds none."""
    if line.fault is not None:
        raise BadLine([f"{line}: {line.fault}"])
    try:
        return decode(line.value, now=time.time())
    except BadRecord as error:
        text = str(error).replace(" at line 1 column ", " at column ")  # the only line that the parser saw
        raise BadLine([f"{line}: {text}"]) from error


Read = Callable[[EventLine], ConversionEvent]
"""Reads the event of a line; raises BadLine for one that must not be published."""

Skip = Callable[[EventLine, BadLine], None]
"""Takes a line that is not published, and why."""


def items_of(
    found: Iterable[EventLine], read: Read = event_of, skip: Skip | None = None
) -> Iterator[NamedRecord]:
    """What to publish for these lines, each keyed by its click id.

    Raises BadLine at the first bad one, unless `skip` takes it.
    """
    from worker.adapters.kafka.bulk_publisher import RecordName

    for line in found:
        try:
            event = read(line)
        except BadLine as error:
            if skip is None:
                raise
            skip(line, error)
        else:
            yield NamedRecord(RecordName("line ", line.number), event.click_id.encode(), line.value)


def bytes_to_come(stream: BinaryIO) -> int | None:
    """Bytes left in a stream; None if unknown."""
    if not stream.seekable():
        return None
    here = stream.tell()
    size = stream.seek(0, SEEK_END)
    stream.seek(here)
    return size - here
