"""`rate`: bound the attempts per second of all workers of a destination together.

The rule: it replaces POSTBACK_DESTINATION__RATE, which applies again when the order ends.
"""

from __future__ import annotations

from typing import Annotated

import typer

from worker.cli.common import DestinationOption, Output, OutputOption, errors_shown, examples, load_settings
from worker.cli.ordering import BecauseOption, ForOption, giver, tell

app = typer.Typer(add_completion=False)


@app.command(
    epilog=examples(
        "postback-worker rate 60",
        'postback-worker rate 10 --for 2h --because "they asked for less"',
        "postback-worker rate off",
    )
)
def rate(
    ctx: typer.Context,
    per_second: Annotated[
        str, typer.Argument(metavar="N|off", help="Attempts a second, such as 60 or 0.5; `off` ends it.")
    ],
    for_: ForOption = None,
    because: BecauseOption = None,
    destination: DestinationOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Limit the attempts a second of all workers together; each takes the share of its partitions.

    It counts in the place of POSTBACK_DESTINATION__RATE, up or down, until `rate off` or after --for.
    """
    from worker.ops import orders

    settings = load_settings(ctx, destination)
    with errors_shown():
        order = orders.limit(settings, giver(because), _number(per_second), orders.seconds_of(for_))
    tell(order, settings, output)


def _number(text: str) -> float | None:
    if text == "off":
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise typer.BadParameter(f"{text!r} is neither a number above 0 nor `off`", param_hint="N|off")
    return number
