"""`dlq replay`: send dead letters back to the source topic, for another round of attempts.

The rule: it asks first. `worker/ops/replay.py` says what goes back, and how; `worker/ops/replaying.py` says
how an interrupted replay is continued.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from worker.cli.common import (
    FAILED,
    WRONG,
    DestinationOption,
    Output,
    OutputOption,
    errors_shown,
    fail,
    fail_all,
    load_deployment,
    number_option,
    say,
    settings_told,
)
from worker.cli.completion import fields
from worker.cli.filters import filtered
from worker.cli.ordering import giver
from worker.cli.progress import shown
from worker.cli.publishing import deliver, waits
from worker.cli.tables import print_rows
from worker.ops.dead_letters import dlq_reader, row_of
from worker.ops.edits import NOTHING, Edit, read_edited, setting
from worker.ops.filters import Filters
from worker.ops.hearing import Hearing
from worker.ops.publishing import Words

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.ops.plan_lease import PlanLease
    from worker.ops.replaying import PreparedReplay, Replaying, ReplayRequest
    from worker.settings import Deployment, Settings

WORDS = Words("replayed", "dead letter", "dead letters")
COLUMNS = ("where", "dead_at", "reason", "status", "replays", "event_id")
SPARE = ("replays", "status", "dead_at")
"""Columns that a narrow terminal drops, first to last."""

_NOT_ASKED = frozenset({"rate", "dry_run", "yes", "destination", "output", "from_"})
"""Options that do not change which letters are sent, or their content."""


LimitOption = Annotated[int, number_option("--limit", "Only so many, the newest that match; 0 is all.", 0)]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Set a field of each event: payout=49.99; without a value it is removed. May be repeated.",
        autocompletion=fields,
    ),
]
FromOption = Annotated[
    Path | None,
    typer.Option("--from", metavar="FILE", help="Replay the lines of an edited `dlq export` instead."),
]
AgainOption = Annotated[
    bool, typer.Option("--again", help="Include what was replayed before and has not died again.")
]
RateOption = Annotated[
    float | None, number_option("--rate", "At most so many a second; else all at once.", 0.001)
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Print which would be replayed, and replay none.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


class _How(NamedTuple):
    """How to replay: the most letters per second, whether only to print, whether to skip the question."""

    rate: float | None
    dry_run: bool
    yes: bool
    output: Output


@filtered
def replay(
    ctx: typer.Context,
    filters: Filters,
    limit: LimitOption = 0,
    set_: SetOption = None,
    from_: FromOption = None,
    again: AgainOption = False,
    rate: RateOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    destination: DestinationOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Send dead letters to the source topic again; each begins with no attempts made.

    Each conversion goes once, to the partition that it came from. The letters stay; those that were replayed
    and have not died again are left out. What would only die again (its window has closed, it is invalid as
    it stands) does not go, and is counted.

    What is edited by --set or --from is checked whole before anything goes, and keeps its event id.

    It waits for the broker as long as it takes; Ctrl-C ends it. However it ends, the same command goes on
    where it was broken off, and sends nothing twice.
    """
    from worker.settings.deployment import choose

    deployment = load_deployment(ctx)
    with settings_told():
        settings = choose(deployment, destination)
    if not (yes or dry_run or has_terminal()):
        fail("give --yes, for there is nobody to ask", "--dry-run prints what would be replayed", WRONG)
    with errors_shown():
        edit = _edited(from_, settings) if from_ is not None else setting(set_ or [])
        asked = _asked(ctx, filters, limit, edit, again=again)
        _run(deployment, settings, asked, _How(rate, dry_run, yes, output))


def _run(deployment: Deployment, settings: Settings, asked: ReplayRequest, how: _How) -> None:
    """Say what goes and what does not, ask, and replay."""
    from worker.ops.replaying import Replaying

    with dlq_reader(settings) as reader:
        replaying = Replaying(deployment, settings, reader, Hearing(say, waits))
        ready = replaying.ready(asked, time.time(), shown)
        _tell(ready)
        if how.dry_run:
            rows = [row_of(letter, COLUMNS) for letter in replaying.letters(ready)]
            print_rows(rows, how.output, COLUMNS, SPARE)
        elif ready.left and (how.yes or _agreed(len(ready.left), settings)):
            with replaying.begun(ready) as holding:
                _replay(settings, replaying, ready, holding, how.rate)
                replaying.end(ready)
        else:
            _nothing(replaying, ready)


def has_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty()


def _edited(file: Path, settings: Settings) -> Edit:
    try:
        with file.open("rb") as stream:
            return read_edited(stream, str(file), settings.dlq_topic)
    except OSError as error:
        fail(f"can't read {file}: {error.strerror or error}", code=WRONG)


def _asked(
    ctx: typer.Context, filters: Filters, limit: int, edit: Edit | None, *, again: bool
) -> ReplayRequest:
    """Put together what was asked for; --from says by itself which letters are meant."""
    from worker.ops.replaying import ReplayRequest

    words = {name: given for name, given in ctx.params.items() if given and name not in _NOT_ASKED}
    if edit is not None and edit.digest:
        if words.keys() - {"again"}:
            raise typer.BadParameter("--from says which letters go, and as what: without filters and --set")
        words["from"] = edit.digest
    question = json.dumps(words, sort_keys=True, default=str)
    return ReplayRequest(filters, limit, again, edit, question, giver().by, ctx.params["rate"])


def _tell(ready: PreparedReplay) -> None:
    """Say what does not go, and why; end with exit 1 where an edit is wrong."""
    from worker.ops.checking import MOST_SHOWN_LINES, told_of

    if ready.faults:
        fail_all(told_of(ready.faults[:MOST_SHOWN_LINES], len(ready.faults) - MOST_SHOWN_LINES), NOTHING)
    if ready.goes_on:
        gone = f"; {ready.gone} are no dead letters any more, sent or not" if ready.gone else ""
        say(f"goes on with a replay of {ready.plan.total}: {ready.left_out} of them are there{gone}")
    elif ready.left_out:
        beside = ", or are of another replay, which is under way" * ready.is_beside_others
        which = f"that went before and did not die again (--again){beside}"
        say(f"left out: {WORDS.counted(ready.left_out)} {which}")
    for reason, count in sorted(ready.refused.items()):
        say(f"refused: {WORDS.counted(count)} that would only die again: {reason}")


def _nothing(replaying: Replaying, ready: PreparedReplay) -> None:
    """Say that nothing went; exit 1 where all that is meant was refused."""
    if ready.goes_on and not ready.left:
        with replaying.begun(ready):
            replaying.end(ready)
    print("replayed nothing")
    if ready.refused and not ready.left:
        raise typer.Exit(FAILED)


def _agreed(count: int, settings: Settings) -> bool:
    return typer.confirm(f"replay {WORDS.counted(count)} to {settings.kafka.topic}?", err=True)


def _replay(
    settings: Settings, replaying: Replaying, ready: PreparedReplay, holding: PlanLease, rate: float | None
) -> None:
    """Publish them, await every answer, and say what became of each."""
    from worker.ops.replay import items_of

    count = len(ready.left)

    def progress(paced: Iterator[DeadLetter]) -> Iterator[DeadLetter]:
        return shown(paced, "replaying", count)

    items = items_of(replaying.letters(ready), ready.outbound, rate, progress)
    deliver(settings, holding.while_ours(items), count, WORDS)
