"""`resume`: the end of a pause.

The rule: it says which pause it ended; that none stood is no error.
"""

from __future__ import annotations

import typer

from worker.cli.common import (
    DestinationOption,
    Output,
    OutputOption,
    errors_shown,
    examples,
    load_settings,
    print_json,
    print_line,
)
from worker.cli.ordering import giver

app = typer.Typer(add_completion=False)


@app.command(epilog=examples("postback-worker resume", "postback-worker resume --destination voluum -o json"))
def resume(
    ctx: typer.Context, destination: DestinationOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Have the workers of a destination send again, from a second on."""
    from worker.core.orders import described
    from worker.ops import orders

    settings = load_settings(ctx, destination)
    with errors_shown():
        stood = orders.resume(settings, giver())
    name = settings.destination.name
    if output is Output.JSON:
        ended = None if stood is None else orders.as_json(stood, name)
        print_json({"destination": name, "ended": ended})
    else:
        print_line(f"{name}: {'no pause stood' if stood is None else f'ended: {described(stood)}'}")
