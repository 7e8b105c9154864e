"""Reads what a group's journal tells of the source's offsets. Blocking; called at an assignment.

The rule: the newest steps are read, a bounded number; that they can't be is not taken for nothing finished. A
topic that is not there holds nothing.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import NamedTuple

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.topic_reader import FASTER, NoSuchTopic, TopicReader
from worker.core.journaled_offsets import Gathered, origin_of
from worker.core.record import Partition
from worker.core.start_offset import Journal

MOST_STEPS = 300_000
"""So many of the newest steps are read, of all partitions together, but of each LEAST_STEPS."""

LEAST_STEPS = 20_000

FIRST_DAY_SECONDS = 60.0
"""A journal whose steps are all younger is that of a group which begins just now."""


class JournalOf(NamedTuple):
    """The topic of a journal, and that of its source."""

    topic: str
    source: str


def read_journaled(config: Config, journal: JournalOf, partitions: Collection[Partition]) -> Journal:
    """What the journal tells of these partitions of the source. Raises KafkaUnavailable."""
    gathered = {at.number: Gathered() for at in partitions}
    with TopicReader({**config, **FASTER}, journal.topic) as reader:
        try:
            spans = reader.spans()
        except NoSuchTopic:
            return Journal()
        young = reader.spans(time.time() - FIRST_DAY_SECONDS)
        is_old = any(young[at].start > span.start for at, span in spans.items() if at in young)
        wanted = {number % len(spans) for number in gathered}
        most = max(LEAST_STEPS, MOST_STEPS // len(wanted))
        newest = {at: span.last(most) for at, span in spans.items() if at.number in wanted}
        for record in reader.read(newest):
            origin = origin_of(record.value)
            if origin is not None and origin.topic == journal.source and origin.partition in gathered:
                gathered[origin.partition].add(origin)
    whole = {at.number for at, span in newest.items() if span.start == 0}
    told = {at: gathered[at.number].told(is_whole=at.number % len(spans) in whole) for at in partitions}
    return Journal({at: of for at, of in told.items() if of is not None}, is_old)
