"""What is undelivered, waiting in tiers or dead, grouped by cause.

The rules: a conversion counts once, where it was last. One that has moved on, was replayed, or was delivered
after all, counts no more. Memory is bounded, at some forty bytes each: the records stay in Kafka. Beyond the
bound, the oldest of the longest partition are forgotten.
"""

from __future__ import annotations

import heapq
import math
from array import array
from collections.abc import Collection, Container, Iterable, Iterator
from enum import StrEnum
from itertools import takewhile
from typing import NamedTuple

from worker.core.offset_map import OffsetMap
from worker.core.record import Partition
from worker.core.undelivered_rows import FIRST_GROUP, Fate, PartitionRows

MOST_GROUPS = 1000
"""Groups that are told apart by their error; further ones of the same kind, reason and status are merged."""

OTHER_ERRORS = "(other errors)"

_PARTS = 64
"""One in so many of the bound is forgotten at once."""


class UndeliveredState(StrEnum):
    """Whether something undelivered waits or is dead."""

    WAITING = "waiting"
    """It is in a tier until it is due."""
    DEAD = "dead"


class GroupKey(NamedTuple):
    """Why something is undelivered."""

    kind: UndeliveredState
    reason: str | None
    status: int | None
    error: str | None


class UndeliveredGroup(NamedTuple):
    """Undelivered conversions with the same reason, status and error; `size` is their number.

    `oldest` and `newest` are when they died or were last tried (epoch seconds); `due` is when the first
    waiting one is due, None for dead ones.
    """

    kind: UndeliveredState
    reason: str | None
    status: int | None
    error: str | None
    size: int
    oldest: float
    newest: float
    due: float | None = None

    @property
    def key(self) -> GroupKey:
        """What identifies the group."""
        return GroupKey(self.kind, self.reason, self.status, self.error)


class UndeliveredEntry(NamedTuple):
    """What a tier's record or a dead letter says about a conversion.

    `identity` identifies the conversion; `at` is when it was last tried or died; `due` is when it is tried
    again (epoch seconds), None for a dead letter.
    """

    key: GroupKey
    at: float
    due: float | None
    identity: int
    replays: int = 0


class TimedPlace(NamedTuple):
    """Where something undelivered lies, ordered by its time."""

    at: float
    partition: Partition
    offset: int


