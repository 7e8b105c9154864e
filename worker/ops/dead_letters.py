"""Reads dead letters: those that match, the newest, their groups, or one by its place.

The rule: reading never joins the worker's group and moves no offsets; memory is bounded by the limit.
"""

from __future__ import annotations

import heapq
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from worker.ops.errors import CannotDo
from worker.ops.filters import Filters
from worker.ops.reading import open_topic

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.adapters.kafka.config import Config
    from worker.adapters.kafka.topic_reader import OffsetRange, TopicReader
    from worker.core.record import Partition, Record
    from worker.settings import Settings

CLOCKS_DIFFER_SECONDS = 600.0
"""Seconds by which Kafka's timestamp of a record may be earlier than the worker's `postback-dead-at`."""

FIRST_LOOK_RECORDS = 500
"""Records of each partition that are read first to find the newest; then twice as many, and so on."""

FEW_AHEAD: Config = {"queued.min.messages": 2_000, "queued.max.messages.kbytes": 2_048}
"""The bounds of fetching ahead of a reader that looks closely at each letter."""

NO_TIME = datetime.fromtimestamp(0, UTC)  # for a record without a time: before all others


_Kept = TypeVar("_Kept")


class Newest(NamedTuple, Generic[_Kept]):
    """The newest matching dead letters, oldest first, and how many matched in all."""

    letters: list[_Kept]
    """What is kept of each: itself, or less."""
    matched: int
    is_all: bool = True
    """Whether everything was read; otherwise older letters were not looked at."""


class _Newest(Generic[_Kept]):
    """Keeps the newest `limit`, all with 0, and never holds more than that."""

    def __init__(self, limit: int, keep: Callable[[DeadLetter], _Kept]) -> None:
        self._limit = limit
        self._keep = keep
        self._kept: list[tuple[_Order, _Kept]] = []
        self.matched = 0

    def take(self, letters: Iterable[DeadLetter]) -> None:
        """Look at more of them."""
        for letter in letters:
            self.matched += 1
            order = _order(letter)
            if not self._limit or len(self._kept) < self._limit:
                heapq.heappush(self._kept, (order, self._keep(letter)))
            elif order > self._kept[0][0]:
                heapq.heapreplace(self._kept, (order, self._keep(letter)))

    @property
    def since(self) -> datetime | None:
        """The time of the oldest that is kept; None while there may be more."""
        return self._kept[0][0][0] if self._limit and len(self._kept) == self._limit else None

    def found(self) -> Newest[_Kept]:
        """What is kept."""
        in_order = sorted(self._kept, key=lambda entry: entry[0])
        return Newest([kept for _, kept in in_order], self.matched)


_Order = tuple[datetime, int, int]


def _order(letter: DeadLetter) -> _Order:
    return letter.dead_at or NO_TIME, letter.partition, letter.offset


GROUP_COLUMNS = ("reason", "status", "count", "oldest", "newest")


class DeadLetterGroup(NamedTuple):
    """Dead letters with the same reason and last status: how many, and from when to when."""

    reason: str | None
    status: int | None
    letters: int
    oldest: datetime
    newest: datetime

    def row(self) -> Mapping[str, object]:
        """The row of a table; times are None if no letter has one."""
        from schemas import format_time

        times = [None if at == NO_TIME else format_time(at.timestamp()) for at in (self.oldest, self.newest)]
        return dict(zip(GROUP_COLUMNS, (self.reason, self.status, self.letters, *times), strict=True))


def grouped(letters: Iterable[DeadLetter]) -> list[DeadLetterGroup]:
    """Count by reason and status, the most frequent first."""
    found: dict[tuple[str | None, int | None], DeadLetterGroup] = {}
    for letter in letters:
        of = letter.reason, letter.status
        at = letter.dead_at or NO_TIME
        group = found.get(of, DeadLetterGroup(*of, 0, at, at))
        found[of] = DeadLetterGroup(*of, group.letters + 1, min(group.oldest, at), max(group.newest, at))
    return sorted(found.values(), key=lambda group: (-group.letters, group.reason or "", group.status or 0))


def dlq_reader(settings: Settings) -> AbstractContextManager[TopicReader]:
    """Open the dead-letter topic; raise CannotDo where it is missing, BrokerUnavailable."""
    return open_topic(settings, settings.dlq_topic, ahead=FEW_AHEAD)


class Show(Protocol):
    """Passes records on, and shows progress meanwhile."""

    def __call__(self, records: Iterable[Record], what: str, total: float | None, /) -> Iterable[Record]:
        """Pass them on."""
        ...


def quietly(records: Iterable[Record], _what: str, _total: float | None, /) -> Iterable[Record]:
    """Pass records on, and show nothing."""
    return records


