"""Rows as a table, as JSON, or as Markdown, on stdout.

The rule: without a terminal a row is a line, however long. On a terminal the names stay whole, because they
are to be copied; other cells that do not fit are folded, or cut short where the command allows that.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from worker.cli.common import Output, print_json, printable

if TYPE_CHECKING:
    from rich.console import Console

TableRow = Mapping[str, object]

WIDEST_COLUMNS = 100_000  # no row is longer
LEAST_FOLDED_COLUMNS = 12  # terminal columns; a word is not folded narrower than this
GAP_COLUMNS = 2  # terminal columns between two columns of a table
LEAST_CUT_COLUMNS = 12  # terminal columns; a cell cut shorter than this says nothing


def print_rows(
    rows: Iterable[TableRow], output: Output, columns: Sequence[str], spare: Sequence[str] | None = None
) -> None:
    """Print rows as a table with these columns, or as a JSON array of objects with these keys.

    With `spare` each row of the table is one line (see `print_table`).
    """
    chosen = [{column: row.get(column) for column in columns} for row in rows]
    if output is Output.JSON:
        print_json(chosen)
    else:
        print_table(columns, [[_cell(row[column]) for column in columns] for row in chosen], spare)


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print the fields of one thing, each on a line: a terminal wraps a long one, and copies it whole."""
    rows = [{"field": name, "value": value} for name, value in fields]
    print_rows(rows, Output.TABLE, ("field", "value"), ())


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], spare: Sequence[str] | None = None
) -> None:
    """Print a table on stdout; without a terminal each row stays on one line, however long.

    On a terminal, cells that do not fit are folded, except the first column (names are to be copied) and
    short words. With `spare`, nothing is folded: these columns are cut short, then dropped, in this order.
    """
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    console = Console(highlight=False, width=None if is_terminal else WIDEST_COLUMNS)
    titles = [column.replace("_", " ") for column in columns]
    cells: Sequence[Sequence[str]] = list(rows)
    if spare is not None:
        titles, cells = fitted(titles, cells, [columns.index(name) for name in spare], console.width)
    if spare is None and is_terminal:
        _print_folded(console, titles, cells)
    else:
        _print_lines(console, titles, cells)
    sys.stdout.flush()  # before what is said of it on stderr, where both go to one place


def fitted(
    titles: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[int], width: int
) -> tuple[list[str], list[list[str]]]:
    """Make a table fit a width: cut its `spare` columns short, or drop them."""
    table = [list(titles), *(list(row) for row in rows)]
    widths = _widths(table)
    kept = list(range(len(titles)))
    for at in spare:
        too_wide = sum(widths[it] for it in kept) + GAP_COLUMNS * (len(kept) - 1) - width
        if too_wide <= 0:
            break
        if widths[at] - too_wide >= max(LEAST_CUT_COLUMNS, _width(titles[at])):
            widths[at] -= too_wide
        else:
            kept.remove(at)
    cut = [[_cut(row[at], widths[at]) for at in kept] for row in table]
    return cut[0], cut[1:]


def print_markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows as a Markdown table, each row on one line."""
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    for line in lines:
        print("| " + " | ".join(line) + " |")


def _print_lines(console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print each row as a line. There may be very many: rich takes a millisecond for each."""
    from rich.text import Text

    widths = _widths([titles, *rows])

    def line_of(cells: Sequence[str]) -> str:
        padded = (cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True))
        return (" " * GAP_COLUMNS).join(padded).rstrip()

    console.print(Text(line_of(titles), "table.header"), soft_wrap=True)
    for row in rows:
        print(line_of(row))


def _print_folded(console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(*titles, box=None, pad_edge=False)
    least = list(map(_least_width, zip(titles, *rows, strict=True)))
    least[0] = max(len(row[0]) for row in (titles, *rows))
    for column, width in zip(table.columns, least, strict=True):
        column.overflow = "fold"
        column.min_width = width
    table.columns[0].no_wrap = True
    console.width = max(console.width, sum(least) + GAP_COLUMNS * (len(least) - 1))  # the terminal wraps it
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    with console.capture() as printed:
        console.print(table)
    print(*(line.rstrip() for line in printed.get().splitlines()), sep="\n")


def _least_width(texts: Sequence[str]) -> int:
    """The least width of a column with these texts, in terminal columns."""
    longest = max(len(word) for text in texts for word in (*text.split(), ""))
    return min(LEAST_FOLDED_COLUMNS, longest)


def _widths(table: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(_width, column)) for column in zip(*table, strict=True)]


def _width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    from rich.cells import cell_len

    return len(text) if text.isascii() else cell_len(text)


def _cut(text: str, width: int) -> str:
    """Cut a text to this width, with an ellipsis at the end."""
    from rich.cells import set_cell_size

    return text if _width(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
