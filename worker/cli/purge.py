"""`dlq purge`: remove old dead letters for good.

The rule: it asks first.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.common import (
    WRONG,
    DestinationOption,
    Output,
    OutputOption,
    errors_shown,
    fail,
    load_settings,
)
from worker.cli.progress import shown
from worker.cli.replay import WORDS, has_terminal
from worker.cli.tables import print_rows
from worker.ops.dead_letters import dlq_reader
from worker.ops.filters import WrongFilter, read_time
from worker.ops.purging import purge as purge_them
from worker.ops.purging import purgeable

if TYPE_CHECKING:
    from worker.settings import Settings

COLUMNS = ("partition", "from", "to", "letters")


def purge(
    ctx: typer.Context,
    before: Annotated[
        str,
        typer.Option("--before", metavar="TIME", help="Dead before: 2026-01-31T12:00:00Z, or an age: 30d."),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be removed, and remove nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    destination: DestinationOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Remove the dead letters that died before a time, for good; they can't be replayed any more.

    Kafka removes records from the beginning of a partition on, so there are no filters.
    """
    settings = load_settings(ctx, destination)
    if not (yes or dry_run or has_terminal()):
        fail("give --yes, for there is nobody to ask", "--dry-run prints what would be removed", WRONG)
    moment = _moment(before)
    with errors_shown(), dlq_reader(settings) as reader:
        spans = purgeable(reader, moment, shown)
        count = sum(span.length for span in spans.values())
        if dry_run:
            rows = [
                dict(zip(COLUMNS, (at.number, span.start, span.end - 1, span.length), strict=True))
                for at, span in spans.items()
            ]
            print_rows(rows, output, COLUMNS, ())
        elif count and (yes or _agreed(count, settings)):
            purge_them(settings, spans)
            print(f"purged {WORDS.counted(count)} of {settings.dlq_topic}")
        else:
            print("purged nothing")


def _moment(text: str) -> float:
    try:
        return read_time("before", text, time.time()) or 0.0
    except WrongFilter as wrong:
        raise typer.BadParameter(str(wrong), param_hint="--before") from wrong


def _agreed(count: int, settings: Settings) -> bool:
    return typer.confirm(f"remove {WORDS.counted(count)} of {settings.dlq_topic} for good?", err=True)
