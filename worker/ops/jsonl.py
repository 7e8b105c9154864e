"""Conversion events as JSON Lines: one record's value a line, read without holding more than one line.

The rule: a value is the bytes as written, without the line's end; it is checked as the worker checks it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from io import SEEK_END
from itertools import islice
from typing import BinaryIO, NamedTuple

from schemas import BadRecord, ConversionEvent, decode
from worker.ops.errors import CannotDo
from worker.ops.publishing import Item

LONGEST = 32 * 1024 * 1024
"""Bytes of the longest line that is read."""

MOST_SHOWN = 20
"""Bad lines of a file that are told one by one; the rest are counted."""


class Line(NamedTuple):
    """One line that is not blank; the first line of a file is number 1."""

    number: int
    value: bytes

    def __str__(self) -> str:
        return f"line {self.number}"


class BadLine(CannotDo):
    """A line that holds no conversion event: the reason names the line and the fields, not their values."""


def lines(stream: BinaryIO) -> Iterator[Line]:
    """Read the lines that are not blank; raise BadLine where one has no end in sight, or can't be read."""
    number = 0
    while line := _next(stream, number + 1):
        number += 1
        if len(line) > LONGEST:
            raise BadLine([f"line {number}: is longer than {LONGEST // 1024**2} MiB"])
        if not line.isspace():
            yield Line(number, line.removesuffix(b"\n").removesuffix(b"\r"))


def _next(stream: BinaryIO, number: int) -> bytes:
    try:
        return stream.readline(LONGEST + 1)
    except OSError as error:  # a directory, a closed stdin
        raise BadLine([f"line {number}: can't be read: {error.strerror or error}"]) from error


def event_of(line: Line) -> ConversionEvent:
    """Read the event that a line holds; raise BadLine where it holds none."""
    try:
        return decode(line.value, now=time.time())
    except BadRecord as error:
        text = str(error).replace(" at line 1 column ", " at column ")  # the only line that the parser saw
        raise BadLine([f"{line}: {text}"]) from error


Read = Callable[[Line], ConversionEvent]
"""Reads the event of a line; raises BadLine for one that must not be published."""


def problems(found: Iterable[Line], read: Read = event_of) -> Iterator[str]:
    """Check every line; give one text for each that is bad."""
    try:
        for line in found:
            try:
                read(line)
            except BadLine as error:
                yield str(error)
    except BadLine as error:  # a line too long to read on
        yield str(error)


def check_whole(found: Iterable[Line], name: str, read: Read = event_of) -> int:
    """Check every line of the file of this name, and return how many there are.

    Raises CannotDo where not all are right, with a reason for each of the first bad ones.
    """
    total = 0

    def counted() -> Iterator[Line]:
        nonlocal total
        for line in found:
            total += 1
            yield line

    bad = problems(counted(), read)
    told = [f"{name}, {problem}" for problem in islice(bad, MOST_SHOWN)]
    more = sum(1 for _ in bad)
    if told:
        raise CannotDo(told + ([f"{more} more bad lines"] if more else []), "nothing was published")
    return total


def items_of(found: Iterable[Line], read: Read = event_of) -> Iterator[Item]:
    """What to publish for these lines, each keyed by its click; raise BadLine at the first that is bad."""
    from worker.adapters.kafka.bulk_publisher import Place

    for line in found:
        yield Item(Place("line ", line.number), read(line).click_id.encode(), line.value)


def bytes_to_come(stream: BinaryIO) -> int | None:
    """How much is left of a stream, None where that is unknown."""
    if not stream.seekable():
        return None
    here = stream.tell()
    size = stream.seek(0, SEEK_END)
    stream.seek(here)
    return size - here
