"""Counts the outcomes of the latest attempts, from the end of the journal.

The rule: of very many steps only a share is read, and extrapolated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.adapters.kafka.topic_reader import OffsetRange, TopicReader
    from worker.core.flow import RecentAttempts
    from worker.core.record import Partition, Record

RECENT_SECONDS = 15.0
"""Seconds of the journal that count as now."""

MOST_STEPS = 40_000
"""Most steps that are read; of more, a share is."""

DELIVERED = "delivered"


def latest_steps(reader: TopicReader, now: float, unread: Collection[Partition]) -> RecentAttempts:
    """The latest steps of the reader's journal, but for `unread` partitions."""
    from worker.core.flow import RecentAttempts

    whole = reader.spans(now - RECENT_SECONDS, unread=unread)
    if not any(span.length for span in whole.values()):
        return RecentAttempts(RECENT_SECONDS, last=_last(reader, whole))
    return _counted(reader, whole)


def _last(reader: TopicReader, ends: Mapping[Partition, OffsetRange]) -> float | None:
    """When the newest record of the journal was written."""
    from worker.adapters.kafka.topic_reader import OffsetRange

    newest = {at: OffsetRange(span.end - 1, span.end) for at, span in ends.items() if span.end > 0}
    return max((record.timestamp for record in reader.read(newest)), default=None)


def _counted(reader: TopicReader, whole: Mapping[Partition, OffsetRange]) -> RecentAttempts:
    from worker.adapters.kafka.topic_reader import OffsetRange
    from worker.core.flow import RecentAttempts

    most = max(1, MOST_STEPS // len(whole))
    part = {at: OffsetRange(max(span.start, span.end - most), span.end) for at, span in whole.items()}
    found: Counter[tuple[Partition, str | None]] = Counter()
    last = 0.0
    for record in reader.read(part):
        last = max(last, record.timestamp)
        found[record.at, _outcome(record)] += 1
    total: Counter[str | None] = Counter()
    for (at, outcome), count in found.items():
        total[outcome] += round(count * whole[at].length / part[at].length)
    failed = {name: count for name, count in total.most_common() if name not in {None, DELIVERED}}
    return RecentAttempts(
        RECENT_SECONDS, total[DELIVERED], {str(name): count for name, count in failed.items()}, last
    )


def _outcome(record: Record) -> str | None:
    """The outcome of an attempt: delivered, or its status or failure kind; None for no attempt."""
    from schemas import StepKind, read_step

    step = read_step(record.value)
    if step is None or step.ms is None:
        return None
    if step.step is StepKind.DELIVERED:
        return DELIVERED
    return str(step.status) if step.status is not None else step.reason
