"""Conversion events as CSV: rows as events, and what is wrong with a row."""

from __future__ import annotations

import json
from io import BytesIO

import pytest

from worker.ops.csv_lines import csv_lines
from worker.ops.jsonl import BadLine, EventLine

HEAD = b"event_id,click_id,occurred_at,payout,attributes.site\n"
ROW = b"e-1,c-1,2026-11-27T10:00:00Z,49.99,shop\n"


def read(content: bytes) -> list[EventLine]:
    """The lines of a file."""
    return list(csv_lines(BytesIO(content)))


def test_a_row() -> None:
    """A row is an event with the fields that the first row names; an attribute's column is named so."""
    (line,) = read(HEAD + ROW)
    assert (line.number, line.text, line.fault) == (2, ROW.rstrip(), None)
    assert json.loads(line.value) == {
        "event_id": "e-1",
        "click_id": "c-1",
        "occurred_at": "2026-11-27T10:00:00Z",
        "payout": "49.99",
        "attributes": {"site": "shop"},
    }


def test_what_is_not_there() -> None:
    """An empty cell is a field that is not there; an empty line is no row."""
    (line,) = read(HEAD + b"\n\r\ne-1,c-1,2026-11-27T10:00:00Z,,\n")
    assert set(json.loads(line.value)) == {"event_id", "click_id", "occurred_at"}
    assert line.number == 4


def test_as_spreadsheets_write_it() -> None:
    """A byte order mark, CRLF, quotes and line breaks within a cell are read."""
    content = b"\xef\xbb\xbf" + HEAD + b'"e, 1","c ""1""",2026-11-27T10:00:00Z,1.00,"two\r\nlines"\r\n' + ROW
    first, second = read(content)
    event = json.loads(first.value)
    assert (event["event_id"], event["click_id"]) == ("e, 1", 'c "1"')
    assert event["attributes"] == {"site": "two\r\nlines"}
    assert (first.number, second.number) == (2, 4)


def test_faults() -> None:
    """A row with too few cells, one that is no UTF-8 and one that is no CSV are bad; what follows is read."""
    content = HEAD + b"e-1,c-1\n" + b"\xff,c-1,x,1,2\n" + b'"a"b,c-1,x,1,2\n' + ROW
    lines = read(content)
    assert [line.number for line in lines] == [2, 3, 4, 5]
    assert [line.fault and line.fault[:15] for line in lines] == [
        "has 2 cells, th",
        "is not UTF-8",
        "is no row of CS",
        None,
    ]
    assert lines[1].text == b"\xff,c-1,x,1,2"


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"event_id,click_id,occurred_at,payot\n", "line 1: 'payot' is no field; "),
        (b"event_id,click_id,occurred_at,attributes\n", "line 1: 'attributes' is no field; "),
        (b"event_id,click_id,occurred_at,click_id\n", "line 1: click_id stands twice"),
        (b"event_id,click_id\n", "line 1: there is no column occurred_at"),
        (b"\n", "line 1: there is no column event_id"),
    ],
)
def test_the_first_row(head: bytes, says: str) -> None:
    """The first row must name fields, each once, and those that every event has."""
    with pytest.raises(BadLine) as told:
        read(head + ROW)
    assert str(told.value).startswith(says)
