"""`destinations`: the configured destinations, and what a request to each looks like.

The rule: it contacts neither Kafka nor a destination.
"""

from __future__ import annotations

from typing import Annotated

import typer

from worker.cli.common import (
    Output,
    OutputOption,
    examples,
    is_of_subcommand,
    load_deployment,
    print_json,
    settings_told,
    warn,
)
from worker.cli.completion import destinations as configured
from worker.cli.send import print_request, request_object
from worker.cli.tables import print_fields, print_rows

SPARE = ("method", "url", "takes")
"""Columns that a narrow terminal drops, first to last."""

app = typer.Typer(add_completion=False, help="List the destinations that are configured, or explain one.")


@app.callback(
    invoke_without_command=True,
    epilog=examples("postback-worker destinations", "postback-worker destinations show momentscience"),
)
def list_(ctx: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """List the destinations: what each takes, where it sends, and as which consumer group."""
    if is_of_subcommand(ctx):
        return
    from worker.ops.destinations import DestinationRow, rows_of

    print_rows(
        [row._asdict() for row in rows_of(load_deployment(ctx))], output, DestinationRow._fields, SPARE
    )


@app.command(
    epilog=examples(
        "postback-worker destinations show momentscience",
        "postback-worker destinations show momentscience -o json",
    )
)
def show(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="The name, as `destinations` lists it.", autocompletion=configured
        ),
    ],
    output: OutputOption = Output.TABLE,
) -> None:
    """Explain one destination, with the request that a sample event makes; secrets are masked."""
    from worker.ops.destinations import show as shown_by

    deployment = load_deployment(ctx)
    with settings_told():
        shown = shown_by(deployment, name)
    if output is Output.JSON:
        request = None if shown.request is None else request_object(shown.request)
        print_json({**dict(shown.fields), "request": request})
    else:
        print_fields(shown.fields)
        if shown.request is not None:
            print()
            print_request(shown.request)
    if shown.why_not is not None:
        warn(f"no request can be made of the sample event: {shown.why_not}")
