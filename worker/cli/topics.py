"""`topics`: the delay tiers and the dead-letter topic, made and checked.

The rule: nothing is deleted or narrowed, and the source topic is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from worker.cli.common import (
    FAILED,
    Output,
    OutputOption,
    examples,
    fail,
    load_settings,
    number_option,
    print_rows,
    say,
    warn,
)

if TYPE_CHECKING:
    from worker.adapters.kafka.config import Config
    from worker.adapters.kafka.own_topics import Own
    from worker.adapters.kafka.topic_descriptions import Topic
    from worker.settings import Settings

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Make and check the retry and dead-letter topics."
)

MADE = ("topic", "partitions", "retention_seconds", "result")
CHECKED = ("topic", "partitions", "retention_seconds", "max_message_bytes", "problems")

DAY = 24 * 3600

UNKNOWN = "unknown"
"""What is printed in place of what the broker does not say."""

Row = dict[str, object]


class Needed(NamedTuple):
    """How to ask the broker, the topics that the settings need, and the largest record that may be sent."""

    config: Config
    source: str
    own: Sequence[Own]
    client_limit: int


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
    partitions: Annotated[
        int | None,
        number_option("--partitions", "Of a new source topic; else the broker's default.", 1),
    ] = None,
    replication: Annotated[
        int | None,
        number_option("--replication", "Of a new source topic; else the broker's default.", 1),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make the delay tiers and the dead-letter topic, with partitions and replicas as the source topic.

    What exists stays; may be called again at any time. Where the source has more partitions by now, the
    worker's own topics get as many. Each keeps its records longer than its delay, and takes records as large
    as the source's with the worker's headers added.
    """
    if not with_source and (partitions or replication):
        raise typer.BadParameter("--partitions and --replication are for a new source: give --with-source")
    settings = load_settings(ctx)
    with _broker_or_exit(settings):
        topics = _topics(settings)
        needed = _needed(settings)
        source = _ensure_source(needed, topics, partitions, replication) if with_source else "exists"
        if source == "exists" and needed.source not in topics:
            fail(f"the source topic {needed.source} does not exist", "--with-source makes it, too")
        first, *rows = _create_own(needed)
    _print([{**first, "result": source}, *rows], output, MADE)


