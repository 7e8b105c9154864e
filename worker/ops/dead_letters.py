"""Which dead letters a command is about: the filters, and how the topic is read for them.

The rule: reading never joins the worker's group and moves no offsets; what is held at a time is bounded by
the limit.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from inspect import Signature, signature
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from worker.cli.common import fail, number_option, time_option

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.adapters.kafka.topic_reader import TopicReader
    from worker.core.record import Record
    from worker.settings import Settings

CLOCKS_DIFFER = 600.0
"""Seconds by which Kafka's timestamp of a record may be before the worker's `postback-dead-at`."""

ReasonOption = Annotated[
    list[str] | None,
    typer.Option("--reason", metavar="REASON", help="Only this reason (`expired`, …); may be repeated."),
]
StatusOption = Annotated[
    int | None,
    number_option("--status", "Only those whose last answer had this status.", 100, 999),
]
EventIdOption = Annotated[str | None, typer.Option("--event-id", help="Only those of this event.")]
ClickIdOption = Annotated[str | None, typer.Option("--click-id", help="Only those of this click.")]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Dead since: 2026-01-31T12:00:00Z, or an age such as 2h."),
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Dead until then; written as --since is.")
]


NO_TIME = datetime.fromtimestamp(0, UTC)  # before all others, where a record tells no time


class Filters(NamedTuple):
    """What a dead letter must be; None, and no reasons, let every one through. Times are epoch seconds."""

    reasons: frozenset[str] = frozenset()
    status: int | None = None
    event_id: str | None = None
    click_id: str | None = None
    since: float | None = None
    until: float | None = None

    def match(self, letter: DeadLetter) -> bool:
        """Whether a dead letter passes all of them; without a time it passes no filter of time."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and self.status in {None, letter.status}
            and self.event_id in {None, letter.event_id}
            and self.click_id in {None, letter.click_id}
            and self._is_in_time(letter.dead_at)
        )

    def _is_in_time(self, dead_at: datetime | None) -> bool:
        if self.since is None and self.until is None:
            return True
        if dead_at is None:
            return False
        moment = dead_at.timestamp()
        return (self.since is None or moment >= self.since) and (self.until is None or moment <= self.until)


def filters_of(
    reason: ReasonOption = None,
    status: StatusOption = None,
    event_id: EventIdOption = None,
    click_id: ClickIdOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
) -> Filters:
    """Read the options; wrong times and unknown reasons are wrong usage."""
    from schemas import DeadReason

    for one in reason or ():
        if one not in set(DeadReason):
            known = ", ".join(DeadReason)
            raise typer.BadParameter(f"{one!r} is no reason; known are {known}", param_hint="--reason")
    now = time.time()
    first, last = time_option("--since", since, now), time_option("--until", until, now)
    if first is not None and last is not None and first > last:
        raise typer.BadParameter("--since is after --until")
    return Filters(frozenset(reason or ()), status, event_id, click_id, first, last)


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of the filters, after its context; it gets them read, as `filters`."""
    options = signature(filters_of, eval_str=True).parameters
    ctx, *own = (it for it in signature(command, eval_str=True).parameters.values() if it.name != "filters")

    @wraps(command)
    def call(**given: Any) -> None:
        filters = filters_of(**{name: given.pop(name) for name in options})
        command(filters=filters, **given)

    every = [it.replace(kind=it.KEYWORD_ONLY) for it in (ctx, *options.values(), *own)]
    call.__dict__["__signature__"] = Signature(every)
    call.__annotations__ = {it.name: it.annotation for it in every}
    return call


class Newest(NamedTuple):
    """The newest of the dead letters that matched, oldest first, and how many matched in all."""

    letters: list[DeadLetter]
    matched: int


def newest(letters: Iterable[DeadLetter], limit: int) -> Newest:
    """Keep the newest `limit`, all with 0; never hold more than that."""
    kept: list[tuple[tuple[datetime, int, int], DeadLetter]] = []
    matched = 0
    for letter in letters:
        matched += 1
        entry = ((letter.dead_at or NO_TIME, letter.partition, letter.offset), letter)
        if limit and len(kept) == limit:
            heapq.heappushpop(kept, entry)
        else:
            heapq.heappush(kept, entry)
    return Newest([letter for _, letter in sorted(kept, key=lambda entry: entry[0])], matched)


GROUP_COLUMNS = ("reason", "status", "count", "oldest", "newest")


class Group(NamedTuple):
    """Dead letters of one reason and one last status: how many, and from when to when."""

    reason: str | None
    status: int | None
    letters: int
    oldest: datetime
    newest: datetime

    def row(self) -> Mapping[str, object]:
        """The row of a table; no time where no letter tells one."""
        from schemas import format_time

        times = [None if at == NO_TIME else format_time(at.timestamp()) for at in (self.oldest, self.newest)]
        return dict(zip(GROUP_COLUMNS, (self.reason, self.status, self.letters, *times), strict=True))


def grouped(letters: Iterable[DeadLetter]) -> list[Group]:
    """Count by reason and status, the most frequent first."""
    found: dict[tuple[str | None, int | None], Group] = {}
    for letter in letters:
        of = letter.reason, letter.status
        at = letter.dead_at or NO_TIME
        group = found.get(of, Group(*of, 0, at, at))
        found[of] = Group(*of, group.letters + 1, min(group.oldest, at), max(group.newest, at))
    return sorted(found.values(), key=lambda group: (-group.letters, group.reason or "", group.status or 0))


@contextmanager
def dlq_reader(settings: Settings) -> Iterator[TopicReader]:
    """Open the dead-letter topic; end with exit 1 where it is missing or the broker does not answer."""
    from worker.adapters.kafka import KafkaUnavailable, consumer_config
    from worker.adapters.kafka.config import unique_client_id
    from worker.adapters.kafka.topic_reader import NoSuchTopic, TopicReader

    kafka = settings.kafka
    # Not the worker's group, but under its name: rights that are given by prefix cover it.
    group, client_id = f"{kafka.group_id}.reader", unique_client_id(kafka.group_id)
    config = consumer_config(kafka.bootstrap_servers, group, client_id, kafka.properties)
    try:
        with TopicReader(config, settings.dlq_topic) as reader:
            yield reader
    except NoSuchTopic as error:
        fail(f"topic {error} does not exist", "`postback-worker topics create` makes it")
    except KafkaUnavailable as error:
        fail(f"{kafka.bootstrap_servers}: {error}", "is the broker running, and may this user ask it?")


def matching(reader: TopicReader, filters: Filters) -> Iterator[DeadLetter]:
    """Read every dead letter that there is by now, and pass on those that match."""
    from worker.cli.progress import shown

    since = None if filters.since is None else filters.since - CLOCKS_DIFFER
    spans = reader.spans(since)
    total = sum(span.length for span in spans.values())
    for record in shown(reader.read(spans), "reading", total):
        letter = letter_of(record)
        if filters.match(letter):
            yield letter


def place_of(letter: DeadLetter) -> str:
    """Where it is, as `list` shows it and `show` takes it."""
    return f"{letter.partition}/{letter.offset}"


def row_of(letter: DeadLetter, columns: Sequence[str]) -> Mapping[str, object]:
    """The row of a table: its place as `where`, and its fields."""
    return {"where": place_of(letter), **letter.model_dump(mode="json", include=set(columns))}


def letter_of(record: Record) -> DeadLetter:
    """Read a record of the dead-letter topic, whatever it holds."""
    (topic, partition), offset, key, value, headers, timestamp, _ = record
    from schemas import DeadLetter

    return DeadLetter.from_record(topic, partition, offset, key, value, headers, timestamp)
