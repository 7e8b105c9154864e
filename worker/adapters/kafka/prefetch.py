"""Holds records that were read but not yet asked for, and decides which partitions to pause because of them.

The rules: each record leaves once, in the order of its partition. It leaves only while there is demand, and
while its partition has room and is not paused; partitions take turns. A partition is paused:
- while its records stay here for long and those of others come too: the client has one queue for all
partitions, in which this one would keep the others waiting;
- while it has no room and more than a few of its records are here.
While all bytes are spent nothing more is read; records of paused partitions are then dropped here, and read
again later. Pure: time is an argument, and the client is paused elsewhere (`client_pauses.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from worker.adapters.kafka.partition_queue import PartitionQueue
from worker.adapters.kafka.pause_reasons import PausedPartitions
from worker.core.held_bytes import HeldBytes
from worker.core.record import Partition, Record

MOST_RECORDS = 500
"""Most records that wait here without demand; the rest stays in Kafka."""

PATIENCE_SECONDS = 0.125
"""Seconds that a full prefetch waits for demand before all is paused: pausing discards what was fetched."""

LONG_SECONDS = 0.05
"""Seconds that a record may stay here while others come, before its partition is paused."""

RUN_RECORDS = 16
"""Most records of a partition per turn."""

FEW_RECORDS = 50
"""A partition with fewer records here is not paused, or is resumed."""

_AT, _SIZE = attrgetter("at"), attrgetter("size")
_EASED_SHARE = 0.25
# Once all bytes were spent, reading goes on when this share of them is free.
_COMPANY_SECONDS = 2.0
# After so many seconds with records of one partition alone, there is no other to keep waiting.


class Prefetch:
    """Holds records back until they are asked for; `held_bytes` is of the whole worker.

    `paused` is told what to pause, and knows what the loop has paused.
    """

    def __init__(self, held_bytes: HeldBytes, paused: PausedPartitions) -> None:
        self._held_bytes = held_bytes
        self._read_bytes = held_bytes.reader()
        self._usual = 1
        self._heavy: set[Partition] = set()
        self._upto = self._given = 0  # counts of records since the start
        self.paused = paused
        self._room: dict[Partition, int] = {}
        self._full: set[Partition] = set()
        self._queues: dict[Partition, PartitionQueue] = {}
        self._line: deque[Partition] = deque()
        self._free = 0
        self._full_since: float | None = None
        self.handed: dict[Partition, int] = {}
        """The offset after the last record of each partition that was handed over."""
        self._last: Partition | None = None
        self._mixed = False
        self._mixed_at = float("-inf")

    def ask(self, upto: int) -> None:
        """Hand over records until there were `upto` in all, of all partitions; never lowers the demand."""
        self._upto = max(self._upto, upto)

    @property
    def demand(self) -> int:
        """How many records are asked for and not handed over: the loop's demand, as this thread knows it."""
        return self._upto - self._given

    def allow(self, partition: Partition, count: int) -> None:
        """Give a partition room for `count` more."""
        self._room[partition] = room = self._room.get(partition, 0) + count
        if room > 0 and partition in self._full:
            self._full.remove(partition)
            if partition not in self.paused.ordered:
                self._line_up(partition)

    @property
    def waits_for_room(self) -> bool:
        """Whether only room is missing: in the partitions of records that are here, or in bytes."""
        return bool(self.demand) and (not self._full <= self.paused.ordered or not self._held_bytes.left)

    def room(self) -> int:
        """How many records may be read now."""
        records = max(self.demand, MOST_RECORDS - self._in_the_way(self.paused.lingering))
        # Sizes are known only after reading: take as many as would fit at the usual size.
        return min(records, -(-self._held_bytes.left // self._usual))

    def take(self) -> Sequence[Record]:
        """Hand over what is asked for, partitions taking turns."""
        taken: list[Record] = []
        line, queues, demand = self._line, self._queues, self.demand
        while line and len(taken) < demand:
            at = line.popleft()
            queue, room = queues[at], self._room.get(at, 0)
            run = 1 if at in self._heavy else min(RUN_RECORDS, room)
            count = queue.move(min(run, demand - len(taken)), taken) if room > 0 else 0
            room -= self._room_for(at, taken[-count:]) if count else 0
            self._room[at] = room
            self._free -= count
            if count:
                self.handed[at] = taken[-1].offset + 1
            if room <= 0 and queue.count:
                self._full.add(at)
                self._free -= queue.count
            elif queue.count:
                line.append(at)
            else:
                self._heavy.discard(at)
        self._given += len(taken)
        return taken

    def pass_through(self, records: list[Record], now: float) -> Sequence[Record]:
        """Hand over what was just read: directly if nothing is in the way."""
        self._note_company(records)
        is_heavy = self._note_size(records)
        if (
            self.demand < len(records)
            or self._free
            or self.paused.ordered
            or is_heavy
            or not self._fit(records)
        ):
            for at, run in groupby(records, _AT):
                self._put(at, run, now)
            return self.take()
        self._given += len(records)
        return records

    def _fit(self, records: Sequence[Record]) -> bool:
        """Use up room for all of these, if their partitions have it and nothing waits before them."""
        if self._full:
            return False
        counts: dict[Partition, int] = {}
        last: dict[Partition, int] = {}
        for at, run in groupby(records, _AT):
            together = list(run)
            counts[at] = counts.get(at, 0) + len(together)
            last[at] = together[-1].offset + 1
        if any(self._room.get(at, 0) < count for at, count in counts.items()):
            return False
        for at, count in counts.items():
            self._room[at] -= count
        self.handed.update(last)
        return True

    def pause(self, partition: Partition) -> None:
        """Hold back a partition's records, those here and those to come."""
        if partition not in self.paused.ordered:
            self.paused.order(partition)
            self._withdraw(partition)

    def resume(self, partition: Partition) -> None:
        """Put what was held back in line again."""
        if partition not in self.paused.ordered:
            return
        self.paused.resume(partition)
        if self._count(partition) and partition not in self._full:
            self._line_up(partition)

    def has(self, partition: Partition) -> bool:
        """Whether records of a partition are here."""
        return self._count(partition) > 0

    def drop(self, partitions: Collection[Partition]) -> None:
        """Forget partitions that are no longer ours; their pauses end with them."""
        for partition in partitions:
            if partition not in self.paused.ordered:
                self._withdraw(partition)
            self._full.discard(partition)
            self._room.pop(partition, None)
            self._heavy.discard(partition)
            self._throw_away(partition)
        self.paused.forget(partitions)

    def throw_away(self, partition: Partition) -> int | None:
        """Drop a partition's records; return the first one's offset, None if there was none."""
        if partition not in self.paused.ordered:
            self._withdraw(partition)
        self._full.discard(partition)
        return self._throw_away(partition)

    def relieve(self) -> Mapping[Partition, int]:
        """If bytes are short, drop records of paused partitions; return where to read each again."""
        if not self._held_bytes.is_pressed:
            return {}
        paused = self.paused
        waiting = [at for at in (paused.ordered | paused.crowded) - paused.unreadable if self._count(at)]
        return {at: first for at in waiting if (first := self.throw_away(at)) is not None}

    def decide_pauses(self, now: float) -> bool:
        """Decide anew what should be paused; return whether that changed."""
        if self._mixed:
            self._mixed, self._mixed_at = False, now
        alone = now - self._mixed_at > _COMPANY_SECONDS
        lingering = {at for at in self._line if not alone and self._is_lingering(at, now)}
        all_of_them = self._are_all_paused(lingering, now)
        return self.paused.decide(lingering, self._without_room(), all_of_them=all_of_them)

    def _is_lingering(self, at: Partition, now: float) -> bool:
        queue = self._queues[at]
        return queue.count >= FEW_RECORDS and (
            at in self.paused.lingering or now - queue.since() >= LONG_SECONDS
        )

    def _are_all_paused(self, lingering: Collection[Partition], now: float) -> bool:
        left = self._held_bytes.left
        waiting = 0 if self.demand else self._in_the_way(lingering)
        if left and waiting < MOST_RECORDS:
            self._full_since = None
            if left < self._held_bytes.most * _EASED_SHARE:
                return self.paused.all
            # Stay paused for a demand that the prefetch can meet.
            return self.paused.all and waiting > MOST_RECORDS // 2
        if self._full_since is None:
            self._full_since = now
        return self.paused.all or now - self._full_since >= PATIENCE_SECONDS

    def _without_room(self) -> set[Partition]:
        """Partitions without room and with more than a few records here; if bytes are short, all without."""
        if self._held_bytes.is_pressed:
            return {at for at, room in self._room.items() if room <= 0}
        return {at for at in self._full if self._count(at) >= FEW_RECORDS}

    def _in_the_way(self, lingering: Collection[Partition]) -> int:
        """How many records are here of partitions that go on being read."""
        return self._free - sum(self._count(at) for at in lingering)

    def _count(self, at: Partition) -> int:
        queue = self._queues.get(at)
        return queue.count if queue is not None else 0

    def _put(self, at: Partition, run: Iterable[Record], now: float) -> None:
        queue = self._queues.setdefault(at, PartitionQueue())
        before = queue.count
        queue.put(run, now)
        if at in self.paused.ordered or at in self._full:
            return
        if before:
            self._free += queue.count - before
        elif self._room.get(at, 0) > 0:
            self._line_up(at)
        else:
            self._full.add(at)

    def _line_up(self, at: Partition) -> None:
        self._line.append(at)
        self._free += self._count(at)

    def _throw_away(self, at: Partition) -> int | None:
        queue = self._queues.pop(at, None)
        if queue is None or not queue.count:
            return None
        self._read_bytes.count -= queue.size
        return queue.first

    def _note_size(self, records: Sequence[Record]) -> bool:
        """Count the bytes that were read; return whether a record is so large that it counts as several."""
        if not records:
            return False
        size, largest = sum(map(_SIZE, records)), max(map(_SIZE, records))
        self._read_bytes.count += size
        self._usual = max(1, size // len(records))
        if largest <= self._held_bytes.unit:
            return False
        self._heavy.update(record.at for record in records if record.size > self._held_bytes.unit)
        return True

    def _room_for(self, at: Partition, records: Sequence[Record]) -> int:
        """The room in their partition that these use up."""
        if at not in self._heavy:
            return len(records)
        return sum(self._held_bytes.room_of(record.size) for record in records)

    def _note_company(self, records: Sequence[Record]) -> None:
        if records:
            first, last = records[0].at, records[-1].at
            self._mixed |= first != last or self._last not in {None, first}
            self._last = last

    def _withdraw(self, partition: Partition) -> None:
        """Take a partition out of line."""
        if partition in self._line:
            self._line.remove(partition)
            self._free -= self._count(partition)
