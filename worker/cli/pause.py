"""`pause`: no worker of a destination sends anything until `resume`, or for a while.

The rule: requests in flight finish; events wait in Kafka and use up no attempt.
"""

from __future__ import annotations

import typer

from worker.cli.common import DestinationOption, Output, OutputOption, errors_shown, examples, load_settings
from worker.cli.ordering import BecauseOption, ForOption, giver, tell

app = typer.Typer(add_completion=False)


@app.command(
    epilog=examples(
        "postback-worker pause",
        'postback-worker pause --for 30m --because "the partner moves house"',
        "postback-worker pause --destination voluum -o json",
    )
)
def pause(
    ctx: typer.Context,
    for_: ForOption = None,
    because: BecauseOption = None,
    destination: DestinationOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Stop all workers of a destination from sending, within a second, also those that start later.

    It ends by `resume`, or after --for. Nothing is lost or used up by it; an event whose window closes
    meanwhile expires, as it would for a partner that is down.
    """
    from worker.ops import orders

    settings = load_settings(ctx, destination)
    with errors_shown():
        order = orders.pause(settings, giver(because), orders.seconds_of(for_))
    tell(order, settings, output)
