"""Reads conversion events from CSV: one event per row, with the fields named in the first row.

The rule: a row always becomes the same bytes of JSON, so that a file is recognised. An empty cell is an
absent field.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from schemas import ConversionEvent
from worker.ops.jsonl import LONGEST_LINE_BYTES, BadLine, EventLine, next_line

ATTRIBUTES = "attributes"
REQUIRED = ("event_id", "click_id", "occurred_at")

_BOM = b"\xef\xbb\xbf"  # spreadsheets write it


def csv_lines(stream: BinaryIO) -> Iterator[EventLine]:
    """Read the rows that are not blank, each as a line with the event's JSON; a malformed row is a fault.

    Raises BadLine if the first row does not name fields, or a line can't be read.
    """
    taken: list[bytes] = []
    rows = csv.reader(_texts(stream, taken), strict=True)
    csv.field_size_limit(LONGEST_LINE_BYTES)
    try:
        names = [name.strip() for name in next(rows, [])]
    except csv.Error as error:
        raise BadLine([f"line 1: {error}"]) from error
    _check(names)
    while True:
        number = rows.line_num + 1
        taken.clear()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield EventLine(number, b"", b"".join(taken).rstrip(b"\r\n"), f"is no row of CSV: {error}")
            continue
        if row:
            yield _line(number, names, row, b"".join(taken).rstrip(b"\r\n"))


def _texts(stream: BinaryIO, taken: list[bytes]) -> Iterator[str]:
    """The lines as text; bytes that are no UTF-8 become surrogates, which are detected later."""
    number = 0
    while line := next_line(stream, number + 1):
        number += 1
        if len(line) > LONGEST_LINE_BYTES:
            raise BadLine([f"line {number}: is longer than {LONGEST_LINE_BYTES // 1024**2} MiB"])
        taken.append(line)
        yield (line.removeprefix(_BOM) if number == 1 else line).decode(errors="surrogateescape")


def _check(names: Sequence[str]) -> None:
    """Raise BadLine if the first row names no fields, or wrong ones."""
    known = [name for name in ConversionEvent.model_fields if name != ATTRIBUTES]
    unknown = [name for name in names if name not in known and not _attribute(name)]
    if unknown:
        which = ", ".join([*known, f"{ATTRIBUTES}.NAME"])
        raise BadLine([f"line 1: {unknown[0]!r} is no field; the first row names fields: {which}"])
    twice = sorted({name for name in names if names.count(name) > 1})
    missing = [name for name in REQUIRED if name not in names]
    if twice or missing:
        what = f"{twice[0]} stands twice" if twice else f"there is no column {missing[0]}"
        raise BadLine([f"line 1: {what}"])


def _attribute(name: str) -> str:
    """The name of an attribute; empty if it is none."""
    kind, _, rest = name.partition(".")
    return rest if kind == ATTRIBUTES else ""


def _line(number: int, names: Sequence[str], row: Sequence[str], text: bytes) -> EventLine:
    if len(row) != len(names):
        return EventLine(number, b"", text, f"has {len(row)} cells, the first row {len(names)}")
    cells = {name: cell for name, cell in zip(names, row, strict=True) if cell}
    event: dict[str, object] = {name: cell for name, cell in cells.items() if not _attribute(name)}
    attributes = {_attribute(name): cell for name, cell in cells.items() if _attribute(name)}
    if attributes:
        event[ATTRIBUTES] = attributes
    try:
        return EventLine(number, json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode(), text)
    except UnicodeEncodeError:
        return EventLine(number, b"", text, "is not UTF-8")