@app.command(epilog=examples("postback-worker topics check", "postback-worker topics check -o json"))
def check(ctx: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """Check the source, the delay tiers and the dead-letter topic; exit 1 where there is a problem."""
    settings = load_settings(ctx)
    with _broker_or_exit(settings):
        topics = _topics(settings)
        rows = list(_check_all(_needed(settings)))
    for line in _forgotten(settings, topics):
        warn(line)
    _print(rows, output, CHECKED)
    if any(row["problems"] for row in rows):
        say(
            "hint: `postback-worker topics create` makes what is missing and leaves the settings of others; "
            "`kafka-configs.sh --alter --topic NAME --add-config SETTING=VALUE` changes them"
        )
        raise typer.Exit(FAILED)


@contextmanager
def _broker_or_exit(settings: Settings) -> Iterator[None]:
    """End with exit 1 and one line where the broker does not answer, or refuses."""
    from worker.adapters.kafka import KafkaUnavailable

    try:
        yield
    except KafkaUnavailable as error:
        fail(
            f"{settings.kafka.bootstrap_servers}: {error}", "is the broker running, and may this user ask it?"
        )


def _topics(settings: Settings) -> Mapping[str, int | None]:
    """Every topic with its partitions: the first question, with the shortest patience."""
    from worker.ops.topics import partitions_by_topic

    return partitions_by_topic(settings)


def _needed(settings: Settings) -> Needed:
    from worker.adapters.kafka import admin_config, producer_config
    from worker.adapters.kafka.config import message_limit, unique_client_id
    from worker.app import own_topics

    kafka = settings.kafka
    asking, sending = (
        make(kafka.bootstrap_servers, unique_client_id(kafka.group_id), kafka.properties)
        for make in (admin_config, producer_config)
    )
    return Needed(asking, kafka.topic, own_topics(settings), message_limit(sending))


# --- create ------------------------------------------------------------------------------------


def _ensure_source(
    needed: Needed, topics: Mapping[str, int | None], partitions: int | None, replication: int | None
) -> str:
    """Make the source topic where it is missing, and say what became of it."""
    from worker.adapters.kafka.admin import BROKERS_DEFAULT, create_topic

    name = needed.source
    if name not in topics:
        create_topic(needed.config, name, partitions or BROKERS_DEFAULT, replication or BROKERS_DEFAULT)
        return "created"
    if partitions not in {None, topics[name]}:
        warn(f"topic {name} exists with {topics[name]} partitions and is left as it is")
    return "exists"


def _create_own(needed: Needed) -> Iterator[Row]:
    """Make what is missing, let grow what is too small, warn of what has to be changed by hand."""
    from worker.adapters.kafka.admin import grow
    from worker.adapters.kafka.own_topics import create as create_missing
    from worker.adapters.kafka.own_topics import describe, risks

    config, name, own, _ = needed
    before = describe(config, [name, *(topic.name for topic in own)])
    source = before.pop(name)
    created = create_missing(config, name, own)
    small = [one.name for one in own if one.name in before and _is_small(one, before[one.name], source)]
    grow(config, dict.fromkeys(small, source.partitions or 0))
    yield _row(name, source.partitions, source.retention, result="exists")
    for topic in own:
        found = before.get(topic.name)
        for line in risks(topic, found or source):  # a new one has as many replicas as the source
            warn(line)
        if found is None:  # where it was not created, somebody else was faster
            result = "created" if topic.name in created else "exists"
            partitions = 1 if topic.control else source.partitions
            yield _row(topic.name, partitions, topic.retention, result=result)
        else:
            yield _kept(source, topic, found)


def _is_small(own: Own, found: Topic, source: Topic) -> bool:
    from worker.adapters.kafka.own_topics import is_less

    return not own.control and is_less(found.partitions, source.partitions)


def _kept(source: Topic, own: Own, found: Topic) -> Row:
    """Say of a topic that was there before whether it grew; warn of what else is not as it should be."""
    from worker.adapters.kafka.own_topics import problems

    grown = _is_small(own, found, source)
    result = f"grown from {found.partitions}" if grown else "exists"
    partitions = source.partitions if grown else found.partitions
    for line in problems(source, own, found._replace(partitions=partitions)):
        warn(line)
    return _row(own.name, partitions, found.retention, result=result)


# --- check -------------------------------------------------------------------------------------


def _check_all(needed: Needed) -> Iterator[Row]:
    from worker.adapters.kafka.own_topics import client_problems, describe, problems, risks

    config, name, own, client_limit = needed
    found = describe(config, [name, *(topic.name for topic in own)])
    for topic_found in found.values():
        if topic_found.unsaid is not None:
            warn(f"{topic_found.name}: the broker does not say all of it: {topic_found.unsaid}")
    source = found.get(name)
    lines = client_problems(source, client_limit) if source else ["does not exist"]
    yield _checked(name, source, [line.removeprefix(f"{name}: ") for line in lines])
    for topic in own:
        is_now = found.get(topic.name)
        for line in risks(topic, is_now) if is_now else ():
            warn(line)
        if source is not None:
            lines = problems(source, topic, is_now)
            yield _checked(topic.name, is_now, [line.removeprefix(f"{topic.name}: ") for line in lines])
        else:
            yield _checked(topic.name, is_now, [] if is_now else ["does not exist"])


def _checked(name: str, found: Topic | None, problems: list[str]) -> Row:
    if found is None:
        return {"topic": name, "problems": problems}
    row = _row(name, found.partitions, found.retention, problems=problems)
    return {**row, "max_message_bytes": _said(found.max_message_bytes)}


def _forgotten(settings: Settings, topics: Mapping[str, int | None]) -> list[str]:
    """Delay tiers that the settings no longer have: the numbers of partitions are judged elsewhere."""
    from worker.ops.topics import findings

    return findings(settings, dict.fromkeys(topics, 1)).warnings


# --- rows --------------------------------------------------------------------------------------


def _row(name: str, partitions: int | None, retention: float | None, **more: object) -> Row:
    """One topic; None is unknown. The row says "unknown" then, and None where `retention` has no end."""
    from worker.adapters.kafka.topic_descriptions import FOREVER

    kept = None if retention == FOREVER else _said(retention)
    return {"topic": name, "partitions": _said(partitions), "retention_seconds": kept, **more}


def _said(value: float | None) -> float | str:
    return UNKNOWN if value is None else value


def _print(rows: Sequence[Row], output: Output, columns: Sequence[str]) -> None:
    """Print the rows as they are in JSON, with days and one text of problems in a table."""
    if output is Output.JSON:
        print_rows(rows, output, columns)
    else:
        shown = [name if name != "retention_seconds" else "retention" for name in columns]
        print_rows([_readable(row) for row in rows], output, shown)


def _readable(row: Row) -> Row:
    problems = row.get("problems")
    text = "; ".join(problems) or "none" if isinstance(problems, list) else None
    return {**row, "retention": _days(row), "problems": text}


def _days(row: Row) -> str | None:
    """How long a topic keeps its records; None without the topic."""
    if "retention_seconds" not in row:
        return None
    seconds = row["retention_seconds"]
    if isinstance(seconds, int | float):
        return f"{seconds / DAY:.3g}d"
    return "for ever" if seconds is None else UNKNOWN
