"""Decides which record is sent next.

The rules: nothing is sent before it is due; within a partition records go in order; partitions that have
something due take turns, fresh events and due retries alike.
Fair shares: a partition's share is the limit divided by one more than the number of partitions that have
something due or under way. Partitions with less than their share under way go first. Another one takes a lane
only while more than an eighth of the limit is free, so hanging records never take all lanes; while its lanes
come free again within a quarter of a second, a sixty-fourth is enough.
Failing partitions (nearly all of their records fail) together get an eighth of the limit while others have
something to send, because each failure costs more CPU than a delivery. Failing tiers take turns as one.
Each operation is O(log partitions), and O(1) for what is due at once.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count

from worker.core.admission.probes import Probes
from worker.core.assigned_partition import IN_TURN, LATER, NOWHERE, OVER, AssignedPartition, PendingRecord
from worker.core.lane_shares import LANES_OF_ONE_PARTITION, usable_lanes

# A partition is failing from so many failures on; with few lanes, from half the number of lanes on, but at
# least from so many: each failure of a hanging record comes a whole timeout late.
_MANY_FAILURES, _FEW_FAILURES = 16, 4
_ALONE_SECONDS = 10.0  # without a healthy partition's record, after which failing ones may use all lanes
LOOK_EVERY_SECONDS = 0.25  # between two looks at the partitions while some have used up their share
_RECENT_SECONDS = 4 * LOOK_EVERY_SECONDS  # a look that is older says nothing of a partition's pace


class Schedule:
    """The held records of all partitions, in the order in which they may be sent."""

    def __init__(self) -> None:
        self._turns: deque[AssignedPartition] = deque()
        self._over: OrderedDict[AssignedPartition, None] = OrderedDict()
        self._aside: OrderedDict[AssignedPartition, None] = OrderedDict()
        self._failing = self._until_retry = 0
        self._limit = 2 * _MANY_FAILURES
        self._well_at = float("-inf")
        self._active: set[AssignedPartition] = set()
        self._later: list[tuple[float, int, AssignedPartition]] = []
        self._ticket = count()
        self._looked_at = float("-inf")
        self.ready = 0
        """How many records that were due when they came wait for a turn, except those of slow partitions."""

    @property
    def active(self) -> int:
        """How many partitions have something due or under way, except failing ones."""
        return len(self._active)

    def add(self, pending: PendingRecord, now: float) -> None:
        """Put a record after the others of its partition."""
        partition = pending.partition
        partition.waiting.append(pending)
        if pending.at_once:
            partition.ready += 1
            self.ready += not partition.slow
        if partition.standing is NOWHERE:
            self._stand(partition, now)

    def give_back(self, pending: PendingRecord, now: float) -> None:
        """Put back a record that was taken but not tried, after the others of its partition that are due.

        After them, not before: while the circuit is open the next probe should be another record, or a single
        one that the partner can't take would keep the circuit open for all.
        """
        partition = pending.partition
        waiting = partition.waiting
        index = len(waiting)
        while index and waiting[index - 1].due > now:
            index -= 1
        waiting.insert(index, pending)
        if pending.at_once:
            self._more(partition, 1)
        if partition.standing in {NOWHERE, LATER}:
            self._stand(partition, now)

    def take(self, now: float, limit: int, occupied: int) -> PendingRecord | None:
        """Take the next record that is due; None if there is none, or none may go with so many in flight."""
        if self._later and self._later[0][0] <= now:
            self._promote(now)
        turns, over, aside = self._turns, self._over, self._aside
        share = limit // (len(self._active) + 1) or 1
        self._limit, usable = limit, usable_lanes(limit)
        if aside and self._until_retry <= 0 and self._has_room_for_failing():
            return self._take_of(aside.popitem(last=False)[0], now)
        while turns:
            partition = turns.popleft()
            if not partition.waiting or partition.warming is not None:
                self._leave(partition)
            elif partition.failing:
                if self._has_room_for_failing() and (partition.tier is None or self._until_retry <= 0):
                    return self._take_of(partition, now)
                self._put_aside(partition, aside)
            elif len(partition.busy) < share or (
                not (turns or over) and partition.may_have_more(now, occupied, usable)
            ):
                return self._take_of(partition, now)
            else:
                self._put_aside(partition, over)
        if over and next(iter(over)).may_have_more(now, occupied, usable):
            return self._take_of(over.popitem(last=False)[0], now)
        alone = occupied < usable[0] and not 0 <= now - self._well_at < _ALONE_SECONDS
        if aside and (alone or self._has_room_for_failing()):
            return self._take_of(aside.popitem(last=False)[0], now)
        return None

    def probe(self, now: float, probing: Probes) -> PendingRecord | None:
        """Take the record of the next probe, wherever it stands; None if none is due."""
        self._promote(now)
        for line in (self._over, self._aside):
            while line:
                self._line_up(line.popitem(last=False)[0])
        for empty in [one for one in self._turns if not one.waiting or one.warming is not None]:
            self._turns.remove(empty)
            self._leave(empty)
        if not self._turns:
            return None
        partition = probing.choose(self._turns)
        self._turns.remove(partition)
        probing.step(partition, now)
        return self._take_of(partition, now)

    def ended(self, partition: AssignedPartition, *, failed: bool) -> bool:
        """Note how a record that is still under way ended; return whether its partition begins to fail.

        Its waiting records then do not count as read-ahead. Deliveries of a healthy partition need no note.
        """
        many = max(_FEW_FAILURES, min(_MANY_FAILURES, self._limit // 2))
        if not partition.note(failed=failed, many=many):
            return False
        if partition.failing:
            self._slow_down(partition)
            self._failing += len(partition.busy)
            self._active.discard(partition)
            if partition.standing is OVER:
                del self._over[partition]
                self._put_aside(partition, self._aside)
        else:
            self._failing -= len(partition.busy)
            self._active.add(partition)
            if partition.standing is OVER:
                del self._aside[partition]
                self._line_up(partition)
        return partition.failing

    def took(self, partition: AssignedPartition) -> None:
        """Note that a record that was withdrawn, not taken, is under way."""
        self._failing += partition.failing

    def released(self, partition: AssignedPartition) -> None:
        """Note that a record of a partition is no longer under way."""
        if partition.failing:
            self._failing -= 1
        elif partition.standing is OVER:
            del self._over[partition]
            self._line_up(partition)
        elif not partition.busy and partition.standing is not IN_TURN:
            self._active.discard(partition)

    def wake_at(self) -> float | None:
        """When to take again (epoch seconds; 0.0 if a record may be due now); None if none is held."""
        if self._turns or (self._aside and self._has_room_for_failing()):
            return 0.0
        look = self._looked_at + LOOK_EVERY_SECONDS if self._over or self._aside else float("inf")
        due = self._later[0][0] if self._later else float("inf")
        return None if (wake_at := min(look, due)) == float("inf") else wake_at

    def look(self, now: float) -> Sequence[AssignedPartition]:
        """Judge partitions with a full share, every LOOK_EVERY_SECONDS; return the slow ones.

        A partition is slow if more of its records wait than have ended since the last look. They do not count
        as read-ahead, so they do not keep others' records from being read.
        """
        if not (self._over or self._aside) or 0 <= now - self._looked_at < LOOK_EVERY_SECONDS:
            return ()
        since, self._looked_at = now - self._looked_at, now
        slow = [one for one in (*self._over, *self._aside) if one.look()]
        for other in self._active:
            if other.standing is not OVER:
                other.look()
        if not 0 <= since < _RECENT_SECONDS:
            return ()  # the last look was too long ago to compare
        for partition in slow:
            self._slow_down(partition)
        return slow

    def clock_set_back(self, now: float) -> None:
        """Let nothing wait longer than its tier's delay from now, after the clock was set back."""
        later = {partition for _, _, partition in self._later if partition.standing is LATER}
        self._later.clear()
        for partition in later.union(self._active, self._turns, self._aside):
            partition.wait_no_longer(now)
            if partition in later and partition.waiting:
                self._stand(partition, now)

    def drop(self, partition: AssignedPartition) -> int:
        """Forget the records of a partition that is no longer ours; return how many there were."""
        dropped = len(partition.waiting)
        self._more(partition, -partition.ready)
        partition.waiting.clear()
        if partition.standing is OVER:
            del (self._aside if partition.failing else self._over)[partition]
            self._leave(partition)
        elif partition.standing is IN_TURN:
            self._turns.remove(partition)
            self._leave(partition)
        return dropped

    def hold(self, partition: AssignedPartition) -> None:
        """Take nothing more of a `warming` partition until `let_go`; its records are no read-ahead."""
        self._slow_down(partition)
        if partition.standing is OVER:
            del (self._aside if partition.failing else self._over)[partition]
            self._leave(partition)

    def let_go(self, partition: AssignedPartition, now: float) -> None:
        """Take from a held partition again."""
        if partition.standing is NOWHERE and partition.waiting:
            self._stand(partition, now)

    def forget(self, partition: AssignedPartition, count: int) -> None:
        """Forget the last waiting records of a partition, because they will be added again."""
        for _ in range(count):
            if partition.waiting.pop().at_once:
                self._more(partition, -1)
        if not partition.waiting and partition.standing is LATER:
            partition.standing = NOWHERE

    def _take_of(self, partition: AssignedPartition, now: float) -> PendingRecord:
        waiting = partition.waiting
        pending = waiting.popleft()
        self._until_retry -= 1
        if partition.failing:
            self._failing += 1
            if partition.tier is not None:
                self._until_retry = len(self._turns)
        else:
            self._well_at = now
        if pending.at_once:
            partition.ready -= 1
            self.ready -= not partition.slow
        if partition.slow and partition.ready <= partition.pace and not partition.failing:
            partition.slow = False
            self.ready += partition.ready
        if not waiting:
            partition.standing = NOWHERE
        elif waiting[0].due <= now:
            partition.standing = IN_TURN
            self._turns.append(partition)
        else:
            self._stand(partition, now)
        return pending

    def _has_room_for_failing(self) -> bool:
        return not self._failing or self._failing < self._limit // LANES_OF_ONE_PARTITION

    def _put_aside(self, partition: AssignedPartition, where: OrderedDict[AssignedPartition, None]) -> None:
        partition.standing = OVER
        where[partition] = None

    def _slow_down(self, partition: AssignedPartition) -> None:
        if not partition.slow:
            partition.slow = True
            self.ready -= partition.ready

    def _more(self, partition: AssignedPartition, by: int) -> None:
        partition.ready += by
        if not partition.slow:
            self.ready += by

    def _leave(self, partition: AssignedPartition) -> None:
        partition.standing = NOWHERE
        if not partition.busy:
            self._active.discard(partition)

    def _stand(self, partition: AssignedPartition, now: float) -> None:
        due = partition.waiting[0].due
        if due <= now:
            self._line_up(partition)
        else:
            partition.standing = LATER
            heappush(self._later, (due, next(self._ticket), partition))

    def _line_up(self, partition: AssignedPartition) -> None:
        partition.standing = IN_TURN
        if not partition.failing:
            self._active.add(partition)
        self._turns.append(partition)

    def _promote(self, now: float) -> None:
        """Line up partitions whose head has become due; an entry's head may be gone."""
        while self._later and self._later[0][0] <= now:
            partition = heappop(self._later)[2]
            if partition.standing is LATER and partition.waiting:
                self._stand(partition, now)