def matching(reader: TopicReader, filters: Filters, show: Show = quietly) -> Iterator[DeadLetter]:
    """Read all present dead letters, and pass on those that match."""
    yield from _letters(reader, _spans(reader, filters), filters, show)


def whole(letter: DeadLetter) -> DeadLetter:
    """Keep all of a letter."""
    return letter


def newest_matching(
    reader: TopicReader,
    filters: Filters,
    limit: int,
    keep: Callable[[DeadLetter], _Kept],
    show: Show = quietly,
) -> Newest[_Kept]:
    """The newest `limit` that match, all with 0; read from the end, and no further back than it takes.

    Of each is held what `keep` makes of it: of very many whole letters do not fit into memory. What lies
    before a letter in its partition is taken to be older, as far as the workers' clocks agree.
    """
    left = _spans(reader, filters)
    newest = _Newest(limit, keep)
    most = max(FIRST_LOOK_RECORDS, limit) if limit else sys.maxsize
    while any(span.length for span in left.values()):
        last = {at: span.last(most) for at, span in left.items()}
        seen = _FirstTimes(last)
        newest.take(_letters(reader, last, filters, show, seen.note))
        left = {at: span.before(last[at]) for at, span in left.items()}
        if newest.since is not None and seen.are_before(newest.since, left):
            break
        most *= 2
    return newest.found()._replace(is_all=not any(span.length for span in left.values()))


class _FirstTimes:
    """The earliest time read of each partition: what lies before it is no newer."""

    def __init__(self, spans: Mapping[Partition, OffsetRange]) -> None:
        self._times = dict.fromkeys(spans, math.inf)

    def note(self, record: Record) -> None:
        """Note a record."""
        self._times[record.at] = min(self._times[record.at], record.timestamp)

    def are_before(self, moment: datetime, left: Mapping[Partition, OffsetRange]) -> bool:
        """Whether everything that is left unread is older than a moment."""
        return all(self._times[at] <= moment.timestamp() for at, span in left.items() if span.length)


def _spans(reader: TopicReader, filters: Filters) -> dict[Partition, OffsetRange]:
    """Where letters of the wanted time may lie; `until` is no bound, because some were published late."""
    return reader.spans(None if filters.since is None else filters.since - CLOCKS_DIFFER_SECONDS)


def _letters(
    reader: TopicReader,
    spans: Mapping[Partition, OffsetRange],
    filters: Filters,
    show: Show,
    hear: Callable[[Record], None] = lambda _: None,
) -> Iterator[DeadLetter]:
    """Read these offsets, and pass on what matches; `hear` gets every record."""
    may_pass = filters.glance()
    total = sum(span.length for span in spans.values())
    for record in show(reader.read(spans), "reading", total):
        hear(record)
        if may_pass(record.headers, record.value):
            letter = letter_of(record)
            if filters.match(letter):
                yield letter


def at_place(reader: TopicReader, at: Partition, offset: int) -> DeadLetter:
    """The letter at a place; raise CannotDo if there is none."""
    from worker.adapters.kafka.topic_reader import OffsetRange

    there = reader.spans().get(at)
    none = f"there is no dead letter at {at.number}/{offset}"
    if there is None or not there.start <= offset < there.end:
        raise CannotDo([none], _extent(there))
    found = [letter_of(record) for record in reader.read({at: OffsetRange(offset, offset + 1)})]
    if not found:  # compacted, or an abort marker of a transaction
        raise CannotDo([none])
    return found[0]


def _extent(there: OffsetRange | None) -> str:
    """What the partition holds instead."""
    if there is None:
        return "the topic has no such partition"
    return (
        f"the partition holds {there.start} to {there.end - 1}" if there.length else "the partition is empty"
    )


def place_of(letter: DeadLetter) -> str:
    """Its place, in the form of `dlq list` and `dlq show`."""
    return f"{letter.partition}/{letter.offset}"


def row_of(letter: DeadLetter, columns: Sequence[str]) -> Mapping[str, object]:
    """The row of a table: its place as `where`, and its fields."""
    return {"where": place_of(letter), **letter.model_dump(mode="json", include=set(columns))}


def whole_row_of(letter: DeadLetter) -> Mapping[str, object]:
    """All of its fields, as JSON has them."""
    return letter.model_dump(mode="json")


def letter_of(record: Record) -> DeadLetter:
    """Read a record of the dead-letter topic, whatever it holds."""
    (topic, partition), offset, key, value, headers, timestamp, *_ = record
    from schemas import DeadLetter

    return DeadLetter.from_record(topic, partition, offset, key, value, headers, timestamp)
