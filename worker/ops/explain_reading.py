"""Reads what the topics hold of one conversion, for each destination: source records and journal steps.

The rule: a place found in one destination's journal saves the others from reading the whole source. Records
of other conversions are discarded after a look at their bytes. Partitions without a leader are left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.dead_letter import fields_of
from worker.core.place import Place, read_place
from worker.ops.broker import answering
from worker.ops.reading import DESTINATIONS_AT_A_TIME, opened, reading_config

if TYPE_CHECKING:
    from schemas import JournalStep
    from worker.adapters.kafka.config import Config
    from worker.adapters.kafka.topic_reader import Keep, OffsetRange, TopicReader
    from worker.core.assigned_partition import Position
    from worker.core.record import Partition, Record
    from worker.settings import Settings

TRIES, AGAIN_AFTER_SECONDS = 5, 1.0
"""How often the broker is asked for the group's position: it may not know the coordinator yet."""


class SoughtConversion(NamedTuple):
    """The wanted conversion: a field of the event, and its value."""

    field: str
    value: str

    def is_in(self, value: bytes | None) -> bool:
        """Whether a JSON object has it."""
        return fields_of(value).get(self.field) == self.value


class SearchResult(NamedTuple):
    """What was found at one destination, its group's positions on the source, and where its logs begin.

    `unread` are the partitions of its topics that have no leader.
    """

    settings: Settings
    published: Sequence[Record]
    steps: Sequence[JournalStep]
    positions: Mapping[Partition, Position]
    beginnings: Mapping[Partition, int]
    unread: Sequence[Partition] = ()


class _Ahead(NamedTuple):
    """What was found ahead of the group and in the journal."""

    settings: Settings
    positions: Mapping[Partition, Position]
    beginnings: Mapping[Partition, int]
    spans: Mapping[Partition, OffsetRange]
    ahead: Mapping[Partition, OffsetRange]
    records: Sequence[Record]
    steps: Sequence[JournalStep]
    unread: Sequence[Partition]

    @property
    def places(self) -> set[Place]:
        """Its known places on the source."""
        told = map(read_place, [*(one.origin for one in self.records), *(one.origin for one in self.steps)])
        return {place for place in told if place is not None}


def read(destinations: Sequence[Settings], wanted: SoughtConversion, begin: float) -> list[SearchResult]:
    """Read everything since a time (epoch seconds), for each. Raises CannotDo, BrokerUnavailable."""
    with ThreadPoolExecutor(DESTINATIONS_AT_A_TIME, "explain") as threads:

        def each(ask: Callable[..., Any], asked: Iterable[Any]) -> list[Any]:
            return list(threads.map(ask, asked))

        ahead: list[_Ahead] = each(lambda settings: _ahead_of(settings, wanted, begin), destinations)
        places = set().union(*(one.places for one in ahead))
        return each(lambda one: _with_behind(one, wanted, places), ahead)


def kept_back(settings: Settings) -> int:
    """How many records of the source open transactions keep from being read, at most. Raises CannotDo."""
    config, topic = reading_config(settings), settings.kafka.topic
    uncommitted: Config = {**config, "isolation.level": "read_uncommitted"}
    with (
        answering(settings),
        opened(uncommitted, topic) as everything,
        opened(config, topic) as readable,
    ):
        ends = everything.spans()  # asked first: what comes meanwhile is kept back by nothing
        return sum(max(0, ends[at].end - span.end) for at, span in readable.spans().items() if at in ends)


