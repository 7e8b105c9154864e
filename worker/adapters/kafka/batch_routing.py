"""Passes over other destinations' events where they are read: no record is made of them.

The rules: an event passed over costs neither demand nor room, and leaves only a count and how far the reading
got. What was parsed to route a record goes with it, so that a small one is parsed once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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

    def __init__(self, router: Router, tell: Callable[[str], None]) -> None:
        """Take what hears a line of each name that replays are for and no destination has."""
        self._take, self._nobodys, self._tell = router.route, router.nobodys, tell
        self._told: set[str] = set()

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
        if len(self._nobodys) > len(self._told):
            self._tell_of_nobodys()
        return records, _counted(not_taken, last) if not_taken else None

    def _tell_of_nobodys(self) -> None:
        for name in sorted(self._nobodys - self._told):
            self._told.add(name)
            self._tell(
                f"replays for {name} are passed over: no destination of these settings has this name. If one "
                "had it before, what was replayed is not sent: `dlq replay --again` gives it once more"
            )


def routing_by(
    router: Router | None, tell: Callable[[str], None]
) -> Callable[[Sequence[ReceivedMessage], Sequence[Partition]], RoutedBatch]:
    """What routes a read: by this router, or nothing is passed over; `tell` as of a BatchRouter."""
    return take_all if router is None else BatchRouter(router, tell).route


def _counted(not_taken: Sequence[Partition], last: Mapping[Partition, ReceivedMessage]) -> NotTakenCounts:
    counts: Counter[str] = Counter()
    for at, count in Counter(not_taken).items():
        counts[at.topic] += count
    return NotTakenCounts(counts, {at: message.offset() + 1 for at, message in last.items()})
