"""Keeps memory within its bytes: counts what is held, and gives back to Kafka what has to wait.

The rules: the count is never less than what is in memory. It is not updated with each record that ends, which
would cost too much, but recounted when bytes seem short, and again and again while they are. If they really
are short, tier partitions forget their records from the first one on that is not due. Such a partition rests
with nothing in memory, and is read again from there once that record is due, or a new order may apply to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter

from worker.core.assigned_partition import SOON_SECONDS, AssignedPartition
from worker.core.held_bytes import HeldBytes
from worker.core.record import Partition, Record
from worker.core.schedule import Schedule
from worker.ports import Clock, Source

_SIZE = attrgetter("size")
# Seconds between two counts while bytes are short.
_LOOK_AGAIN_SECONDS = 0.02
# Due times are wall-clock times: a clock that is set is noticed within so many seconds.
_LONGEST_SLEEP_SECONDS = 1.0


class ByteRelief:
    """Minds the bytes of the intake's `partitions`; `rest` has it look at one again."""

    def __init__(
        self,
        source: Source,
        schedule: Schedule,
        held_bytes: HeldBytes,
        clock: Clock,
        partitions: Mapping[Partition, AssignedPartition],
        rest: Callable[[AssignedPartition, float], None],
    ) -> None:
        self._source = source
        self._schedule = schedule
        self._held_bytes = held_bytes
        self._clock = clock
        self._partitions = partitions
        self._rest = rest
        self._came = 0  # bytes of all records so far
        self._asleep: set[AssignedPartition] = set()
        self._counting: asyncio.TimerHandle | None = None
        self._waking: asyncio.TimerHandle | None = None
        self.leaving: Collection[AssignedPartition] = ()
        """Partitions that are no longer ours, but had records under way at the last count."""

    @property
    def is_crowded(self) -> bool:
        """Whether nothing more may be read for want of bytes."""
        return self._held_bytes.is_pressed

    def took_up(self, records: Iterable[Record]) -> None:
        """Note the bytes of records that were taken up or ignored, after the orders were applied to them."""
        self._came += sum(map(_SIZE, records))
        if self._held_bytes.is_pressed:
            self.count()
            if self._counting is not None and self._give_back(self._clock.now()):
                self.count()

    def weigh(self, records: Sequence[Record], touched: Collection[AssignedPartition]) -> None:
        """Note the room beyond one that large records of the partitions in `touched` use up."""
        for record in records:
            partition = self._partitions.get(record.at)
            if partition is not None and partition in touched and record.size > self._held_bytes.unit:
                partition.heavy = True
                partition.spend(self._held_bytes.room_of(record.size) - 1)

    def room_of_heavy(self, partition: AssignedPartition, room: int) -> tuple[int, int]:
        """The fair share of room of a partition of large records, and what they use beyond one each."""
        room_of = self._held_bytes.room_of
        beyond = sum(room_of(record.size) - 1 for record in partition.in_memory())
        partition.heavy = beyond > 0
        share = 2 * room // (self._schedule.active + 1)
        return min(room, max(1, share)), beyond

    def rewound(self, partition: AssignedPartition) -> None:
        """Note that a partition's records from now on are read again."""
        partition.rewinding = False

    def wake(self) -> None:
        """Let all that was given back be read again before it is due, because an order may apply to it."""
        for partition in self._asleep:
            partition.asleep_until = 0.0
        self._asleep.clear()

    def leave(self, *partitions: AssignedPartition) -> None:
        """Note partitions that are no longer ours; their records under way are still in memory."""
        self.leaving = [*self.leaving, *partitions]
        self.count()

    def idle(self) -> None:
        """Recount if bytes were short, because free lanes wait for records."""
        if self._counting is not None:
            self.count()

    def count(self) -> None:
        """Count what is in memory."""
        self.leaving = [partition for partition in self.leaving if partition.under_way]
        partitions = chain(self._partitions.values(), self.leaving)
        in_memory = sum(record.size for partition in partitions for record in partition.in_memory())
        self._held_bytes.ended = self._came - in_memory
        if self._counting is not None:
            self._counting.cancel()
        again = self._held_bytes.is_pressed
        self._counting = (
            asyncio.get_running_loop().call_later(_LOOK_AGAIN_SECONDS, self.count) if again else None
        )

    def close(self) -> None:
        """Count and wake nothing any more."""
        self._asleep.clear()
        for timer in (self._counting, self._waking):
            if timer is not None:
                timer.cancel()

    def _give_back(self, now: float) -> bool:
        """Give back what is not due; return whether there was any."""
        before = len(self._asleep)
        for partition in self._partitions.values():
            if partition.tier is not None and partition.tenure.takes and not partition.rewinding:
                self._give_back_of(partition, now)
        self._set_alarm(now)
        return len(self._asleep) > before

    def _give_back_of(self, partition: AssignedPartition, now: float) -> None:
        waiting = partition.not_due(now + SOON_SECONDS)
        if not waiting or not partition.offsets.rewind(waiting[0].record.offset, len(waiting)):
            return
        self._schedule.forget(partition, len(waiting))
        partition.give_back(waiting)
        self._rest(partition, now)
        self._source.rewind(partition.at, waiting[0].record.offset)
        self._asleep.add(partition)

    def _wake(self) -> None:
        self._waking = None
        now = self._clock.now()
        for partition in tuple(self._asleep):
            partition.sleep_no_longer(now)  # the clock may have been set back
            if not partition.tenure.is_ours or partition.asleep_until <= now + SOON_SECONDS:
                self._asleep.remove(partition)
                partition.asleep_until = 0.0
                if partition.tenure.is_ours:
                    self._rest(partition, now)
        self._set_alarm(now)

    def _set_alarm(self, now: float) -> None:
        if self._asleep and self._waking is None:
            first = min(partition.asleep_until for partition in self._asleep) - SOON_SECONDS
            delay = min(max(first - now, 0.0), _LONGEST_SLEEP_SECONDS)
            self._waking = asyncio.get_running_loop().call_later(delay, self._wake)
