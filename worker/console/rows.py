"""Rows of undelivered conversions, read from Kafka at known places.

The rule: filters by failure, by time of death and by event id need no reading; others read the records. A row
is the record itself, unchanged.
"""

from __future__ import annotations

import heapq
import math
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, TypeVar

from schemas import WorkerHeaders
from worker.adapters.kafka.topic_reader import Keep, OffsetRange, everything
from worker.console.watch import RowsPage, RowsQuery, UndeliveredRow
from worker.core.event_filter import FIELDS, EventFilter
from worker.core.record import Partition, Record
from worker.core.undelivered import OTHER_ERRORS, GroupKey, TimedPlace, UndeliveredState
from worker.core.undelivered_reader import identity_of
from worker.core.undelivered_rows import Fate
from worker.ops.broker import answering
from worker.ops.dead_letters import letter_of, place_of
from worker.ops.errors import CannotDo
from worker.ops.reading import opened, reading_config
from worker.settings.tiers import every_tier

if TYPE_CHECKING:
    from worker.console.index import DestinationIndex
    from worker.settings import Settings

GAP_RECORDS = 200
"""The most unwanted records between two wanted ones that are still read in one span."""

_TOLD_BY_KEY = frozenset({"event_id", "reason", "status", "error"})

_DIGITS = 19

_Item = TypeVar("_Item")

RowOffsets = dict[Partition, "array[int]"]


def rows(settings: Settings, index: DestinationIndex, asked: RowsQuery) -> RowsPage:
    """The newest requested rows. Raises CannotDo."""
    keys = {key for key in index.undelivered.keys if _may_be(key, asked)}
    if _is_told(asked, keys):
        places, count = _newest(index, asked, keys)
        records = list(_read(settings, _offsets(places)))
    else:
        with index.lock:
            offsets = _offsets(_places(index, asked, keys))
        passing = _Counted(filter(_test(asked, keys), _read(settings, offsets, _glance(asked))))
        limit = asked.limit or sum(map(len, offsets.values()))
        records = heapq.nlargest(limit, passing, key=_time)
        count = passing.count
    records.sort(key=_time, reverse=True)
    return RowsPage([_row(settings, record) for record in records], count)


def row(settings: Settings, index: DestinationIndex, place: str) -> UndeliveredRow:
    """The row at a place. Raises CannotDo."""
    at, offset = _at(settings, place)
    found = next(_read(settings, {at: array("q", [offset])}), None)
    if found is None:
        raise CannotDo([f"there is nothing at {place} any more"])
    with index.lock:
        key = index.undelivered.key_of(at, offset)
        is_past = key is None and at.topic != settings.dlq_topic and offset < index.next.get(at, 0)
    fate = key if isinstance(key, Fate) else Fate.ENDED if is_past else None
    return _row(settings, found)._replace(ended=None if fate is None else fate.value)


# --- which ---------------------------------------------------------------------------------------


def _may_be(key: GroupKey, asked: RowsQuery) -> bool:
    """Whether rows of a group can match."""
    if key.kind is not asked.kind or asked.group not in {None, key}:
        return False
    if asked.kind is UndeliveredState.DEAD:
        reasons, status, error = asked.filters.reasons, asked.filters.status, asked.filters.error
    else:
        wanted = dict(asked.wanted.wanted)
        reasons = frozenset({wanted["reason"]} if "reason" in wanted else ())
        status = int(wanted["status"]) if "status" in wanted else None
        error = wanted.get("error")
    is_meant = (not reasons or key.reason in reasons) and status in {None, key.status}
    is_in_error = error is None or error.casefold() in (key.error or "").casefold()
    return is_meant and (is_in_error or key.error == OTHER_ERRORS)


def _is_told(asked: RowsQuery, keys: Collection[GroupKey]) -> bool:
    """Whether the known places alone decide which rows match."""
    if asked.kind is UndeliveredState.DEAD:
        filters = asked.filters
        named = {"click_id": filters.click_id, "offer_id": filters.offer_id, "network": filters.network}
        names = {name for name, value in named.items() if value is not None}
        error = filters.error
    else:
        names, error = {name for name, _ in asked.wanted.wanted}, dict(asked.wanted.wanted).get("error")
    return names <= _TOLD_BY_KEY and _are_errors_told(error, keys)


def _are_errors_told(error: str | None, keys: Collection[GroupKey]) -> bool:
    """Whether a filter by error can be decided without reading."""
    return error is None or not any(key.error == OTHER_ERRORS for key in keys)


def _test(asked: RowsQuery, keys: Collection[GroupKey]) -> Callable[[Record], bool]:
    """Make the test of a record for what neither its group nor `_glance` decides."""
    if asked.kind is UndeliveredState.WAITING:
        return lambda record: asked.wanted.matches(record.value, record.headers, on_tier=True)
    if _are_errors_told(asked.filters.error, keys):
        return lambda _: True
    return lambda record: asked.filters.match(letter_of(record))


