"""Reads what is pending at a destination: unfinished records on its source and in its tiers.

The rule: it only reads, joins no group and moves no offset. It shows the moment of asking; the workers go on
meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from worker.ops.broker import answering, asking, partitions_by_topic
from worker.ops.dead_letters import Show, quietly
from worker.ops.errors import CannotDo
from worker.ops.reading import MAKE_TOPICS, opened, reading_config

if TYPE_CHECKING:
    from worker.adapters.kafka.group_state import GroupState, PartitionStanding
    from worker.core.event_filter import EventFilter
    from worker.core.orders import TierEnds
    from worker.core.record import Partition, Record
    from worker.settings import Deployment, Settings

SOURCE = "source"


class Pending(NamedTuple):
    """An unfinished record, and where it is: `source`, or the delay of its tier."""

    where: str
    record: Record


def count(found: Iterable[Pending]) -> Counter[str]:
    """How many there are on the source and in each tier."""
    return Counter(one.where for one in found)


def on_source(
    deployment: Deployment, settings: Settings, wanted: EventFilter, show: Show = quietly
) -> Iterator[Pending]:
    """Matching records on the source that this destination takes. Raises CannotDo."""
    takes = deployment.router(settings).takes
    topic, group = settings.kafka.topic, settings.kafka.group_id
    with answering(settings):
        for record in _pending(settings, group, {topic: SOURCE}, show):
            if wanted.matches(record.value, record.headers, on_tier=False) and takes(record):
                yield Pending(SOURCE, record)


def in_tiers(
    settings: Settings, wanted: EventFilter, show: Show = quietly, unread: Collection[Partition] = ()
) -> Generator[Pending, None, None]:
    """Matching records in the tiers, including tiers no longer configured, but for `unread` partitions.

    Raises CannotDo.
    """
    with answering(settings):
        topics = _tiers(settings)
        for record in _pending(settings, settings.retry_group, topics, show, unread):
            if wanted.matches(record.value, record.headers, on_tier=True):
                yield Pending(topics[record.at.topic], record)


def tier_ends(settings: Settings) -> TierEnds:
    """Where each partition of each tier ends now. Raises CannotDo."""
    with answering(settings):
        topics = _tiers(settings)
        _must_exist(topics, settings)
        with _group_state(settings, settings.retry_group) as state:
            return {at: one.high for at, one in state.standing(topics).items()}


def tier_logs(settings: Settings) -> Mapping[str, str]:
    """The id of each tier's log, where the broker tells it. Raises CannotDo."""
    from worker.adapters.kafka.topic_ids import TopicIds

    with answering(settings), TopicIds(asking(settings)) as ids:
        found = ids.of(_tiers(settings))
    return {topic: log.topic_id for topic, log in found.items() if log.topic_id is not None}


def row_of(one: Pending) -> Mapping[str, object]:
    """The row of a record in a tier."""
    from schemas import DeadLetter, WorkerHeaders, format_time

    at, offset, key, value, headers, timestamp, *_ = one.record
    carried = WorkerHeaders.read(headers)
    letter = DeadLetter.from_record(at.topic, at.number, offset, key, value, headers, timestamp)
    return {
        "where": f"{one.where} {at.number}/{offset}",
        "due_at": None if carried.due_at is None else format_time(carried.due_at),
        "attempts": carried.attempts,
        "status": carried.status,
        "reason": carried.reason,
        "event_id": letter.event_id,
        "click_id": letter.click_id,
        "error": carried.error,
    }


def _tiers(settings: Settings) -> Mapping[str, str]:
    """The topics of the tiers, former ones included, with the delay of each."""
    from worker.settings.tiers import every_tier

    tiers = every_tier(settings, partitions_by_topic(settings))
    return {topic: tier.label for topic, tier in tiers.items()}


def _must_exist(topics: Iterable[str], settings: Settings) -> None:
    there = partitions_by_topic(settings)
    missing = [topic for topic in topics if topic not in there]
    if missing:
        raise CannotDo([f"topic {topic} does not exist" for topic in missing], MAKE_TOPICS)


def _group_state(settings: Settings, group: str) -> GroupState:
    from worker.adapters.kafka.group_state import GroupState

    return GroupState({**reading_config(settings), "group.id": group})


def _pending(
    settings: Settings,
    group: str,
    topics: Mapping[str, str],
    show: Show,
    unread: Collection[Partition] = (),
) -> Iterator[Record]:
    """The records of these topics that a group has not finished."""
    from worker.adapters.kafka.topic_reader import OffsetRange

    _must_exist(topics, settings)
    config = reading_config(settings)
    with _group_state(settings, group) as state:
        standing = state.standing(topics, unread)
    for topic in topics:
        own = {at: one for at, one in standing.items() if at.topic == topic and one.high > one.next}
        if own:
            with opened(config, topic) as reader:
                spans = {at: OffsetRange(one.next, one.high) for at, one in own.items()}
                total = sum(span.length for span in spans.values())
                read = show(reader.read(spans), f"reading {topics[topic]}", total)
                yield from filter(partial(_is_open, own), read)


def _is_open(standing: Mapping[Partition, PartitionStanding], record: Record) -> bool:
    """Whether the group has not finished a record."""
    return not standing[record.at].is_finished(record.offset)
