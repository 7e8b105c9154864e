"""Explains the life of a conversion from the topics alone: source, journal, and each group's position.

The rules: it only reads, joins no group and moves no offset. Of several destinations those are told of that
take it. The tiers and the dead letters are read where the journal does not tell; how the destination does is
asked where a conversion ought to go and does not. What partitions without a leader may refute is no verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from schemas.dead_letter import fields_of
from schemas.moment import LAST
from worker.core.place import read_place
from worker.ops.broker import answering
from worker.ops.errors import CannotDo
from worker.ops.explain_reading import SearchResult, SoughtConversion, kept_back, read
from worker.ops.explain_undelivered import ids_in_tiers, with_undelivered
from worker.ops.filters import read_time
from worker.ops.reading import DESTINATIONS_AT_A_TIME, opened, reading_config

if TYPE_CHECKING:
    from schemas import JournalStep
    from worker.core.assigned_partition import Position
    from worker.core.life import Life, LifeSummary, SourceRecord
    from worker.core.record import Partition, Record
    from worker.core.routing import Router
    from worker.settings import Deployment, Settings

PACE_SECONDS = 60.0
"""Most seconds over which a partition's pace is measured: from the first of its steps on."""

LEAST_PACE_SECONDS = 1.0
"""Fewest seconds: steps come in batches."""

GONE = (
    "; no tier holds it: it goes on just now, was sent while the journal was off, "
    "or was deleted there before it was sent"
)


class Explanation(NamedTuple):
    """One conversion at one destination: its life, the verdict, and a timeline.

    `event_id` is None if it has none.
    """

    destination: str
    event_id: str | None
    life: Life
    summary: LifeSummary
    timeline: Sequence[tuple[float, str]]

    @property
    def is_found(self) -> bool:
        """Whether anything was found of it."""
        return bool(self.timeline)


def explain(deployment: Deployment, wanted: SoughtConversion, since: str, now: float) -> list[Explanation]:
    """Each wanted conversion, at each destination that takes it, the newest last; at least one.

    That one may never have been published, or be passed over by all. `since` is an age, such as `48h`, or an
    RFC 3339 time. Raises CannotDo, BrokerUnavailable.
    """
    from worker.core.life import LifeVerdict

    moment = read_time("since", since, now)
    begin = now if moment is None else moment
    found = read(deployment.destinations, wanted, begin)
    is_unknown = not any(one.published or one.steps for one in found)
    untold = {
        None,
        LifeVerdict.UNTOLD,
        LifeVerdict.OVERDUE,
    }  # the journal may have been off since its last step

    def explanations(one: SearchResult) -> list[Explanation]:
        with answering(one.settings):
            return list(_at(one, deployment.router(one.settings), wanted, since, now))

    def told_of(one: SearchResult) -> list[Explanation]:
        its = explanations(one)
        if is_unknown or any(life.summary.verdict in untold for life in its):
            its = explanations(with_undelivered(one, wanted, begin))
        its = _with_why(_with_gone(its, one, wanted), one.settings)
        return _with_kept_back(its, one.settings)

    with ThreadPoolExecutor(DESTINATIONS_AT_A_TIME, "explain") as threads:
        explained = [life for its in threads.map(told_of, found) for life in its]
    nothing = {LifeVerdict.NEVER_PUBLISHED, LifeVerdict.NOT_TAKEN}
    answered = [one for one in explained if one.summary.verdict not in nothing and one.is_found]
    if not answered:
        answered = [one for one in explained if one.summary.verdict is LifeVerdict.NOT_TAKEN] or explained[:1]
    return sorted(answered, key=lambda one: one.timeline[-1][0] if one.timeline else 0.0)


# --- lives ---------------------------------------------------------------------------------------


def _at(
    found: SearchResult, router: Router, wanted: SoughtConversion, since: str, now: float
) -> Iterator[Explanation]:
    """The conversions found at one destination. Raises CannotDo, BrokerUnavailable."""
    from worker.core.life import judge, timeline

    for event_id, life in _lives(found, router, wanted):
        summary = judge(life, now, since, _pace(found, life, now))
        yield Explanation(found.settings.destination.name, event_id, life, summary, timeline(life))


def _hiding(found: SearchResult, origins: Iterable[str]) -> Sequence[Partition]:
    """The unread partitions that may hold more of it: what becomes of it stays at its partition's number."""
    numbers = {place.at.number for place in map(read_place, origins) if place is not None}
    return [at for at in found.unread if not numbers or at.number in numbers]


def _with_gone(its: list[Explanation], found: SearchResult, wanted: SoughtConversion) -> list[Explanation]:
    """Say of what is overdue that no tier holds it, where none does; nothing where this user can't ask."""
    from worker.core.life import LifeVerdict

    if all(one.summary.verdict is not LifeVerdict.OVERDUE for one in its):
        return its
    try:
        held = ids_in_tiers(found, wanted)
    except CannotDo:
        return its
    return [
        one._replace(summary=_with(one.summary, GONE))
        if one.summary.verdict is LifeVerdict.OVERDUE and one.event_id not in held
        else one
        for one in its
    ]


