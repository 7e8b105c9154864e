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
from worker.core.routing import PASSED, Router


class PassedOver(NamedTuple):
    """The number of records of each topic, and the offset after the last one of each partition."""

    counts: Mapping[str, int]
    behind: Mapping[Partition, int]


Parted = tuple[list[Record], PassedOver | None]
"""The records taken from a read, and the passed-over ones; None if there are none."""


def take_all(messages: Sequence[ReceivedMessage], ats: Sequence[Partition]) -> Parted:
    """Pass over nothing."""
    return list(map(to_record, messages, ats)), None


class PassingOver:
    """Routes each message; used by the poll thread alone."""

    def __init__(self, router: Router) -> None:
        self._route = router.route

    def part(self, messages: Sequence[ReceivedMessage], ats: Sequence[Partition]) -> Parted:
        """Make records of the messages that are taken; `ats` holds the partition of each message."""
        records: list[Record] = []
        passed: list[Partition] = []
        last: dict[Partition, ReceivedMessage] = {}
        route = self._route
        for message, at, headers in zip(messages, ats, all_headers_of(messages), strict=True):
            fields = route(at.topic, headers, message.value())
            if fields is PASSED:
                passed.append(at)
                last[at] = message
            else:
                records.append(to_known_record(message, at, headers, fields))
        return records, _told(passed, last) if passed else None


def _told(passed: Sequence[Partition], last: Mapping[Partition, ReceivedMessage]) -> PassedOver:
    counts: Counter[str] = Counter()
    for at, count in Counter(passed).items():
        counts[at.topic] += count
    return PassedOver(counts, {at: message.offset() + 1 for at, message in last.items()})
