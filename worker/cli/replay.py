"""`dlq replay`: dead letters back to the source topic, for another round of attempts.

The rules: a conversion goes back once, however many letters tell of it: the one that was replayed most often
decides whether it is wanted. Key, value and the producer's headers go back unchanged; of the worker's headers
only the count of replays does, one higher. The letters stay where they are.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from worker.cli.common import WRONG, Output, OutputOption, fail, load_settings, number_option, print_rows
from worker.ops.dead_letters import (
    NO_TIME,
    Filters,
    dlq_reader,
    filtered,
    letter_of,
    matching,
    place_of,
    row_of,
)

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.adapters.kafka.topic_reader import TopicReader
    from worker.core.record import Partition
    from worker.ops.delivery import Item
    from worker.settings import Settings

ONE, MANY = "dead letter", "dead letters"
COLUMNS = ("where", "dead_at", "reason", "status", "replays", "event_id")


class _Newest(NamedTuple):
    """The letter that counts of one conversion: the one that was replayed most, then the newest."""

    replays: int
    dead_at: datetime
    partition: int
    offset: int
    matches: bool


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
    output: OutputOption = Output.TABLE,
) -> None:
    """Send dead letters to the source topic again, where they begin with no attempts made.

    Each conversion goes once. The letters stay: replay them a second time, and the partner may count twice.

    A conversion whose window has closed dies again.

    It waits for the broker as long as it takes; Ctrl-C ends it. However it ends, it says how many were
    replayed, which ones may have been (no answer came), and how many were not sent.
    """
    settings = load_settings(ctx)
    if not (yes or dry_run or has_terminal()):
        fail("give --yes, for there is nobody to ask", "--dry-run prints what would be replayed", WRONG)
    with dlq_reader(settings) as reader:
        wanted = choose(matching(reader, Filters(since=filters.since)), filters, limit)
        letters = _read(reader, settings.dlq_topic, wanted)
        if dry_run:
            print_rows([row_of(letter, COLUMNS) for letter in letters], output, COLUMNS)
        elif wanted and (yes or _agreed(len(wanted), settings)):
            _replay(settings, letters, len(wanted), rate)
        else:
            print("replayed nothing")


def has_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty()


def choose(letters: Iterable[DeadLetter], filters: Filters, limit: int) -> list[tuple[int, int]]:
    """Choose what goes back, as partition and offset, oldest first: the newest `limit`, all with 0.

    What is remembered of a conversion is a few words, so that a million letters fit.
    """
    found: dict[bytes, _Newest] = {}
    for letter in letters:
        same = blake2b(letter.value or place_of(letter).encode(), digest_size=16).digest()
        dead_at = letter.dead_at or NO_TIME
        one = _Newest(letter.replays, dead_at, letter.partition, letter.offset, filters.match(letter))
        found[same] = max(found.get(same, one), one)
    places = sorted((one.dead_at, one.partition, one.offset) for one in found.values() if one.matches)
    return [(partition, offset) for _, partition, offset in places[-limit:]]


def _read(reader: TopicReader, topic: str, wanted: Iterable[tuple[int, int]]) -> Iterator[DeadLetter]:
    """Read the letters at these places, for as long as it takes: some may have been sent by then."""
    from worker.adapters.kafka.topic_reader import Span
    from worker.core.record import Partition
    from worker.ops.delivery import waiting

    spans: dict[Partition, Span] = {}
    places = frozenset(wanted)
    for number, offset in places:
        at = Partition(topic, number)
        span = spans.get(at, Span(offset, offset + 1))
        spans[at] = Span(min(span.start, offset), max(span.end, offset + 1))
    for record in reader.read(spans, waiting):
        if (record.at.number, record.offset) in places:
            yield letter_of(record)


def _agreed(count: int, settings: Settings) -> bool:
    return typer.confirm(f"replay {_letters(count)} to {settings.kafka.topic}?", err=True)


def _replay(settings: Settings, letters: Iterator[DeadLetter], count: int, rate: float | None) -> None:
    """Publish them, await every answer, and say what became of each."""
    from worker.cli.progress import shown
    from worker.ops.delivery import Words, deliver

    items = (_item(letter) for letter in shown(_paced(letters, rate), "replaying", count))
    deliver(settings, items, count, Words("replayed", ONE, MANY))


def _paced(letters: Iterator[DeadLetter], rate: float | None) -> Iterator[DeadLetter]:
    begun = time.monotonic()
    for number, letter in enumerate(letters):
        if rate is not None:
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
        yield letter


def _item(letter: DeadLetter) -> Item:
    from schemas import WorkerHeaders, without_worker_headers
    from worker.adapters.kafka.bulk_publisher import Place
    from worker.ops.delivery import Item

    headers = [*without_worker_headers(letter.headers), *WorkerHeaders(replays=letter.replays + 1).write()]
    return Item(Place(f"dead letter {letter.partition}/", letter.offset), letter.key, letter.value, headers)


def _letters(count: int) -> str:
    return f"1 {ONE}" if count == 1 else f"{count} {MANY}"
