"""`topics`: make and check the delay tiers and the dead-letter topic.

The rule: it deletes and narrows nothing, and leaves the source topic as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
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
    number_option,
    print_json,
    say,
    warn,
)
from worker.cli.tables import TableRow, print_rows

if TYPE_CHECKING:
    from worker.ops.topics import TopicRow
    from worker.settings import Deployment

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Make and check the retry and dead-letter topics."
)

MADE = ("topic", "partitions", "retention_seconds", "result")
CHECKED = ("topic", "partitions", "retention_seconds", "max_message_bytes", "problems")

SPARE = ("max_message_bytes", "retention", "partitions")
"""Columns that a narrow terminal drops, first to last; problems are never cut."""

DAY_SECONDS = 24 * 3600

UNKNOWN = "unknown"
"""Printed for a value that the broker does not report."""


class TopicsForm(StrEnum):
    """How the result is printed; with manifests, no topic is made."""

    TABLE = "table"
    JSON = "json"
    STRIMZI = "strimzi"


OF_A_NEW_SOURCE = "Of a new source topic; else the broker's default."


@app.command(
    epilog=examples(
        "postback-worker topics create",
        "postback-worker topics create --with-source --partitions 12 --replication 3",
    )
)
def create(
    ctx: typer.Context,
    with_source: Annotated[
        bool, typer.Option("--with-source", help="Make the source topic, too, where it is missing.")
    ] = False,
    partitions: Annotated[int | None, number_option("--partitions", OF_A_NEW_SOURCE, 1, 100_000)] = None,
    replication: Annotated[int | None, number_option("--replication", OF_A_NEW_SOURCE, 1, 1_000)] = None,
    destination: DestinationOption = None,
    output: Annotated[
        TopicsForm,
        typer.Option(
            "--output", "-o", help="How the result is printed; strimzi prints manifests, and makes nothing."
        ),
    ] = TopicsForm.TABLE,
    cluster: Annotated[
        str, typer.Option("--cluster", help="With -o strimzi: the name of the Kafka cluster there.")
    ] = "kafka",
) -> None:
    """Make the delay tiers and the dead-letter topic of every destination.

    They get partitions and replicas as the source topic has.
    What exists stays; may be called again at any time. Where the source has more partitions by now, the
    worker's own topics get as many. Each keeps its records longer than its delay, and takes records as large
    as the source's with the worker's headers added.
    """
    if not with_source and (partitions or replication):
        raise typer.BadParameter("--partitions and --replication are for a new source: give --with-source")
    deployment = load_deployment(ctx, only=[destination] if destination else None)
    if output is TopicsForm.STRIMZI:
        _print_manifests(deployment, cluster)
        return
    from worker.ops import topics

    with errors_shown():
        made = topics.create_all(
            deployment, topics.NewSourceTopic(partitions, replication) if with_source else None
        )
    for line in made.warnings:
        warn(line)
    _print([_made(row) for row in made.rows], Output(output), MADE)


def _print_manifests(deployment: Deployment, cluster: str) -> None:
    from worker.ops.strimzi import manifests

    with errors_shown():
        items = manifests(deployment, cluster)
    print_json({"apiVersion": "v1", "kind": "List", "items": items})


@app.command(epilog=examples("postback-worker topics check", "postback-worker topics check -o json"))
def check(
    ctx: typer.Context, destination: DestinationOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Check the source, the delay tiers and the dead-letter topic; exit 1 where there is a problem."""
    from worker.ops import topics

    deployment = load_deployment(ctx, only=[destination] if destination else None)
    with errors_shown():
        checked = topics.check_all(deployment)
    for line in checked.warnings:
        warn(line)
    rows = [_checked(row) for row in checked.rows]
    _print(rows, output, CHECKED)
    if any(row["problems"] for row in rows):
        say(
            "hint: `postback-worker topics create` makes what is missing and leaves the settings of others; "
            "`kafka-configs.sh --alter --topic NAME --add-config SETTING=VALUE` changes them"
        )
        raise typer.Exit(FAILED)


# --- rows --------------------------------------------------------------------------------------


def _made(row: TopicRow) -> TableRow:
    """The row of a topic that was made, or not."""
    return {**_known(row), "result": row.result}


def _checked(row: TopicRow) -> TableRow:
    """The row of a topic that was checked, with its problems."""
    if not row.is_there:
        return {"topic": row.topic, "problems": list(row.problems)}
    return {**_known(row), "problems": list(row.problems), "max_message_bytes": _said(row.max_message_bytes)}


def _known(row: TopicRow) -> TableRow:
    """The row of one topic: unknown values as "unknown"; an unlimited retention is None."""
    from worker.core.topics import FOREVER

    kept = None if row.retention == FOREVER else _said(row.retention)
    return {"topic": row.topic, "partitions": _said(row.partitions), "retention_seconds": kept}


def _said(value: float | None) -> float | str:
    return UNKNOWN if value is None else value


def _print(rows: Sequence[TableRow], output: Output, columns: Sequence[str]) -> None:
    """Print the rows: unchanged as JSON; in a table with days, and the problems as one text."""
    if output is Output.JSON:
        print_rows(rows, output, columns)
    else:
        shown = [name if name != "retention_seconds" else "retention" for name in columns]
        print_rows([_readable(row) for row in rows], output, shown, [name for name in SPARE if name in shown])


def _readable(row: TableRow) -> TableRow:
    problems = row.get("problems")
    text = "; ".join(problems) or "none" if isinstance(problems, list) else None
    return {**row, "retention": _days(row), "problems": text}


def _days(row: TableRow) -> str | None:
    """The retention of a topic in days; None if the topic is missing."""
    if "retention_seconds" not in row:
        return None
    seconds = row["retention_seconds"]
    if isinstance(seconds, int | float):
        return f"{seconds / DAY_SECONDS:.3g}d"
    return "for ever" if seconds is None else UNKNOWN
