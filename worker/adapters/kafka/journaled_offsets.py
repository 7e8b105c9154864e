"""Reads from a group's journal which source offsets are finished. Blocking; called at an assignment.

The rule: it reads a bounded number of the newest steps, and the records at their origins: a step counts only
if it names the event that lies there. A failure to read is not taken for "nothing is finished". An absent
topic holds nothing.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import NamedTuple

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.errors import KafkaUnavailable
from worker.adapters.kafka.topic_reader import FASTER, NoSuchTopic, OffsetRange, TopicReader
from worker.core.journaled_offsets import OriginCollector, origin_of
from worker.core.record import Partition
from worker.core.start_offset import GroupJournal

MOST_STEPS = 300_000
"""The newest steps that are read of all partitions together, but at least LEAST_STEPS of each."""

LEAST_STEPS = 20_000

FIRST_DAY_SECONDS = 60.0
"""A group whose steps about a topic are all younger has only just begun with it."""

OLD_STEPS = 100
"""The newest older steps that are read of each partition: are they about this source, or a former one?"""


class JournalTopics(NamedTuple):
    """A journal's topic, and the source topic that it is about."""

    topic: str
    source: str


def read_journaled(config: Config, journal: JournalTopics, partitions: Collection[Partition]) -> GroupJournal:
    """What the journal says about these source partitions. Raises KafkaUnavailable."""
    gathered = {at: OriginCollector() for at in partitions}
    with TopicReader({**config, **FASTER}, journal.topic) as reader:
        try:
            spans = reader.spans()
        except NoSuchTopic:
            return GroupJournal()
        young = reader.spans(time.time() - FIRST_DAY_SECONDS)
        old = {at: span.before(young[at]).last(OLD_STEPS) for at, span in spans.items() if at in young}
        is_old = journal.source in {_topic_of(record.value) for record in reader.read(old)}
        wanted = {at.number % len(spans) for at in gathered}
        most = max(LEAST_STEPS, MOST_STEPS // len(wanted))
        newest = {at: span.last(most) for at, span in spans.items() if at.number in wanted}
        for record in reader.read(newest):
            origin = origin_of(record.value)
            at = None if origin is None else Partition(origin.topic, origin.partition)
            if origin is not None and at in gathered:
                gathered[at].add(origin, record.key)
    source = _look_at_origins(config, journal.source, gathered)
    whole = {at.number for at, span in newest.items() if span.start == 0}
    told = {
        at: of.finished(is_whole=at.number % len(spans) in whole, low=source[at].start, high=source[at].end)
        for at, of in gathered.items()
    }
    return GroupJournal({at: of for at, of in told.items() if of is not None}, is_old)


def _topic_of(value: bytes | None) -> str | None:
    """The source topic that a record of the journal is about; None if it is no step."""
    origin = origin_of(value)
    return None if origin is None else origin.topic


def _look_at_origins(
    config: Config, topic: str, gathered: Mapping[Partition, OriginCollector]
) -> Mapping[Partition, OffsetRange]:
    """Read the records at the steps' origins; return the span of each partition."""
    with TopicReader({**config, **FASTER}, topic) as reader:
        try:
            spans = reader.spans(among=gathered)  # others may have no leader
        except NoSuchTopic as error:
            raise KafkaUnavailable(f"{topic} is not there") from error
        there = {at: spans.get(at, OffsetRange(0, 0)) for at in gathered}
        told_of = {at: OffsetRange(*of.told_of(*there[at])) for at, of in gathered.items()}
        for record in reader.read(told_of):
            gathered[record.at].found(record.offset, record.value)
    return there
