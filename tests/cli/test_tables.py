"""How tables are printed on a terminal: names whole, a line a row."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence

import pytest

from worker.cli import cancel, destinations, dlq, replay, status, topics, waiting
from worker.cli.tables import print_fields, print_table
from worker.ops.destinations import DestinationRow


def test_names_stay_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of 80 columns a name is on one line, however long what stands beside it."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    name = "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES"
    print_table(["variable", "value"], [[name, "x" * 100]])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if name in line]
    assert max(map(len, lines[1:])) <= 80


def test_short_words_stay_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal that is too narrow for them no number is folded, digit by digit."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    name = "postback-worker.retry.10s"
    print_table(["topic", "partitions", "max_message_bytes"], [[name, "4", "1048588"]])
    (row,) = [line for line in capsys.readouterr().out.splitlines() if name in line]
    assert row.split() == [name, "4", "1048588"]


def test_rows_come_before_what_is_said_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table is written out before its command goes on: in one file with stderr it stands first, whole."""
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(file)))
    print_table(["ending", "records"], [["published", "2000"]])
    assert file.getvalue().split() == [b"ending", b"records", b"published", b"2000"]


@pytest.mark.parametrize(
    ("width", "head", "row"),
    [
        (80, "where  event id  error", "0/1    order-1   " + "e" * 40),
        (40, "where  event id  error", "0/1    order-1   " + "e" * 22 + "…"),
        (20, "where  event id", "0/1    order-1"),
        (8, "where  event id", "0/1    order-1"),
    ],
)
def test_one_line_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, head: str, row: str
) -> None:
    """On a terminal what does not fit is cut short or left out where it may be; a name never is."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    print_table(["where", "event_id", "error"], [["0/1", "order-1", "e" * 40]], ["error"])
    plain = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert [line.rstrip() for line in plain.splitlines()] == [head, row]


def test_fields(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal of 80 columns the fields of one thing are a line each: a long id can be copied whole."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    print_fields([("partition", 0), ("event_id", "e" * 120)])
    plain = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert plain == ["field      value", "partition  0", f"event_id   {'e' * 120}"]


TABLES: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "cancel list": (cancel.COLUMNS, cancel.SPARE),
    "destinations": (DestinationRow._fields, destinations.SPARE),
    "dlq list": (dlq.COLUMNS, dlq.SPARE),
    "dlq replay --dry-run": (replay.COLUMNS, replay.SPARE),
    "status": (status.COLUMNS, status.SPARE),
    "topics check": (("topic", "partitions", "retention", "max_message_bytes", "problems"), topics.SPARE),
    "waiting list": (waiting.COLUMNS, waiting.SPARE),
}
"""The columns of what operators look at, and which of them may be cut short or left out."""


@pytest.mark.parametrize("table", TABLES)
def test_rows_of(table: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal of 80 columns each row of what operators look at is one line, its name whole."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    columns, spare = TABLES[table]
    print_table(columns, [["n" * 32, *("x" * 8 for _ in columns[1:])]], spare)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert len(plain) == 2
    assert plain[1].startswith("n" * 32 + "  ")
    assert len(plain[1].rstrip()) <= 80