def _ahead_of(settings: Settings, wanted: SoughtConversion, begin: float) -> _Ahead:
    """Search the records ahead of the group, and its journal."""
    config = reading_config(settings)
    in_journal = _by_key(wanted) if wanted.field == "event_id" else in_value(wanted)
    journal = settings.journal_topic if settings.journal.enabled else None
    with (
        answering(settings),
        ThreadPoolExecutor(1, "explain") as threads,
        opened(config, settings.kafka.topic) as reader,
    ):
        unread = _without_leader(settings)  # first, because it reports an absent broker at once
        scanning = threads.submit(_scan, config, journal, begin, in_journal, unread)
        spans = reader.spans(begin, unread=unread)
        beginnings = {at: span.start for at, span in reader.spans(unread=unread).items()}
        positions = _positions({**config, "group.id": settings.kafka.group_id}, settings.kafka.topic)
        ahead = _ahead(spans, positions)
        found = [one for one in reader.read(ahead, keep=in_value(wanted)) if wanted.is_in(one.value)]
        steps = _steps_of(scanning.result(), wanted)
        return _Ahead(settings, positions, beginnings, spans, ahead, found, steps, unread)


def _without_leader(settings: Settings) -> Sequence[Partition]:
    """The partitions of a destination's topics that have no leader."""
    from worker.adapters.kafka.group_state import GroupState
    from worker.settings.tiers import every_tier

    with GroupState(reading_config(settings)) as state:
        journal = [settings.journal_topic] if settings.journal.enabled else []
        own = [*journal, *every_tier(settings, state.topics()), settings.dlq_topic]
        return state.leaderless([settings.kafka.topic, *own])


def _with_behind(one: _Ahead, wanted: SoughtConversion, places: Iterable[Place]) -> SearchResult:
    config = reading_config(one.settings)
    with answering(one.settings), opened(config, one.settings.kafka.topic) as reader:
        behind = _behind(reader, one, wanted, places)
        records = [*one.records, *(record for record in behind if wanted.is_in(record.value))]
    return SearchResult(one.settings, records, one.steps, one.positions, one.beginnings, one.unread)


def _ahead(
    spans: Mapping[Partition, OffsetRange], positions: Mapping[Partition, Position]
) -> dict[Partition, OffsetRange]:
    from worker.adapters.kafka.topic_reader import OffsetRange

    return {
        at: OffsetRange(max(span.start, positions[at].offset if at in positions else 0), span.end)
        for at, span in spans.items()
    }


def _behind(
    reader: TopicReader, one: _Ahead, wanted: SoughtConversion, places: Iterable[Place]
) -> list[Record]:
    """Candidates among the records that the group has finished: those at the places.

    Without a known place everything is read: the record may be finished without a step, or not exist.
    """
    from worker.adapters.kafka.topic_reader import OffsetRange

    if not places:
        spans = {at: span.before(one.ahead[at]) for at, span in one.spans.items()}
        return list(reader.read(spans, keep=in_value(wanted)))
    return [
        record
        for at, offset in places
        if at in one.spans and offset < one.ahead[at].start
        for record in reader.read({at: OffsetRange(offset, offset + 1)})
    ]


def _steps_of(records: Iterable[Record], wanted: SoughtConversion) -> list[JournalStep]:
    from schemas import read_step

    steps = [step for record in records if (step := read_step(record.value)) is not None]
    return [step for step in steps if getattr(step, wanted.field) == wanted.value]


def _positions(group: Config, topic: str) -> Mapping[Partition, Position]:
    from worker.adapters.kafka.committed_offsets import GroupRefused, positions_of
    from worker.adapters.kafka.errors import KafkaUnavailable

    for _ in range(TRIES - 1):
        try:
            return positions_of(group, topic)
        except GroupRefused:
            raise
        except KafkaUnavailable:
            time.sleep(AGAIN_AFTER_SECONDS)
    return positions_of(group, topic)


def _scan(
    config: Config, topic: str | None, begin: float, keep: Keep, unread: Sequence[Partition]
) -> list[Record]:
    """The records of a topic since a time that pass `keep`; none without a topic."""
    if topic is None:
        return []
    with opened(config, topic) as reader:
        return list(reader.read(reader.spans(begin, unread=unread), keep=keep))


def _by_key(wanted: SoughtConversion) -> Keep:
    sought = wanted.value.encode()
    return lambda key, _: key == sought


def in_value(wanted: SoughtConversion) -> Keep:
    """Make a test for JSON that may hold the value."""
    from worker.core.unparsed_json import may_hold

    sought = wanted.value.encode()
    return lambda _, value: may_hold(sought, value)
