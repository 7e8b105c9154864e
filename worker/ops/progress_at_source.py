"""Finds on the source how far an interrupted plan got.

The rule: only records after the ends that the plan names are read, and only after giving records of a killed
process time to arrive.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from worker.ops.broker import answering, partitions_by_topic
from worker.ops.errors import CannotDo
from worker.ops.hearing import Hearing
from worker.ops.reading import open_topic

if TYPE_CHECKING:
    from worker.adapters.kafka.topic_reader import OffsetRange
    from worker.core.record import Partition, Record
    from worker.ops.plans import Plan
    from worker.settings import Settings

SETTLE_SECONDS = 3.0
"""Seconds to wait before looking what an interrupted plan has sent.

What a killed process had written to its connections may reach the source after its end.
"""

NO_SOURCE = "`postback-worker topics create --help` tells how to make it"


def settle(hearing: Hearing) -> None:
    """Wait for records that may be on their way; `hearing` is told so."""
    hearing.says(f"one was broken off: {SETTLE_SECONDS:g} s for what it may have left on its way")
    time.sleep(SETTLE_SECONDS)


def source_spans(settings: Settings) -> Mapping[Partition, OffsetRange]:
    """What the source topic holds; raise CannotDo if it is missing, BrokerUnavailable."""
    topic = settings.kafka.topic
    with answering(settings, or_refusing=False):
        if topic not in partitions_by_topic(settings):
            raise CannotDo([f"topic {topic} does not exist"], NO_SOURCE)
    with open_topic(settings, topic, NO_SOURCE) as source:
        return source.spans()


def since_of(plan: Plan, source: Mapping[Partition, OffsetRange]) -> Mapping[Partition, int] | None:
    """Where to look for what a plan has sent; None if the source no longer holds all of that.

    A partition that is shorter than it was is another log, and is read whole.
    """
    since = {}
    for at, span in source.items():
        end = plan.ends.get(at.number, 0)
        if span.start > end and at.number in plan.ends:
            return None
        since[at] = end if span.start <= end <= span.end else span.start
    return since


def come_since(settings: Settings, since: Mapping[Partition, int]) -> Iterator[Record]:
    """Read what has come to the source since then."""
    with open_topic(settings, settings.kafka.topic, NO_SOURCE) as reader:
        spans = {at: span._replace(start=since.get(at, span.start)) for at, span in reader.spans().items()}
        yield from reader.read(spans)
