"""`cancel`: end matching pending conversions as `cancelled` dead letters; list and end such orders.

The rule: it counts the matches before it asks; nothing that was sent is taken back.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.common import (
    DestinationOption,
    Output,
    OutputOption,
    errors_shown,
    examples,
    is_of_subcommand,
    load_deployment,
    load_settings,
    print_json,
    print_line,
    settings_told,
)
from worker.cli.event_filters import Wanted, of_pending
from worker.cli.ordering import OrderOptions, asking, giver, order_once_agreed
from worker.cli.progress import shown
from worker.cli.tables import print_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.core.orders import CancelOrder

COLUMNS = ("id", "filter", "at", "until", "by", "because")
SPARE = ("because", "by", "at", "until", "filter")
"""Columns that a narrow terminal drops, first to last."""

app = typer.Typer(add_completion=False)

StandsOption = Annotated[
    str | None,
    typer.Option(
        "--for", metavar="AGE", help="How long it stands: 30m, 2h, 7d. By default for the longest delay."
    ),
]


@app.callback(
    invoke_without_command=True,
    epilog=examples(
        "postback-worker cancel --offer-id 7 --dry-run",
        'postback-worker cancel --offer-id 7 --for 2h --because "the offer has ended"',
        "postback-worker cancel list",
        "postback-worker cancel end 9f8e7d6c",
    ),
)
@of_pending
@asking
def cancel(
    ctx: typer.Context,
    wanted: Wanted,
    manner: OrderOptions,
    for_: StandsOption = None,
    destination: DestinationOption = None,
) -> None:
    """End as cancelled what matches all that is given: what is pending, and what comes meanwhile.

    It is not sent, and lies in the dead letters, from where it can be replayed once this has ended. What is
    asked of the last attempt (--status, --reason, --error) only what waits in a tier can match.
    """
    from worker.ops import orders, pending
    from worker.settings.deployment import choose

    if is_of_subcommand(ctx):
        return
    deployment = load_deployment(ctx)
    with settings_told():
        settings = choose(deployment, destination)
    with errors_shown():
        orders.must_name(wanted)
        seconds = orders.seconds_of(for_) or orders.longest_delay(settings)
        on_source = pending.on_source(deployment, settings, wanted, shown)
        found = chain(on_source, pending.in_tiers(settings, wanted, shown))
        order_once_agreed(
            settings,
            found,
            f"cancel what matches {wanted}, and what comes meanwhile",
            lambda giver: orders.cancel(settings, giver, wanted, seconds),
            manner,
        )


@app.command("list", epilog=examples("postback-worker cancel list", "postback-worker cancel list -o json"))
def list_(
    ctx: typer.Context, destination: DestinationOption = None, output: OutputOption = Output.TABLE
) -> None:
    """List the cancellations that stand."""
    from worker.ops import orders

    settings = load_settings(ctx, destination)
    with errors_shown():
        standing = orders.standing(settings).cancels(giver().now)
    print_rows([_row(order) for order in standing], output, COLUMNS, SPARE)


@app.command(epilog=examples("postback-worker cancel end 9f8e7d6c"))
def end(
    ctx: typer.Context,
    cancel_id: Annotated[str, typer.Argument(metavar="ID", help="The id, as `cancel list` shows it.")],
    destination: DestinationOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """End a cancellation: what matches is sent from then on. What it ended stays in the dead letters.

    An order that can't be read, for which nothing is sent, is ended by its key, as `status` shows it.
    """
    from worker.core.orders import OrderEnd, described
    from worker.ops import orders

    settings = load_settings(ctx, destination)
    with errors_shown():
        ended = orders.end_order(settings, giver(), cancel_id)
    name = settings.destination.name
    if output is Output.JSON:
        print_json({"destination": name, "ended": orders.as_json(ended, name)})
    else:
        print_line(f"{name}: {'' if isinstance(ended, OrderEnd) else 'ended: '}{described(ended)}")


def _row(order: CancelOrder) -> Mapping[str, object]:
    from schemas import format_time

    return {
        "id": order.id,
        "filter": f"{order.filter}{' (waiting)' if order.waiting else ''}",
        "at": format_time(order.provenance.at),
        "until": None if order.until is None else format_time(order.until),
        "by": order.provenance.by,
        "because": order.provenance.because,
    }
