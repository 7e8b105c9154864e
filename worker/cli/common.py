"""What the commands share: settings or exit 2, results on stdout, everything else on stderr.

The rule: an expected failure is one short line that starts with `error:`, and never a traceback.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NoReturn, TypeVar

import typer

from worker.cli.completion import destinations

if TYPE_CHECKING:
    from rich.console import Console

    from worker.settings import Deployment, Settings

Row = Mapping[str, object]
_Number = TypeVar("_Number", int, float)

FAILED = 1
WRONG = 2
WIDEST_COLUMNS = 100_000  # no row is longer
LEAST_FOLDED_COLUMNS = 12  # terminal columns; a word is not folded narrower than this
GAP_COLUMNS = 2  # terminal columns between two columns of a table
LEAST_CUT_COLUMNS = 12  # terminal columns; a cell cut shorter than this says nothing


class Output(StrEnum):
    """How a table is printed."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How the result is printed.")]


class Given(NamedTuple):
    """The options given before the command."""

    config: Path | None = None
    overrides: Mapping[str, str] = {}


class _Running(NamedTuple):
    """The running command and the settings of its destinations."""

    command: str
    settings: Sequence[Settings]


_running: ContextVar[_Running | None] = ContextVar("running", default=None)


DestinationOption = Annotated[
    str | None,
    typer.Option(
        "--destination",
        metavar="NAME",
        help="Which destination, where there are several.",
        autocompletion=destinations,
    ),
]


def load_settings(ctx: typer.Context, destination: str | None = None) -> Settings:
    """Load the settings of one destination, or exit 2 with one line for each problem."""
    from worker.settings.deployment import choose

    deployment = load_deployment(ctx)
    with settings_told():
        settings = choose(deployment, destination)
    _note(ctx, settings)
    return settings


def load_deployment(ctx: typer.Context, only: Sequence[str] | None = None) -> Deployment:
    """Load the settings of all destinations, or of `only` these; errors as in `load_settings`."""
    from worker.settings import load_all

    given = ctx.find_object(Given) or Given()
    with settings_told():
        deployment = load_all(config=given.config, overrides=given.overrides)
        deployment = deployment if only is None else deployment.only(only)
    _note(ctx, *deployment.destinations)
    return deployment


def _note(ctx: typer.Context, *settings: Settings) -> None:
    """Remember the command and its settings, to explain a failure by a missing right."""
    command = ctx.command_path.removeprefix(ctx.find_root().command_path).strip()
    _running.set(_Running(command, settings))


@contextmanager
def settings_told() -> Iterator[None]:
    """Turn a SettingsError into exit 2 with one line for each problem."""
    from worker.settings import SettingsError

    try:
        yield
    except SettingsError as error:
        fail_all(error.problems, error.hint, WRONG)


def fail(message: str, hint: str | None = None, code: int = FAILED) -> NoReturn:
    """End the command with this exit code, an error line and, if given, a hint."""
    fail_all([message], hint, code)


def fail_all(messages: Iterable[str], hint: str | None = None, code: int = FAILED) -> NoReturn:
    """End the command as `fail` does, with a line for each message."""
    for message in messages:
        say(f"error: {message}")
    if hint:
        say(f"hint: {hint}")
    raise typer.Exit(code)


@contextmanager
def told() -> Iterator[None]:
    """Turn a CannotDo into error lines and an exit code."""
    from worker.ops.errors import CannotDo, WrongUsage

    try:
        yield
    except CannotDo as error:
        rights, hint = lacking_of(error.reasons)
        code = WRONG if isinstance(error, WrongUsage) else FAILED
        fail_all(rights or error.reasons, hint or error.hint, code)


def lacking_of(reasons: Iterable[str]) -> tuple[list[str], str | None]:
    """Name the rights whose lack made the command fail, with a hint; nothing if that is not the cause."""
    running = _running.get()
    if running is None:
        return [], None
    from worker.ops.access import DENIED, rights_lacking

    found = [rights_lacking(settings, running.command, reasons) for settings in running.settings]
    lines = list(dict.fromkeys(line for of_one in found for line in of_one))
    return lines, DENIED if lines else None


def warn(message: str) -> None:
    """Print a warning on stderr."""
    say(f"warning: {message}")


