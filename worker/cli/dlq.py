"""`dlq`: look into the dead-letter topic, take it elsewhere, send what is in it again, or remove it.

The rule: all but `replay` and `purge` only read, and never touch the worker's group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.common import (
    DestinationOption,
    Output,
    OutputOption,
    errors_shown,
    examples,
    fail,
    load_settings,
    number_option,
    print_json,
    print_json_line,
    say,
)
from worker.cli.filters import filtered
from worker.cli.progress import shown
from worker.cli.purge import purge
from worker.cli.replay import replay
from worker.cli.tables import print_fields, print_rows
from worker.ops.dead_letters import (
    GROUP_COLUMNS,
    at_place,
    dlq_reader,
    grouped,
    matching,
    newest_matching,
    row_of,
    whole,
    whole_row_of,
)
from worker.ops.filters import Filters

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.settings import Settings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Look into the dead-letter topic, replay or purge it.",
)

COLUMNS = ("where", "dead_at", "reason", "status", "attempts", "event_id", "error")
SPARE = ("error", "attempts", "status", "dead_at")
"""Columns that a narrow terminal drops, first to last."""

_PLACE = re.compile(r"([0-9]{1,9})/([0-9]{1,18})")


@app.command(
    "list",
    epilog=examples(
        "postback-worker dlq list",
        "postback-worker dlq list --reason exhausted --since 2h",
        "postback-worker dlq list --click-id 9f8e7d6c5b4a3928 -o json",
    ),
)
@filtered
def list_(
    ctx: typer.Context,
    filters: Filters,
    limit: Annotated[
        int,
        number_option("--limit", "Only so many, the newest that match; 0 is all.", 0),
    ] = 100,
    destination: DestinationOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List dead letters, the newest last; with -o json whole, as `show` has them.

    Where there are more than --limit, the newest are shown.
    """
    keep = whole_row_of if output is Output.JSON else partial(row_of, columns=COLUMNS)
    with errors_shown(), dlq_reader(load_settings(ctx, destination)) as reader:
        found = newest_matching(reader, filters, limit, keep, shown)
    if output is Output.JSON:
        print_json(found.letters)
    else:
        print_rows(found.letters, output, COLUMNS, SPARE)
    if not found.is_all:
        say(f"hint: the newest {len(found.letters)}, older ones were not looked at; --limit 0 shows all")
    elif found.matched > len(found.letters):
        say(f"hint: the newest {len(found.letters)} of {found.matched}; --limit 0 shows all")


@app.command(
    epilog=examples(
        "postback-worker dlq show 0/12",
        "postback-worker dlq show --event-id order-1001",
        "postback-worker dlq show --reason invalid --limit 3",
        "postback-worker dlq show 0/12 -o json",
    )
)
@filtered
def show(
    ctx: typer.Context,
    filters: Filters,
    where: Annotated[
        str | None,
        typer.Argument(metavar="PARTITION/OFFSET", help="As `list` shows it.", show_default=False),
    ] = None,
    limit: Annotated[
        int, number_option("--limit", "So many, the newest that match; with -o json an array, but for 1.", 1)
    ] = 1,
    destination: DestinationOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show everything of one dead letter: why it died, its key, its value, all its headers.

    Give its place, or filters: then it is the newest that matches.
    """
    if (where is None) == (filters == Filters()):
        raise typer.BadParameter("give either PARTITION/OFFSET or filters such as --event-id")
    settings = load_settings(ctx, destination)
    letters = [_at(settings, where)] if where is not None else _newest(settings, filters, limit)
    if output is Output.JSON:
        told_all = list(map(whole_row_of, letters))
        print_json(told_all[0] if limit == 1 else told_all)
        return
    for number, letter in enumerate(letters):
        if number:
            print()
        print_fields(_fields(letter))


@app.command(
    epilog=examples(
        "postback-worker dlq export > dead-letters.jsonl",
        "postback-worker dlq export --reason invalid --since 7d | jq -r .value",
    )
)
@filtered
def export(
    ctx: typer.Context,
    filters: Filters,
    limit: Annotated[
        int,
        number_option("--limit", "Only so many, the newest that match; 0 is all, as read.", 0),
    ] = 0,
    destination: DestinationOption = None,
) -> None:
    """Write dead letters as JSON Lines, each whole, as `show` has it."""
    with errors_shown(), dlq_reader(load_settings(ctx, destination)) as reader:
        every = matching(reader, filters, shown)
        for letter in newest_matching(reader, filters, limit, whole, shown).letters if limit else every:
            print_json_line(letter.to_json())


@app.command(
    epilog=examples("postback-worker dlq stats", "postback-worker dlq stats --since 24h -o json"),
)
@filtered
def stats(
    ctx: typer.Context,
    filters: Filters,
    limit: Annotated[
        int,
        number_option("--limit", "Only so many rows, the most frequent; 0 is all.", 0),
    ] = 0,
    destination: DestinationOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Count dead letters by reason and last status, the most frequent first."""
    with errors_shown(), dlq_reader(load_settings(ctx, destination)) as reader:
        groups = grouped(matching(reader, filters, shown))
    print_rows(
        [group.row() for group in groups[: limit or None]], output, GROUP_COLUMNS, ("newest", "oldest")
    )


app.command(
    epilog=examples(
        "postback-worker dlq replay --reason exhausted --since 2h --dry-run",
        "postback-worker dlq replay --reason exhausted --since 2h --rate 50 --yes",
        "postback-worker dlq replay --event-id order-1001 --set payout=49.99",
        "postback-worker dlq export --reason invalid > bad.jsonl   # edit it, then:",
        "postback-worker dlq replay --from bad.jsonl --dry-run",
    )
)(replay)
app.command(
    epilog=examples(
        "postback-worker dlq purge --before 30d --dry-run",
        "postback-worker dlq purge --before 2026-01-31T00:00:00Z --yes",
    )
)(purge)


def _newest(settings: Settings, filters: Filters, limit: int) -> Sequence[DeadLetter]:
    with errors_shown(), dlq_reader(settings) as reader:
        found = newest_matching(reader, filters, limit, whole, shown)
    if not found.letters:
        of = f"has the event id {filters.event_id}" if filters.event_id else "matches"
        fail(f"no dead letter {of}")
    if not found.is_all:
        say(f"hint: the newest {len(found.letters)}; `dlq list` shows others")
    elif found.matched > len(found.letters):
        which = "--event-id" if filters.event_id else "with the same filters"
        say(f"hint: the newest of {found.matched}; `dlq list {which}` shows all")
    return found.letters


def _at(settings: Settings, where: str) -> DeadLetter:
    from worker.core.record import Partition

    place = _PLACE.fullmatch(where)
    if place is None:
        raise typer.BadParameter(f"{where!r} is not PARTITION/OFFSET, such as 0/12")
    with errors_shown(), dlq_reader(settings) as reader:
        return at_place(reader, Partition(settings.dlq_topic, int(place[1])), int(place[2]))


def _fields(letter: DeadLetter) -> Iterator[tuple[str, object]]:
    """The fields, then the record: its key, every header, its value."""
    fields = letter.model_dump(mode="json")
    key, value, headers = (fields.pop(name) for name in ("key", "value", "headers"))
    record = [("key", key), *((f"header {name}", content) for name, content in headers), ("value", value)]
    for name, content in [*fields.items(), *record]:
        yield name, _text(content)


def _text(content: object) -> object:
    """Show bytes that are not text as `base64:…`, anything else as it is."""
    return f"base64:{content['base64']}" if isinstance(content, dict) else content