class Undelivered:
    """Holds at most `most` rows of tiers and dead letters."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._rows: dict[Partition, PartitionRows] = {}
        self._partitions: list[Partition] = []
        self._newest: dict[int, int] = {}
        """By identity of each undelivered conversion: the packed place where it was last."""
        self._numbers: dict[GroupKey, int] = {}
        self._keys: list[GroupKey] = []
        self._early: array[int] | None = array("q")
        self.forgotten = 0
        """How many that still counted were forgotten, for want of room."""

    def take(self, partition: Partition, offset: int, entry: UndeliveredEntry) -> None:
        """Take a record; those of a partition come in order, and repeated ones are ignored."""
        rows = self._rows_of(partition)
        if offset < rows.next:
            return
        due = math.nan if entry.due is None else entry.due
        rows.append(offset, self._number(entry.key), entry.at, due, entry.identity, entry.replays)
        self._held += 1
        self._outdate(rows, offset, entry)
        if self._held > self._most:
            self._forget_some()

    def delivered(self, identity: int) -> None:
        """Note a delivery; until `read_whole`, its older records may still come after it."""
        self._end(identity, Fate.DELIVERED)
        if self._early is not None and len(self._early) < self._most:
            self._early.append(identity)

    def read_whole(self) -> None:
        """Note that everything was read once: deliveries that came before their records count now."""
        early, self._early = self._early, None
        for identity in early or ():
            self._end(identity, Fate.DELIVERED)

    def replayed(self, partition: Partition, offsets: Iterable[int]) -> None:
        """Note that the letters at these offsets were replayed."""
        rows = self._rows.get(partition)
        if rows is not None:
            for offset in offsets:
                rows.close(offset, Fate.REPLAYED)

    def replayed_as(self, identity: int, replays: int) -> None:
        """Note that a conversion is on the source again, as its `replays`th replay."""
        place = self._newest.get(identity)
        if place is not None:
            rows, offset = self._at(place)
            if rows.is_dead and rows.replays_of(offset) < replays:
                rows.close(offset, Fate.REPLAYED)

    def finish(self, partition: Partition, below: int, above: OffsetMap | None = None) -> None:
        """Note that a group has finished all records of a tier below an offset, and some above it."""
        self.expire(partition, below)
        rows = self._rows.get(partition)
        if rows is None or above is None:
            return
        for offset in takewhile(lambda offset: offset < above.upto, rows.open_offsets()):
            if offset in above:
                rows.close(offset, Fate.ENDED)

    def expire(self, partition: Partition, low: int) -> None:
        """Note that a partition now begins at `low`: what was before it is gone."""
        rows = self._rows.get(partition)
        if rows is not None:
            self._drop(rows, rows.index(low))

    def groups(self) -> list[UndeliveredGroup]:
        """The groups, the largest first."""
        totals: dict[int, list[float]] = {}
        for rows in self._rows.values():
            rows.add_to(totals)
        found = [_group(self._keys[number - FIRST_GROUP], *total) for number, total in totals.items()]
        return sorted(found, key=lambda group: (-group.size, -group.newest))

    def places(self, keys: Container[GroupKey], since: float, until: float) -> Iterator[TimedPlace]:
        """The places of counting rows of these groups, within a time; unordered."""
        wanted = {number for key, number in self._numbers.items() if key in keys}
        for partition, rows in self._rows.items():
            for at, offset in rows.places(wanted, since, until):
                yield TimedPlace(at, partition, offset)

    def place_of(self, identity: int) -> TimedPlace | None:
        """Where a conversion was last, if it is undelivered."""
        place = self._newest.get(identity)
        if place is None:
            return None
        rows, offset = self._at(place)
        return TimedPlace(rows.at_of(offset), self._partitions[rows.number], offset)

    def key_of(self, partition: Partition, offset: int) -> GroupKey | Fate | None:
        """The group of the row at this place, or why it no longer counts; None if unknown."""
        rows = self._rows.get(partition)
        number = None if rows is None else rows.group_of(offset)
        if number is None:
            return None
        return self._keys[number - FIRST_GROUP] if number >= FIRST_GROUP else tuple(Fate)[number]

    def identities(self, partition: Partition, offsets: Iterable[int]) -> Iterator[int | None]:
        """The conversions of the records at these offsets; None for one that is not held."""
        rows = self._rows.get(partition)
        return (None if rows is None else rows.identity_of(offset) for offset in offsets)

    @property
    def keys(self) -> Collection[GroupKey]:
        """The groups that were ever seen."""
        return self._keys

    # --- what is held --------------------------------------------------------------------------------

    def _rows_of(self, partition: Partition) -> PartitionRows:
        rows = self._rows.get(partition)
        if rows is None:
            rows = self._rows[partition] = PartitionRows(len(self._partitions))
            self._partitions.append(partition)
        return rows

    def _number(self, key: GroupKey) -> int:
        number = self._numbers.get(key)
        if number is None and len(self._keys) >= MOST_GROUPS:
            key = key._replace(error=OTHER_ERRORS)
            number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._keys) + FIRST_GROUP
            self._keys.append(key)
        return number

    def _outdate(self, rows: PartitionRows, offset: int, entry: UndeliveredEntry) -> None:
        """Of two records of a conversion, only the newer counts."""
        place = self._newest.get(entry.identity)
        if place is not None:
            before, its_offset = self._at(place)
            if before.at_of(its_offset) > entry.at:
                rows.close(offset, Fate.ENDED)
                return
            is_replay = before.is_dead and entry.replays > before.replays_of(its_offset)
            before.close(its_offset, Fate.REPLAYED if is_replay else Fate.ENDED)
        self._newest[entry.identity] = rows.packed(offset)

    def _end(self, identity: int, fate: Fate) -> None:
        place = self._newest.get(identity)
        if place is not None:
            rows, offset = self._at(place)
            rows.close(offset, fate)

    def _at(self, place: int) -> tuple[PartitionRows, int]:
        number, offset = PartitionRows.unpacked(place)
        return self._rows[self._partitions[number]], offset

    def _forget_some(self) -> None:
        longest = max(self._rows.values(), key=len)
        count = min(len(longest), max(1, self._most // _PARTS))
        self.forgotten += longest.open_before(count)
        self._drop(longest, count)

    def _drop(self, rows: PartitionRows, count: int) -> None:
        """Forget the first `count` rows."""
        for identity, offset in rows.drop(count):
            if self._newest.get(identity) == rows.packed(offset):
                del self._newest[identity]
            self._held -= 1


def _group(key: GroupKey, size: float, oldest: float, newest: float, due: float) -> UndeliveredGroup:
    return UndeliveredGroup(
        *key, int(size), oldest, newest, due if key.kind is UndeliveredState.WAITING else None
    )


def newest(places: Iterable[TimedPlace], limit: int) -> list[TimedPlace]:
    """The `limit` newest, the newest first; all if it is 0."""
    return heapq.nlargest(limit, places) if limit else sorted(places, reverse=True)