def say(message: str) -> None:
    """Print a line on stderr; control characters are replaced, as others may have written the text."""
    print("".join(char if char.isprintable() else "\ufffd" for char in message), file=sys.stderr)


def progress_console() -> Console:
    """A console on stderr, for progress."""
    from rich.console import Console

    return Console(stderr=True)


def print_json(value: object) -> None:
    """Print one JSON document on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_rows(
    rows: Iterable[Row], output: Output, columns: Sequence[str], spare: Sequence[str] | None = None
) -> None:
    """Print rows as a table with these columns, or as a JSON array of objects with these keys.

    With `spare` each row of the table is one line (see `print_table`).
    """
    chosen = [{column: row.get(column) for column in columns} for row in rows]
    if output is Output.JSON:
        print_json(chosen)
    else:
        print_table(columns, [[_cell(row[column]) for column in columns] for row in chosen], spare)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], spare: Sequence[str] | None = None
) -> None:
    """Print a table on stdout; without a terminal each row stays on one line, however long.

    On a terminal, cells that do not fit are folded, except the first column (names are to be copied) and
    short words. With `spare`, nothing is folded: these columns are cut short, then dropped, in this order.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = None if sys.stdout.isatty() else WIDEST_COLUMNS
    console = Console(highlight=False, width=width)
    titles = [column.replace("_", " ") for column in columns]
    cells: Sequence[Sequence[str]] = list(rows)
    if spare is not None:
        titles, cells = fitted(titles, cells, [columns.index(name) for name in spare], console.width)
    table = Table(*titles, box=None, pad_edge=False)
    least = list(map(_least_width, zip(titles, *cells, strict=True)))
    least[0] = max(len(row[0]) for row in (titles, *cells))
    for column, width in zip(table.columns, least, strict=True):
        column.overflow = "fold"
        column.no_wrap = spare is not None
        column.min_width = width
    table.columns[0].no_wrap = True
    console.width = max(console.width, sum(least) + GAP_COLUMNS * (len(least) - 1))  # the terminal wraps it
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    if spare is not None:
        console.width = WIDEST_COLUMNS  # a row that is wider all the same is the terminal's to wrap
    with console.capture() as printed:
        console.print(table)
    print(*(line.rstrip() for line in printed.get().splitlines()), sep="\n")


def _least_width(texts: Sequence[str]) -> int:
    """The least width of a column with these texts, in terminal columns."""
    longest = max(len(word) for text in texts for word in (*text.split(), ""))
    return min(LEAST_FOLDED_COLUMNS, longest)


def fitted(
    titles: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[int], width: int
) -> tuple[list[str], list[list[str]]]:
    """Make a table fit a width: cut its `spare` columns short, or drop them."""
    from rich.cells import cell_len

    table = [list(titles), *(list(row) for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    kept = list(range(len(titles)))
    for at in spare:
        too_wide = sum(widths[it] for it in kept) + GAP_COLUMNS * (len(kept) - 1) - width
        if too_wide <= 0:
            break
        if widths[at] - too_wide >= max(LEAST_CUT_COLUMNS, cell_len(titles[at])):
            widths[at] -= too_wide
        else:
            kept.remove(at)
    cut = [[_cut(row[at], widths[at]) for at in kept] for row in table]
    return cut[0], cut[1:]


def _cut(text: str, width: int) -> str:
    """Cut a text to this width, with an ellipsis at the end."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def print_markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows as a Markdown table, each row on one line."""
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    for line in lines:
        print("| " + " | ".join(line) + " |")


def number_option(name: str, text: str, least: float, most: float = float("inf")) -> Any:
    """An option for a number from `least` to `most`; `text` is its help."""
    return typer.Option(name, metavar="N", callback=_within(least, most), help=text)


def examples(*lines: str) -> str:
    """The epilog of a command: what one might type."""
    return "\n\n".join(["Examples:", *lines])


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _within(least: float, most: float) -> Callable[[_Number | None], _Number | None]:
    """Make an option's callback that refuses numbers below `least` or above `most` (exit 2)."""

    def check(value: _Number | None) -> _Number | None:
        if value is None or least <= value <= most:
            return value
        wanted = f"{least:g} or more" if most == float("inf") else f"from {least:g} to {most:g}"
        raise typer.BadParameter(f"{value:g} is not {wanted}")

    return check
