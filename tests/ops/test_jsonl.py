"""Conversion events as lines: read, checked whole, and made into records."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from io import BytesIO

import pytest

from schemas import format_time
from worker.ops import jsonl
from worker.ops.checking import MOST_SHOWN_LINES, check_whole
from worker.ops.errors import CannotDo


def event(name: str) -> bytes:
    """One event as a line without its end."""
    return json.dumps(
        {"event_id": name, "click_id": f"click-{name}", "occurred_at": format_time(time.time())}
    ).encode()


def read(content: bytes) -> Iterator[jsonl.EventLine]:
    """The lines of a file."""
    return jsonl.lines(BytesIO(content))


def test_longest_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line without an end in sight is bad, and no more of it than the limit is held."""
    monkeypatch.setattr(jsonl, "LONGEST_LINE_BYTES", 10)
    stream = BytesIO(b"123456789\n" + b"x" * 100)
    found = jsonl.lines(stream)
    assert next(found)[:2] == (1, b"123456789")
    with pytest.raises(jsonl.BadLine, match="line 2: is longer"):
        next(found)
    assert stream.tell() <= 10 + 11


def test_a_whole_file() -> None:
    """Of a file that is right the lines are counted, blank ones left out."""
    assert check_whole(read(event("1") + b"\n\n" + event("2")), "file").total == 2


def test_bad_lines() -> None:
    """Of a file that is not right the first twenty bad lines are told, and the rest counted."""
    with pytest.raises(CannotDo) as told:
        check_whole(read(event("1") + b"\n" + b"x\n" * 25), "file")
    assert told.value.hint == "nothing was published"
    *first, rest = told.value.reasons
    assert len(first) == MOST_SHOWN_LINES
    assert first[0].startswith("file, line 2: not strict JSON")
    assert rest == "5 more bad lines"


def test_items() -> None:
    """A record is a line's bytes, keyed by its click; the first bad line ends them."""
    line = event("1")
    items = jsonl.items_of(read(line + b"\r\n[]\n" + line))
    first = next(items)
    assert (str(first.name), first.key, first.value) == ("line 1", b"click-1", line)
    with pytest.raises(jsonl.BadLine, match="line 2: must be a JSON object"):
        next(items)


def test_bytes_to_come() -> None:
    """What is left of a file is known, and it is read on from where it was."""
    stream = BytesIO(b"0123456789")
    stream.read(4)
    assert (jsonl.bytes_to_come(stream), stream.read()) == (6, b"456789")
