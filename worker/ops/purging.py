"""Old dead letters removed for good.

The rule: Kafka removes a partition's records from its beginning on; so of each partition those go that lie
before its first letter of the time, and no later one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from worker.ops.broker import answering, asking
from worker.ops.dead_letters import CLOCKS_DIFFER_SECONDS, NO_TIME, Show, letter_of, quietly

if TYPE_CHECKING:
    from worker.adapters.kafka.topic_reader import OffsetRange, TopicReader
    from worker.core.record import Partition
    from worker.settings import Settings


def purgeable(reader: TopicReader, before: float, show: Show = quietly) -> dict[Partition, OffsetRange]:
    """What of each partition may go: all that died before a time, in epoch seconds, up to the first later."""
    from worker.adapters.kafka.topic_reader import OffsetRange

    every, late = reader.spans(), reader.spans(before - CLOCKS_DIFFER_SECONDS)
    firsts = {at: span.end for at, span in every.items()}
    total = sum(span.length for span in late.values())
    for record in show(reader.read(late), "reading", total):
        died = (letter_of(record).dead_at or NO_TIME).timestamp()
        if died >= before:
            firsts[record.at] = min(firsts[record.at], record.offset)
    spans = {at: OffsetRange(span.start, firsts[at]) for at, span in every.items()}
    return {at: span for at, span in spans.items() if span.length}


def purge(settings: Settings, spans: Mapping[Partition, OffsetRange]) -> None:
    """Remove them; raise BrokerUnavailable where it does not answer, or refuses."""
    from worker.adapters.kafka.admin import delete_before

    with answering(settings):
        delete_before(asking(settings), {at: span.end for at, span in spans.items()})