def _with_why(its: list[Explanation], settings: Settings) -> list[Explanation]:
    """Add how the destination does to what that keeps; nothing where this user can't ask. Asks once."""
    from worker.core.life import LifeVerdict

    held = {LifeVerdict.NOT_READ, LifeVerdict.REPLAYED, LifeVerdict.OVERDUE}
    why = _why(settings) if any(one.summary.verdict in held for one in its) else ""
    return [
        one._replace(summary=_with(one.summary, why if one.summary.verdict in held else "")) for one in its
    ]


def _with_kept_back(its: list[Explanation], settings: Settings) -> list[Explanation]:
    """Say of what was not found how much could not be read, for open transactions."""
    from worker.core.life import LifeVerdict

    unknown = [one for one in its if one.summary.verdict is LifeVerdict.NEVER_PUBLISHED]
    if not unknown or not (count := kept_back(settings)):
        return its
    why = f", as far as can be read: an open transaction keeps back up to {count} records"
    return [one._replace(summary=_with(one.summary, why)) if one in unknown else one for one in its]


def _with(summary: LifeSummary, why: str) -> LifeSummary:
    return summary._replace(line=summary.line + why)


def _why(settings: Settings) -> str:
    """How the destination does, as the end of a line; "" if it is well, or can't be asked."""
    from worker.ops.status import DestinationWatcher

    watcher = DestinationWatcher(settings)
    try:
        diagnosis = watcher.look().diagnosis
    except CannotDo:
        return ""
    finally:
        watcher.close()
    if diagnosis.is_well:
        return ""
    return f"; {settings.destination.name}: {diagnosis.spoken}, {diagnosis.why}"


def _lives(
    found: SearchResult, router: Router, wanted: SoughtConversion
) -> Iterator[tuple[str | None, Life]]:
    """The lives by event id: a click or an order may have several conversions."""
    from worker.core.life import Life, in_order

    ids = [_text(fields_of(record.value).get("event_id")) for record in found.published]
    at = {record.origin: its for record, its in zip(found.published, ids, strict=True)}

    def id_of(step: JournalStep) -> str | None:
        """The id of its conversion; the journal has none that is no event id, but the record's origin."""
        return at.get(step.origin) if step.event_id is None else step.event_id

    known: dict[str | None, None] = dict.fromkeys([*ids, *map(id_of, found.steps)])
    if wanted.field == "event_id" or not known:
        known = {wanted.value if wanted.field == "event_id" else None: None}
    for event_id in known:
        all_of_it = [record for record, its in zip(found.published, ids, strict=True) if its == event_id]
        own = sorted(filter(router.takes, all_of_it), key=lambda record: record.timestamp)
        published = [_published(record, found) for record in own]
        steps = in_order(step for step in found.steps if id_of(step) == event_id)
        hiding = _hiding(found, [*(one.origin for one in all_of_it), *(one.origin for one in steps)])
        yield event_id, Life(published, steps, bool(all_of_it) and not own, hiding)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _published(record: Record, found: SearchResult) -> SourceRecord:
    from schemas import WorkerHeaders
    from worker.core.life import SourceRecord

    replays = WorkerHeaders.read(record.headers).replays or 0
    position, beginning = found.positions.get(record.at), found.beginnings.get(record.at, 0)
    is_finished, before = _standing(record.offset, position, beginning)
    at = record.timestamp if record.timestamp <= LAST.timestamp() else 0.0  # a producer may write any number
    return SourceRecord(record.origin, at, replays, is_finished, before)


def _standing(offset: int, position: Position | None, beginning: int) -> tuple[bool, int]:
    """Whether the group has finished a record, and how many unfinished ones are before it in the log."""
    from worker.core.offset_map import claimed

    if position is None:
        return False, max(0, offset - beginning)
    if offset < position.offset:
        return True, 0
    first = max(position.offset, beginning)
    finished = claimed(position.offset, position.metadata)
    if finished is None:
        return False, max(0, offset - first)
    holes = sum(first <= hole < offset for hole in finished.holes)
    return offset in finished, holes + max(0, offset - max(finished.upto, first))


def _pace(found: SearchResult, life: Life, now: float) -> float | None:
    """Records of the same partition finished per second since it flows; None if not needed or unknown.

    Only a journal tells it.
    """
    from worker.adapters.kafka.topic_reader import OffsetRange
    from worker.core.record import Partition

    ahead = [one for one in life.published if not one.is_finished and one.before]
    place = read_place(ahead[-1].origin) if ahead else None
    settings = found.settings
    if place is None or not settings.journal.enabled:
        return None
    at = Partition(settings.journal_topic, place.at.number)
    with opened(reading_config(settings), settings.journal_topic) as reader:
        span = reader.spans(now - PACE_SECONDS, [at], found.unread).get(at)
        if span is None or not span.length:
            return None
        first = list(reader.read({at: OffsetRange(span.start, span.start + 1)}))
        begun = min((record.timestamp for record in first), default=now - PACE_SECONDS)
    return span.length / max(LEAST_PACE_SECONDS, now - begun)
