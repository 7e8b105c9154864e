"""`config`: check, show and explain the settings."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from worker.cli.common import Output, OutputOption, examples, load_settings, print_markdown, print_rows

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Check, show and explain the settings.")


class Form(StrEnum):
    """How the reference is printed."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


@app.command(epilog=examples("postback-worker config show", "postback-worker config show -o json"))
def show(ctx: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """Show the settings in effect and where each came from; secrets are masked."""
    from worker.settings import Effective, effective

    rows = [row._asdict() for row in effective(load_settings(ctx))]
    print_rows(rows, output, Effective._fields)


@app.command(epilog=examples("postback-worker config schema", "postback-worker config schema -o markdown"))
def schema(
    output: Annotated[
        Form, typer.Option("--output", "-o", help="How the reference is printed.")
    ] = Form.TABLE,
) -> None:
    """Explain every setting: variable, default, type, meaning."""
    from worker.settings import Entry, describe

    rows = describe()
    if output is Form.MARKDOWN:
        print_markdown(Entry._fields, [(f"`{row.variable}`", _code(row.default), *row[2:]) for row in rows])
    else:
        print_rows([row._asdict() for row in rows], Output(output), Entry._fields)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
