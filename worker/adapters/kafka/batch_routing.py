"""Passes over other destinations' events where they are read: no record is made of them.

The rules: an event passed over costs neither demand nor room, and leaves only a count and how far the reading
got. What was parsed to route a record goes with it, so that a small one is parsed once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from worker.adapters.kafka.records import ReceivedMessage, all_headers_of, to_known_record, to_record
from worker.core.record import Partition, Record
from worker.core.routing import NOT_TAKEN, Router


class NotTakenCounts(NamedTuple):
    """Others' records: how many of each topic, and the offset after the last of each partition."""

    counts: Mapping[str, int]
    behind: Mapping[Partition, int]


RoutedBatch = tuple[list[Record], NotTakenCounts | None]
"""The records taken from a read, and the passed-over ones; None if there are none."""


def take_all(messages: Sequence[ReceivedMessage], ats: Sequence[Partition]) -> RoutedBatch:
    """Pass over nothing."""
    return list(map(to_record, messages, ats)), None


class BatchRouter:
    """Routes each message; used by the poll thread alone."""

    def __init__(self, router: Router) -> None:
        self._take = router.route

    def route(self, messages: Sequence[ReceivedMessage], ats: Sequence[Partition]) -> RoutedBatch:
        """Make records of the messages that are taken; `ats` holds the partition of each message."""
        records: list[Record] = []
        not_taken: list[Partition] = []
        last: dict[Partition, ReceivedMessage] = {}
        take = self._take
        for message, at, headers in zip(messages, ats, all_headers_of(messages), strict=True):
            fields = take(at.topic, headers, message.value())
            if fields is NOT_TAKEN:
                not_taken.append(at)
                last[at] = message
            else:
                records.append(to_known_record(message, at, headers, fields))
        return records, _counted(not_taken, last) if not_taken else None


def _counted(not_taken: Sequence[Partition], last: Mapping[Partition, ReceivedMessage]) -> NotTakenCounts:
    counts: Counter[str] = Counter()
    for at, count in Counter(not_taken).items():
        counts[at.topic] += count
    return NotTakenCounts(counts, {at: message.offset() + 1 for at, message in last.items()})
