"""Checks a whole file of events before any of it is published, and writes down skipped lines.

The rule: a bad line is reported with its number and fields, or written down if it may be skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TextIO

from worker.ops.errors import CannotDo
from worker.ops.jsonl import BadLine, EventLine, Read, Skip, event_of

if TYPE_CHECKING:
    from worker.ops.publishing import NamedRecord

MOST_SHOWN_LINES = 20
"""Bad lines of a file that are shown one by one; the rest are counted."""


def told_of(first: Sequence[str], more: int) -> list[str]:
    """The first bad lines, and the number of further ones."""
    return [*first, *([f"{more} more bad lines"] if more > 0 else [])]


class CheckedFile(NamedTuple):
    """A file whose lines to publish are all right: their number, and a digest of them."""

    total: int
    digest: str


def check_whole(
    found: Iterable[EventLine], name: str, read: Read = event_of, skip: Skip | None = None
) -> CheckedFile:
    """Check every line of the file `name`; bad lines go to `skip`, if given.

    Otherwise raises CannotDo, with a reason for each of the first bad lines.
    """
    return _Checking(name, read, skip).check(found)


def as_checked(items: Iterable[NamedRecord], checked: CheckedFile) -> Iterator[NamedRecord]:
    """The items of a file as it was checked, none that came since; raises CannotDo if it was changed."""
    digest = blake2b(digest_size=16)
    for item in islice(items, checked.total):
        digest.update((item.value or b"") + b"\n")
        yield item
    if digest.hexdigest() != checked.digest:
        raise CannotDo(
            ["the file was changed while it was published: what is published may not be all of it"]
        )


class _Checking:
    """The state of checking a file."""

    def __init__(self, name: str, read: Read, skip: Skip | None) -> None:
        self._name = name
        self._read = read
        self._skip = skip
        self._digest = blake2b(digest_size=16)
        self._told: list[str] = []
        self._bad = self._total = 0

    def check(self, found: Iterable[EventLine]) -> CheckedFile:
        """Check every line; raise CannotDo if not all are right."""
        try:
            for line in found:
                self._look(line)
        except BadLine as error:  # a line that is too long to read on
            self._note(str(error))
        if self._told:
            more = self._bad - len(self._told)
            raise CannotDo(told_of(self._told, more), "nothing was published")
        return CheckedFile(self._total, self._digest.hexdigest())

    def _look(self, line: EventLine) -> None:
        try:
            self._read(line)
        except BadLine as error:
            if self._skip is None:
                self._note(str(error))
            else:
                self._skip(line, error)
        else:
            self._total += 1
            self._digest.update(line.value + b"\n")

    def _note(self, text: str) -> None:
        self._bad += 1
        if len(self._told) < MOST_SHOWN_LINES:
            self._told.append(f"{self._name}, {text}")


class SkippedFile:
    """A JSON Lines file of skipped lines (`line`, `reason`, `text`), created at the first one.

    Each line is written out at once: none is passed over that could not be written. With `adds`, because they
    come from a pipe and are nowhere else, they follow those of earlier runs.
    """

    def __init__(self, path: str, *, adds: bool = False) -> None:
        self.path = path
        self._mode: Literal["a", "w"] = "a" if adds else "w"
        self.count = 0
        self._file: TextIO | None = None

    def note(self, line: EventLine, error: BadLine) -> None:
        """Write down a line and the reason; raise CannotDo if that fails."""
        reason = str(error).removeprefix(f"{line}: ")
        text = line.written.decode(errors="backslashreplace")
        row = {"line": line.number, "reason": reason, "text": text}
        try:
            if self._file is None:
                path = Path(self.path)
                self._file = path.open(self._mode, buffering=1, encoding="utf-8")
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        except OSError as failure:
            why = failure.strerror or failure
            raise CannotDo([f"can't write what is skipped to {self.path}: {why}"]) from failure
        self.count += 1

    def close(self) -> None:
        """Close it; each line was written out, or `note` has raised."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
