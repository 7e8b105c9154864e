"""What was read but not yet asked for, and which partitions should be paused for it.

The rules: each record leaves once, in the order of its partition, and only while there is demand for it, its
partition has room for it and is not held; partitions take turns. One whose records lie here for long, while
those of others come too, is paused: the client queues all partitions in one line, where it would keep others
waiting. So is one without room of which more than a few lie here.
Pure: time is an argument, and pausing is somebody else's deed.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from operator import attrgetter

from worker.core.record import Partition, Record

LIMIT = 500
"""Most records that wait here without a demand; more of them stay in Kafka."""

PATIENCE = 0.125
"""Seconds that a full shelf waits for a demand before all is paused: pausing discards what was fetched."""

LONG = 0.05
"""Seconds that a record may lie here while others come, before its partition is paused."""

RUN = 16
"""Most records of a partition in one turn."""

FEW = 50
"""A partition with fewer records here is not paused, and one that was is resumed."""

_AT = attrgetter("at")
_COMPANY = 2.0
# Seconds after which records of but one partition mean that there is nobody to keep waiting.


class Pile:
    """The records of one partition, in the batches in which they were read, and when."""

    __slots__ = ("_batches", "count")

    def __init__(self) -> None:
        self._batches: deque[tuple[float, deque[Record]]] = deque()
        self.count = 0

    def put(self, records: Iterable[Record], now: float) -> None:
        """Add the next records, at least one."""
        batch = deque(records)
        self._batches.append((now, batch))
        self.count += len(batch)

    def move(self, most: int, to: list[Record]) -> int:
        """Take the first batch or what may be taken of it; return how many that is."""
        batch = self._batches[0][1]
        count = min(len(batch), most)
        if count == len(batch):
            self._batches.popleft()
            to.extend(batch)
        else:
            to.extend(batch.popleft() for _ in range(count))
        self.count -= count
        return count

    def since(self) -> float:
        """When the first record was read."""
        return self._batches[0][0]


class Shelf:
    """Holds records back until they are asked for."""

    def __init__(self) -> None:
        self.demand = 0
        self.choked = False
        self.held: set[Partition] = set()
        self._room: defaultdict[Partition, int] = defaultdict(int)
        self._full: set[Partition] = set()
        self._piles: dict[Partition, Pile] = {}
        self._turns: deque[Partition] = deque()
        self._free = 0
        self._slow: set[Partition] = set()
        self._crowded: set[Partition] = set()
        self._full_since: float | None = None
        self._last: Partition | None = None
        self._mixed = False
        self._mixed_at = float("-inf")

    def ask(self, count: int) -> None:
        """Demand `count` more."""
        self.demand += count

    def allow(self, partition: Partition, count: int) -> None:
        """Give a partition room for `count` more."""
        self._room[partition] += count
        if partition in self._full:
            self._full.remove(partition)
            if partition not in self.held:
                self._line_up(partition)

    @property
    def waits_for_room(self) -> bool:
        """Whether something lies here for want of room in its partition alone."""
        return bool(self.demand) and not self._full <= self.held

    def room(self) -> int:
        """How many records may be read now."""
        return max(self.demand, LIMIT - self._in_the_way())

    def take(self) -> Sequence[Record]:
        """Hand over what is asked for and there, by turns; it counts as delivered."""
        taken: list[Record] = []
        turns, piles = self._turns, self._piles
        while turns and len(taken) < self.demand:
            at = turns.popleft()
            pile, room = piles[at], self._room[at]
            count = pile.move(min(RUN, room, self.demand - len(taken)), taken)
            self._room[at] = room - count
            self._free -= count
            if room == count and pile.count:
                self._full.add(at)
                self._free -= pile.count
            elif pile.count:
                turns.append(at)
        self.demand -= len(taken)
        return taken

    def pass_through(self, records: list[Record], now: float) -> Sequence[Record]:
        """Hand over what was just read, the short way where nothing stands against it."""
        self._note_company(records)
        if self.demand < len(records) or self._free or self.held or not self._fit(records):
            for at, run in groupby(records, _AT):
                self._put(at, run, now)
            return self.take()
        self.demand -= len(records)
        return records

    def _fit(self, records: Sequence[Record]) -> bool:
        """Take up the room for all of these, where their partitions have it and nothing lies before them."""
        if self._full:
            return False
        counts: dict[Partition, int] = {}
        for at, run in groupby(records, _AT):
            counts[at] = counts.get(at, 0) + len(list(run))
        if any(self._room[at] < count for at, count in counts.items()):
            return False
        for at, count in counts.items():
            self._room[at] -= count
        return True

    def hold(self, partition: Partition) -> None:
        """Keep back what is here of a partition, and what still comes."""
        if partition not in self.held:
            self.held.add(partition)
            self._withdraw(partition)

    def release(self, partition: Partition) -> None:
        """Put what was kept back in line."""
        if partition not in self.held:
            return
        self.held.remove(partition)
        if self._count(partition) and partition not in self._full:
            self._line_up(partition)

    def drop(self, partitions: Collection[Partition]) -> None:
        """Forget partitions that are no longer ours; their holds end with them."""
        for partition in partitions:
            if partition not in self.held:
                self._withdraw(partition)
            self.held.discard(partition)
            self._slow.discard(partition)
            self._full.discard(partition)
            self._room.pop(partition, None)
            self._piles.pop(partition, None)

    @property
    def unwanted(self) -> set[Partition]:
        """The partitions of which nothing should be fetched, where not all is choked."""
        return self.held | self._slow | self._crowded

    def weigh(self, now: float) -> bool:
        """Decide anew what should be paused; say whether that changed."""
        before = self.choked, self._slow, self._crowded
        if self._mixed:
            self._mixed, self._mixed_at = False, now
        alone = now - self._mixed_at > _COMPANY
        self._slow = {at for at in self._turns if not alone and self._is_slow(at, now)}
        self.choked = self._is_choked(now)
        self._crowded = {at for at in self._full if self._count(at) >= FEW}
        return (self.choked, self._slow, self._crowded) != before

    def _is_slow(self, at: Partition, now: float) -> bool:
        pile = self._piles[at]
        return pile.count >= FEW and (at in self._slow or now - pile.since() >= LONG)

    def _is_choked(self, now: float) -> bool:
        waiting = 0 if self.demand else self._in_the_way()
        if waiting < LIMIT:
            self._full_since = None
            return self.choked and waiting > LIMIT // 2  # not resumed for a demand that the shelf can meet
        if self._full_since is None:
            self._full_since = now
        return self.choked or now - self._full_since >= PATIENCE

    def _in_the_way(self) -> int:
        """How many records lie here of partitions that go on being read."""
        return self._free - sum(self._count(at) for at in self._slow)

    def _count(self, at: Partition) -> int:
        pile = self._piles.get(at)
        return pile.count if pile is not None else 0

    def _put(self, at: Partition, run: Iterable[Record], now: float) -> None:
        pile = self._piles.setdefault(at, Pile())
        before = pile.count
        pile.put(run, now)
        if at in self.held or at in self._full:
            return
        if before:
            self._free += pile.count - before
        elif self._room[at]:
            self._line_up(at)
        else:
            self._full.add(at)

    def _line_up(self, at: Partition) -> None:
        self._turns.append(at)
        self._free += self._count(at)

    def _note_company(self, records: Sequence[Record]) -> None:
        if records:
            first, last = records[0].at, records[-1].at
            self._mixed |= first != last or self._last not in {None, first}
            self._last = last

    def _withdraw(self, partition: Partition) -> None:
        """Take a partition out of line."""
        if partition in self._turns:
            self._turns.remove(partition)
            self._free -= self._count(partition)