def _glance(asked: RowsQuery) -> Keep:
    """Make a cheap test that rules out a record by its value before it is parsed."""
    named = dict(asked.wanted.wanted) if asked.kind is UndeliveredState.WAITING else asked.filters._asdict()
    of_event = EventFilter.of({name: text for name, text in named.items() if name in FIELDS})
    return lambda _, value: of_event.matches(value, (), on_tier=True)


def _places(index: DestinationIndex, asked: RowsQuery, keys: Collection[GroupKey]) -> Iterator[TimedPlace]:
    """The places of rows that can match."""
    held, filters = index.undelivered, asked.filters
    since, until = -math.inf, math.inf
    if asked.kind is UndeliveredState.DEAD:
        since = since if filters.since is None else filters.since
        until = until if filters.until is None else filters.until
        event_id = filters.event_id
    else:
        event_id = dict(asked.wanted.wanted).get("event_id")
    if event_id is None:
        yield from held.places(keys, since, until)
        return
    place = held.place_of(identity_of(event_id.encode()))
    if place is not None and since <= place.at <= until and held.key_of(*place[1:]) in keys:
        yield place


def _newest(
    index: DestinationIndex, asked: RowsQuery, keys: Collection[GroupKey]
) -> tuple[list[TimedPlace], int]:
    """The newest requested places, and how many there are."""
    with index.lock:
        found = _Counted(_places(index, asked, keys))
        return (heapq.nlargest(asked.limit, found) if asked.limit else list(found)), found.count


class _Counted(Iterator[_Item]):
    """Counts the items that it passes on."""

    def __init__(self, items: Iterator[_Item]) -> None:
        self._items = items
        self.count = 0

    def __next__(self) -> _Item:
        item = next(self._items)
        self.count += 1
        return item


# --- reading -------------------------------------------------------------------------------------


def _offsets(places: Iterable[TimedPlace]) -> RowOffsets:
    """Group places by partition, with rising offsets."""
    found: RowOffsets = {}
    for place in places:
        found.setdefault(place.partition, array("q")).append(place.offset)
    return {at: array("q", sorted(offsets)) for at, offsets in found.items()}


def _read(settings: Settings, offsets: RowOffsets, keep: Keep = everything) -> Iterator[Record]:
    """The existing records at these offsets that pass `keep`."""
    config = reading_config(settings)
    with answering(settings):
        for topic in {at.topic for at in offsets}:
            own = {at: some for at, some in offsets.items() if at.topic == topic}
            with opened(config, topic) as reader:
                there = reader.spans()
                for spans in _rounds(own):
                    inside = {at: _within(span, there[at]) for at, span in spans.items() if at in there}
                    read = reader.read(inside, keep=keep)
                    yield from (one for one in read if _has(own[one.at], one.offset))


def _rounds(offsets: RowOffsets) -> Iterator[dict[Partition, OffsetRange]]:
    """Spans that cover these offsets: each round has one per partition."""
    runs = [[(at, span) for span in spans_of(some)] for at, some in offsets.items()]
    for spans in zip_longest(*runs):
        yield dict(span for span in spans if span is not None)


def spans_of(offsets: Sequence[int]) -> Iterator[OffsetRange]:
    """Join offsets that are close together into spans."""
    start = last = offsets[0]
    for offset in offsets:
        if offset - last > GAP_RECORDS:
            yield OffsetRange(start, last + 1)
            start = offset
        last = offset
    yield OffsetRange(start, last + 1)


def _within(span: OffsetRange, there: OffsetRange) -> OffsetRange:
    return OffsetRange(max(span.start, there.start), min(span.end, there.end))


def _has(offsets: Sequence[int], offset: int) -> bool:
    index = bisect_left(offsets, offset)
    return index < len(offsets) and offsets[index] == offset


def _time(record: Record) -> tuple[float, Partition, int]:
    return record.timestamp, record.at, record.offset


def _row(settings: Settings, record: Record) -> UndeliveredRow:
    letter, place = letter_of(record), f"{record.at}/{record.offset}"
    if record.at.topic == settings.dlq_topic:
        return UndeliveredRow(UndeliveredState.DEAD, place, place_of(letter), letter.reason, None, letter)
    carried = WorkerHeaders.read(record.headers)
    tier = record.at.topic.removeprefix(f"{settings.kafka.group_id}.retry.")
    return UndeliveredRow(
        UndeliveredState.WAITING,
        place,
        f"{tier} {place_of(letter)}",
        carried.reason,
        carried.due_at,
        letter,
    )


def _at(settings: Settings, place: str) -> tuple[Partition, int]:
    """Parse a place; raise CannotDo if it is in none of the topics with rows."""
    topic, *numbers = place.rsplit("/", 2)
    topics = {settings.dlq_topic, *every_tier(settings, [topic])}
    if topic not in topics or not all(number.isdecimal() and len(number) < _DIGITS for number in numbers):
        raise CannotDo([f"{place!r} is no place of a row"])
    number, offset = map(int, numbers)
    return Partition(topic, number), offset
