"""The life of a conversion, from the topics alone: the source, the journal, and how far the group is.

The rule: it only reads, joins no group and moves no offset. What is not of the conversion is left after a
look at its bytes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.ops.broker import answering
from worker.ops.reading import opened, reading_config

if TYPE_CHECKING:
    from schemas import JournalStep
    from worker.adapters.kafka.config import Config
    from worker.adapters.kafka.topic_reader import Keep, Span, TopicReader
    from worker.core.assigned_partition import Position
    from worker.core.life import Life, Told
    from worker.core.record import Partition, Record
    from worker.settings import Settings

TRIES, AGAIN_AFTER_SECONDS = 5, 1.0
"""How often the broker is asked where the group is: it may have to find out first who knows."""

PACE_SECONDS = 60.0
"""How long a while is looked at for how fast a partition goes."""


class Wanted(NamedTuple):
    """Which conversion is meant: a field of the event, and its value."""

    field: str
    value: str

    def is_in(self, value: bytes | None) -> bool:
        """Whether a JSON object has it."""
        fields = _object(value)
        return fields.get(self.field) == self.value


class Explained(NamedTuple):
    """One conversion: its event id, where it has one, its life, what that comes to, what happened when."""

    event_id: str | None
    life: Life
    told: Told
    timeline: Sequence[tuple[float, str]]


def explain(settings: Settings, wanted: Wanted, since: str, now: float) -> list[Explained]:
    """Each conversion that is meant, the newest last; at least one, which may never have been published.

    `since` is an age, such as `48h`. Raises CannotDo, BrokerUnavailable.
    """
    from worker.core.life import judge, timeline

    begin = now - _age(since)
    with answering(settings):
        published, steps, positions = _read(settings, wanted, begin)
        explained = []
        for event_id, life in _lives(published, steps, positions, wanted):
            pace = _pace(settings, life, now)
            explained.append(Explained(event_id, life, judge(life, now, since, pace), timeline(life)))
    return sorted(explained, key=lambda one: one.timeline[-1][0] if one.timeline else 0.0)


def _age(text: str) -> float:
    from worker.ops.errors import WrongUsage
    from worker.settings.values import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise WrongUsage([f"--since: {error}"]) from None


def _read(
    settings: Settings, wanted: Wanted, begin: float
) -> tuple[list[Record], list[JournalStep], Mapping[Partition, Position]]:
    """All that the topics tell."""
    config = reading_config(settings)
    in_journal = _by_key(wanted) if wanted.field == "event_id" else _in_value(wanted)
    with ThreadPoolExecutor(1, "explain") as threads, opened(config, settings.kafka.topic) as reader:
        scanning = threads.submit(_scan, config, settings.journal_topic, begin, in_journal)
        positions = _positions({**config, "group.id": settings.kafka.group_id}, settings.kafka.topic)
        spans = reader.spans(begin)
        ahead = _ahead(spans, positions)
        found = list(reader.read(ahead, keep=_in_value(wanted)))
        steps = _steps_of(scanning.result(), wanted)
        found += _behind(reader, spans, ahead, steps, wanted, nothing=not found)
    return [record for record in found if wanted.is_in(record.value)], steps, positions


def _ahead(spans: Mapping[Partition, Span], positions: Mapping[Partition, Position]) -> dict[Partition, Span]:
    """What the group is not done with."""
    from worker.adapters.kafka.topic_reader import Span

    return {
        at: Span(max(span.start, positions[at].offset if at in positions else 0), span.end)
        for at, span in spans.items()
    }


def _behind(
    reader: TopicReader,
    spans: Mapping[Partition, Span],
    ahead: Mapping[Partition, Span],
    steps: Sequence[JournalStep],
    wanted: Wanted,
    *,
    nothing: bool,
) -> list[Record]:
    """What may be a conversion's of the records that the group is done with: those that the journal names.

    All is read where `nothing` is ahead and the journal tells of nothing either: it may be finished without a
    step, or not there at all.
    """
    from worker.adapters.kafka.topic_reader import Span

    if nothing and not steps:
        return list(
            reader.read({at: span.before(ahead[at]) for at, span in spans.items()}, keep=_in_value(wanted))
        )
    places = {_place(step.origin) for step in steps}
    return [
        record
        for at, offset in places
        if at in spans and offset < ahead[at].start
        for record in reader.read({at: Span(offset, offset + 1)})
    ]


def _place(origin: str) -> tuple[Partition, int]:
    from worker.core.record import Partition

    topic, number, offset = origin.rsplit("/", 2)
    return Partition(topic, int(number)), int(offset)


def _steps_of(records: Iterable[Record], wanted: Wanted) -> list[JournalStep]:
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


def _scan(config: Config, topic: str, begin: float, keep: Keep) -> list[Record]:
    """What is kept of a topic since a time."""
    with opened(config, topic) as reader:
        return list(reader.read(reader.spans(begin), keep=keep))


def _by_key(wanted: Wanted) -> Keep:
    sought = wanted.value.encode()
    return lambda key, _: key == sought


def _in_value(wanted: Wanted) -> Keep:
    """Whether JSON may hold it: what has an escape is looked into, whatever its bytes."""
    sought = wanted.value.encode()
    return lambda _, value: value is not None and (sought in value or b"\\" in value)


def _object(value: bytes | None) -> Mapping[str, Any]:
    """The fields of a JSON object, also of one that is no valid event."""
    from pydantic_core import from_json

    try:
        fields = from_json(value or b"", allow_inf_nan=False)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


# --- lives ---------------------------------------------------------------------------------------


def _lives(
    records: Sequence[Record],
    steps: Sequence[JournalStep],
    positions: Mapping[Partition, Position],
    wanted: Wanted,
) -> list[tuple[str | None, Life]]:
    """What was found, by event id: a click, or an order, may have several conversions."""
    from worker.core.life import Life, in_order

    ids = [_text(_object(record.value).get("event_id")) for record in records]
    known: dict[str | None, None] = dict.fromkeys([*ids, *(step.event_id for step in steps)])
    if wanted.field == "event_id" or not known:
        known = {wanted.value if wanted.field == "event_id" else None: None}
    lives: list[tuple[str | None, Life]] = []
    for event_id in known:
        own = [record for record, its in zip(records, ids, strict=True) if its == event_id]
        own.sort(key=lambda record: record.timestamp)
        published = [_published(record, positions.get(record.at)) for record in own]
        lives.append(
            (event_id, Life(published, in_order(step for step in steps if step.event_id == event_id)))
        )
    return lives


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _published(record: Record, position: Position | None) -> Any:
    from schemas import WorkerHeaders
    from worker.core.life import Published

    replays = WorkerHeaders.read(record.headers).replays or 0
    is_finished, before = _standing(record.offset, position)
    return Published(record.origin, record.timestamp, replays, is_finished, before)


def _standing(offset: int, position: Position | None) -> tuple[bool, int]:
    """Whether the group is done with a record, and how many that it is not done with lie before it."""
    from worker.core.offset_map import DamagedMap, read

    if position is None:
        return False, offset
    if offset < position.offset:
        return True, 0
    try:
        finished = read(position.metadata).finished if position.metadata else None
    except DamagedMap:
        finished = None
    if finished is None:
        return False, offset - position.offset
    holes = sum(position.offset <= hole < offset for hole in finished.holes)
    return offset in finished, holes + max(0, offset - max(finished.upto, position.offset))


def _pace(settings: Settings, life: Life, now: float) -> float | None:
    """How many records of the same partition were finished in a second lately; None where it is not asked."""
    from worker.core.record import Partition

    ahead = [one for one in life.published if not one.is_finished and one.before]
    if not ahead:
        return None
    at = Partition(settings.journal_topic, _place(ahead[-1].origin)[0].number)
    with opened(reading_config(settings), settings.journal_topic) as reader:
        span = reader.spans(now - PACE_SECONDS).get(at)
    return span.length / PACE_SECONDS if span is not None and span.length else None
