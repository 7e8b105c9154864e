"""`explain`: the life of one conversion, and one line on what became of it.

The rule: exit 1 for a conversion that was never published, or of which nothing can be told for sure; the
answer goes to stdout either way.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.common import (
    FAILED,
    DestinationOption,
    Output,
    OutputOption,
    errors_shown,
    examples,
    load_deployment,
    print_json,
    print_line,
)
from worker.cli.filters import filters_told
from worker.cli.tables import print_rows

if TYPE_CHECKING:
    from worker.ops.explain import Explanation

app = typer.Typer(add_completion=False)


@app.command(
    epilog=examples(
        "postback-worker explain order-1001",
        "postback-worker explain --click-id 9f8e7d6c5b4a3928 --since 7d",
        "postback-worker explain --order-id 1001 -o json | jq -r .verdict",
    )
)
def explain(
    ctx: typer.Context,
    event_id: Annotated[
        str | None, typer.Argument(metavar="EVENT_ID", help="The event.", show_default=False)
    ] = None,
    click_id: Annotated[
        str | None, typer.Option("--click-id", help="Every conversion of this click instead.")
    ] = None,
    order_id: Annotated[
        str | None, typer.Option("--order-id", help="Every conversion of this order instead.")
    ] = None,
    since: Annotated[
        str,
        typer.Option(
            "--since", metavar="TIME", help="How far back to look: 2026-01-31T12:00:00Z, or 2h, 7d."
        ),
    ] = "48h",
    destination: DestinationOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell the life of a conversion: published, each attempt and its answer, where it waits, how it ended."""
    from worker.core.life import LifeVerdict
    from worker.ops.explain import explain as find
    from worker.ops.explain_reading import SoughtConversion
    from worker.ops.explained import as_json

    given = {"event_id": event_id, "click_id": click_id, "order_id": order_id}
    chosen = [SoughtConversion(field, value) for field, value in given.items() if value is not None]
    if len(chosen) != 1 or not chosen[0].value:
        raise typer.BadParameter("give either EVENT_ID, --click-id or --order-id, and none that is empty")
    deployment = load_deployment(ctx, only=[destination] if destination else None)
    with errors_shown(), filters_told():
        found = find(deployment, chosen[0], since, time.time())
    if output is Output.JSON:
        print_json(as_json(found, chosen[0]))
    else:
        _print(found, deployment.is_several)
    if all(one.summary.verdict in {None, LifeVerdict.NEVER_PUBLISHED} for one in found):
        raise typer.Exit(FAILED)


def _print(found: Sequence[Explanation], several: bool) -> None:
    from worker.core.life import LifeVerdict
    from worker.ops.explained import rows

    for one in found:
        if len(found) > 1 or (several and one.summary.verdict is not LifeVerdict.NEVER_PUBLISHED):
            name = one.event_id or "without an event id"
            print_line(f"{name} at {one.destination}" if several else name)
        if one.timeline:
            print_rows(rows([one]), Output.TABLE, ("at", "what"), ())
        print_line(one.summary.line)
