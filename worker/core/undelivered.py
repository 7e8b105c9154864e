"""What is not delivered: what waits in the tiers, and what is dead, told apart by why.

The rules: a conversion counts once, where it was last. One that went on from where it lies, or was replayed,
or was delivered all the same, counts no more. What is held is bounded, and some forty bytes for each: the
records are in Kafka. Where there is more than may be held, the oldest of the longest partition are forgotten.
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
from worker.core.undelivered_rows import FIRST_GROUP, Fate, Rows

MOST_GROUPS = 1000
"""So many groups are told apart by their error; of more, those of a kind, reason and status are one."""

OTHER_ERRORS = "(other errors)"

_PARTS = 64
"""So large a part of all that may be held is forgotten at once."""


class Kind(StrEnum):
    """What something undelivered does."""

    WAITING = "waiting"
    """It lies in a tier, until it is due."""
    DEAD = "dead"


class GroupKey(NamedTuple):
    """Why something is undelivered."""

    kind: Kind
    reason: str | None
    status: int | None
    error: str | None


class Group(NamedTuple):
    """What is undelivered for the same reason, by the same status and error, and how many (`size`).

    `oldest` and `newest` are when they died, or were last tried (epoch seconds); `due` is when the first of
    what waits is, None for what is dead.
    """

    kind: Kind
    reason: str | None
    status: int | None
    error: str | None
    size: int
    oldest: float
    newest: float
    due: float | None = None

    @property
    def key(self) -> GroupKey:
        """What tells it from others."""
        return GroupKey(self.kind, self.reason, self.status, self.error)


class Told(NamedTuple):
    """What a record of a tier, or a dead letter, tells of a conversion.

    `identity` tells the conversion from others; `at` is when it was last tried, or died, `due` when it is to
    be tried again (epoch seconds), None for a dead letter.
    """

    key: GroupKey
    at: float
    due: float | None
    identity: int
    replays: int = 0


class TimedPlace(NamedTuple):
    """Where something undelivered lies, and its time, by which places are ordered."""

    at: float
    partition: Partition
    offset: int


class Undelivered:
    """Holds at most `most` of what tiers and dead letters tell."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._rows: dict[Partition, Rows] = {}
        self._partitions: list[Partition] = []
        self._newest: dict[int, int] = {}
        """Of each conversion that is dead or waits, by its identity: the packed place where it was last."""
        self._numbers: dict[GroupKey, int] = {}
        self._keys: list[GroupKey] = []
        self._early: array[int] | None = array("q")
        self.forgotten = 0
        """How many were forgotten that still counted, for want of room."""

    def take(self, partition: Partition, offset: int, told: Told) -> None:
        """Hear of a record; those of a partition come in their order, and one that came before is left."""
        rows = self._rows_of(partition)
        if offset < rows.next:
            return
        due = math.nan if told.due is None else told.due
        rows.append(offset, self._number(told.key), told.at, due, told.identity, told.replays)
        self._held += 1
        self._outdate(rows, offset, told)
        if self._held > self._most:
            self._forget_some()

    def delivered(self, identity: int) -> None:
        """Hear that a conversion was delivered; it may be told of only afterwards, until `read_whole`."""
        self._end(identity, Fate.DELIVERED)
        if self._early is not None and len(self._early) < self._most:
            self._early.append(identity)

    def read_whole(self) -> None:
        """Hear that all that was there is read: what was delivered before it was told of is ended, too."""
        early, self._early = self._early, None
        for identity in early or ():
            self._end(identity, Fate.DELIVERED)

    def replayed(self, partition: Partition, offsets: Iterable[int]) -> None:
        """Hear that the letters at these places were replayed."""
        rows = self._rows.get(partition)
        if rows is not None:
            for offset in offsets:
                rows.close(offset, Fate.REPLAYED)

    def replayed_as(self, identity: int, replays: int) -> None:
        """Hear that a conversion is on the source again, for the so-manyth time."""
        place = self._newest.get(identity)
        if place is not None:
            rows, offset = self._at(place)
            if rows.is_dead and rows.replays_of(offset) < replays:
                rows.close(offset, Fate.REPLAYED)

    def finish(self, partition: Partition, below: int, above: OffsetMap | None = None) -> None:
        """Hear that a group is done with all records of a tier before an offset, and with some above it."""
        self.expire(partition, below)
        rows = self._rows.get(partition)
        if rows is None or above is None:
            return
        for offset in takewhile(lambda offset: offset < above.upto, rows.open_offsets()):
            if offset in above:
                rows.close(offset, Fate.ENDED)

    def expire(self, partition: Partition, low: int) -> None:
        """Hear that a partition begins there: what lay before it is gone."""
        rows = self._rows.get(partition)
        if rows is not None:
            self._drop(rows, rows.index(low))

    def groups(self) -> list[Group]:
        """What there is, by why; the most first."""
        totals: dict[int, list[float]] = {}
        for rows in self._rows.values():
            rows.add_to(totals)
        found = [_group(self._keys[number - FIRST_GROUP], *total) for number, total in totals.items()]
        return sorted(found, key=lambda group: (-group.size, -group.newest))

    def places(self, keys: Container[GroupKey], since: float, until: float) -> Iterator[TimedPlace]:
        """Where that lies which counts, of these groups, within a time; in no order."""
        wanted = {number for key, number in self._numbers.items() if key in keys}
        for partition, rows in self._rows.items():
            for at, offset in rows.places(wanted, since, until):
                yield TimedPlace(at, partition, offset)

    def place_of(self, identity: int) -> TimedPlace | None:
        """Where a conversion was last, if it is dead or waits."""
        place = self._newest.get(identity)
        if place is None:
            return None
        rows, offset = self._at(place)
        return TimedPlace(rows.at_of(offset), self._partitions[rows.number], offset)

    def key_of(self, partition: Partition, offset: int) -> GroupKey | Fate | None:
        """Why what lies there is undelivered, or why it counts no more; None where that is not known."""
        rows = self._rows.get(partition)
        number = None if rows is None else rows.group_of(offset)
        if number is None:
            return None
        return self._keys[number - FIRST_GROUP] if number >= FIRST_GROUP else tuple(Fate)[number]

    def identities(self, partition: Partition, offsets: Iterable[int]) -> Iterator[int | None]:
        """Which conversions the records at these places are of; None where that is not held."""
        rows = self._rows.get(partition)
        return (None if rows is None else rows.identity_of(offset) for offset in offsets)

    @property
    def keys(self) -> Collection[GroupKey]:
        """The groups that were ever seen."""
        return self._keys

    # --- what is held --------------------------------------------------------------------------------

    def _rows_of(self, partition: Partition) -> Rows:
        rows = self._rows.get(partition)
        if rows is None:
            rows = self._rows[partition] = Rows(len(self._partitions))
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

    def _outdate(self, rows: Rows, offset: int, told: Told) -> None:
        """Of two records that tell of a conversion, only the newer counts."""
        place = self._newest.get(told.identity)
        if place is not None:
            before, its_offset = self._at(place)
            if before.at_of(its_offset) > told.at:
                rows.close(offset, Fate.ENDED)
                return
            is_replay = before.is_dead and told.replays > before.replays_of(its_offset)
            before.close(its_offset, Fate.REPLAYED if is_replay else Fate.ENDED)
        self._newest[told.identity] = rows.packed(offset)

    def _end(self, identity: int, fate: Fate) -> None:
        place = self._newest.get(identity)
        if place is not None:
            rows, offset = self._at(place)
            rows.close(offset, fate)

    def _at(self, place: int) -> tuple[Rows, int]:
        number, offset = Rows.unpacked(place)
        return self._rows[self._partitions[number]], offset

    def _forget_some(self) -> None:
        longest = max(self._rows.values(), key=len)
        count = min(len(longest), max(1, self._most // _PARTS))
        self.forgotten += longest.open_before(count)
        self._drop(longest, count)

    def _drop(self, rows: Rows, count: int) -> None:
        """Forget the first so many."""
        for identity, offset in rows.drop(count):
            if self._newest.get(identity) == rows.packed(offset):
                del self._newest[identity]
            self._held -= 1


def _group(key: GroupKey, size: float, oldest: float, newest: float, due: float) -> Group:
    return Group(*key, int(size), oldest, newest, due if key.kind is Kind.WAITING else None)


def newest(places: Iterable[TimedPlace], limit: int) -> list[TimedPlace]:
    """The newest so many, the newest first; all with 0."""
    return heapq.nlargest(limit, places) if limit else sorted(places, reverse=True)
