"""`dlq replay`: dead letters back to the source topic, for another round of attempts.

The rule: it asks first. What goes back, and how, is said in `worker/ops/replay.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.common import (
    WRONG,
    DestinationOption,
    Output,
    OutputOption,
    fail,
    load_settings,
    number_option,
    print_rows,
    told,
)
from worker.cli.filters import filtered
from worker.cli.progress import shown
from worker.cli.publishing import deliver, waiting
from worker.ops.dead_letters import dlq_reader, matching, row_of
from worker.ops.filters import Filters
from worker.ops.publishing import Words
from worker.ops.replay import choose, items_of, read_again

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.settings import Settings

WORDS = Words("replayed", "dead letter", "dead letters")
COLUMNS = ("where", "dead_at", "reason", "status", "replays", "event_id")


@filtered
def replay(
    ctx: typer.Context,
    filters: Filters,
    limit: Annotated[
        int,
        number_option("--limit", "Only so many, the newest that match; 0 is all.", 0),
    ] = 0,
    rate: Annotated[
        float | None,
        number_option("--rate", "At most so many a second; else all at once.", 0.001),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print which would be replayed, and replay none.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    destination: DestinationOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Send dead letters to the source topic again, where they begin with no attempts made.

    Each conversion goes once. The letters stay: replay them a second time, and the partner may count twice.

    A conversion whose window has closed dies again.

    It waits for the broker as long as it takes; Ctrl-C ends it. However it ends, it says how many were
    replayed, which ones may have been (no answer came), and how many were not sent.
    """
    settings = load_settings(ctx, destination)
    if not (yes or dry_run or has_terminal()):
        fail("give --yes, for there is nobody to ask", "--dry-run prints what would be replayed", WRONG)
    with told(), dlq_reader(settings) as reader:
        wanted = choose(matching(reader, Filters(since=filters.since), shown), filters, limit)
        letters = read_again(reader, settings.dlq_topic, wanted, waiting)
        if dry_run:
            print_rows([row_of(letter, COLUMNS) for letter in letters], output, COLUMNS)
        elif wanted and (yes or _agreed(len(wanted), settings)):
            _replay(settings, letters, len(wanted), rate)
        else:
            print("replayed nothing")


def has_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty()


def _agreed(count: int, settings: Settings) -> bool:
    return typer.confirm(f"replay {WORDS.counted(count)} to {settings.kafka.topic}?", err=True)


def _replay(settings: Settings, letters: Iterator[DeadLetter], count: int, rate: float | None) -> None:
    """Publish them, await every answer, and say what became of each."""
    items = items_of(letters, settings.destination.name, rate, lambda paced: shown(paced, "replaying", count))
    deliver(settings, items, count, WORDS)
