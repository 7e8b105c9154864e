"""`waiting`: list what waits in the delay tiers, send it at once, or end it.

The rule: `list` only reads; the others are orders to the workers about what lies there now.
"""

from __future__ import annotations

import sys
from contextlib import closing
from itertools import islice
from typing import Annotated

import typer

from worker.cli.common import (
    DestinationOption,
    Output,
    OutputOption,
    errors_shown,
    examples,
    load_settings,
    number_option,
    say,
)
from worker.cli.event_filters import Wanted, of_pending
from worker.cli.ordering import OrderOptions, asking, order_once_agreed
from worker.cli.progress import shown
from worker.cli.tables import print_rows

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="What waits in the tiers: list it, send it, end it."
)

COLUMNS = ("where", "due_at", "attempts", "status", "event_id", "error")
SPARE = ("error", "attempts", "status", "due_at")
"""Columns that a narrow terminal drops, first to last."""

ALL_COLUMNS = ("where", "due_at", "attempts", "status", "reason", "event_id", "click_id", "error")


@app.command(
    "list",
    epilog=examples(
        "postback-worker waiting list",
        "postback-worker waiting list --status 404",
        "postback-worker waiting list --offer-id 7 -o json",
    ),
)
@of_pending
def list_(
    ctx: typer.Context,
    wanted: Wanted,
    limit: Annotated[int, number_option("--limit", "Only so many, as read; 0 is all.", 0)] = 100,
    destination: DestinationOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List what waits in the tiers: when it is due, and what its last attempt came to."""
    from worker.ops import pending

    with (
        errors_shown(),
        closing(pending.in_tiers(load_settings(ctx, destination), wanted, shown)) as found,
    ):
        rows = [pending.row_of(one) for one in islice(found, min(limit, sys.maxsize) or None)]
        has_more = next(found, None) is not None
    print_rows(rows, output, ALL_COLUMNS if output is Output.JSON else COLUMNS, SPARE)
    if has_more:
        say(f"hint: the first {len(rows)}; --limit 0 shows all")


@app.command(
    epilog=examples(
        "postback-worker waiting now --status 404 --dry-run",
        "postback-worker waiting now --status 404 --yes",
    )
)
@of_pending
@asking
def now(
    ctx: typer.Context, wanted: Wanted, manner: OrderOptions, destination: DestinationOption = None
) -> None:
    """Make the next attempt of what waits at once, as if it were due: after a mended URL, say.

    It uses up no attempt more than that one. What is tried again later waits as ever.
    """
    from worker.ops import orders, pending

    settings = load_settings(ctx, destination)
    with errors_shown():
        order_once_agreed(
            settings,
            pending.in_tiers(settings, wanted, shown),
            f"send what waits and is {wanted} now",
            lambda giver: orders.hurry(settings, giver, wanted),
            manner,
        )


@app.command(
    epilog=examples(
        "postback-worker waiting drop --offer-id 7 --dry-run",
        "postback-worker waiting drop --offer-id 7 --yes",
    )
)
@of_pending
@asking
def drop(
    ctx: typer.Context, wanted: Wanted, manner: OrderOptions, destination: DestinationOption = None
) -> None:
    """End what waits as cancelled: it lies in the dead letters then, from where it can be replayed."""
    from worker.ops import orders, pending

    settings = load_settings(ctx, destination)
    with errors_shown():
        orders.must_name(wanted)
        order_once_agreed(
            settings,
            pending.in_tiers(settings, wanted, shown),
            f"end what waits and is {wanted}",
            lambda giver: orders.drop(settings, giver, wanted),
            manner,
        )
