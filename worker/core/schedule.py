"""Which record goes next.

The rules: nothing goes before it is due; within a partition records go in their order, which on a delay
tier is the order of their due times; partitions line up as something of them becomes due, the oldest due
first, and then take turns, fresh events and due retries alike, so that no long queue and no tier starves
another.

A partition whose records are slow may not take all lanes: one that has its share (all lanes by the partitions
that had something to send lately) goes after every one that has less, and an eighth of the lanes is left for
what may come of others, unless all have their share and their records come and go. What waits of a partition
that must leave them is no read-ahead: it does not keep the records of others from being read.

Each operation is O(log partitions) at most, and O(1) for records that are due at once.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import count

from worker.core.holding import Held, Holding, Standing

# Seconds over which partitions count as having had something to send.
_PERIOD = 2.0
# This part of the lanes is left to partitions that have less than their share.
_LEFT = 8


class Schedule:
    """The held records of all partitions, in the order in which they may go."""

    def __init__(self) -> None:
        self._turns: deque[Holding] = deque()
        self._over: dict[Holding, None] = {}
        self._later: list[tuple[float, int, Holding]] = []
        self._ticket = count()
        self._period = 0.0
        self._served: list[Holding] = []
        self._served_before: list[Holding] = []
        self.partitions = 0
        """How many partitions there are, with or without records."""
        self.ready = 0
        """How many records were due when they came and wait for a turn, without those of slow partitions."""

    def add(self, held: Held, now: float) -> None:
        """Put a record behind the others of its partition."""
        holding = held.holding
        holding.waiting.append(held)
        if held.at_once:
            self._more(holding, 1)
        if holding.standing is Standing.NOWHERE:
            self._stand(holding, now)

    def give_back(self, held: Held, now: float) -> None:
        """Put back a record that was taken but not tried, behind the others of its partition that are due.

        Behind them, not before: while a circuit is open the next probe should be another record, or one
        that the partner can't take would keep the circuit open for all.
        """
        holding = held.holding
        waiting = holding.waiting
        index = len(waiting)
        while index and waiting[index - 1].due > now:
            index -= 1
        waiting.insert(index, held)
        if held.at_once:
            self._more(holding, 1)
        if holding.standing in {Standing.NOWHERE, Standing.LATER}:
            self._stand(holding, now)

    def take(self, now: float, lanes: int, in_flight: int) -> Held | None:
        """Take the next record that is due; None where none is, or none may go with so many in flight."""
        if self._later and self._later[0][0] <= now:
            self._promote(now)
        if now // _PERIOD != self._period:
            self._judge(now // _PERIOD)
        turns = self._turns
        while turns:
            holding = turns.popleft()
            if holding.waiting and self._has_its_share(holding, lanes):
                holding.standing = Standing.OVER
                self._over[holding] = None
            elif holding.waiting:
                return self._take_of(holding, now)
            else:
                holding.standing = Standing.NOWHERE
        return self._take_over(now, lanes, in_flight)

    def released(self, holding: Holding) -> None:
        """Line up a partition that had its share, now that one of its records has ended."""
        if holding.standing is Standing.OVER:
            del self._over[holding]
            self._line_up(holding)

    def wake_at(self) -> float | None:
        """When the next record is due (epoch seconds; 0.0 if one is now); None where only an ending helps."""
        if self._turns:
            return 0.0
        return self._later[0][0] if self._later else None

    def clock_set_back(self, now: float) -> None:
        """See that nothing waits longer than its tier's delay from now, though the clock was set back."""
        later = {holding for _, _, holding in self._later if holding.standing is Standing.LATER}
        self._later.clear()
        for holding in {*later, *self._turns, *self._over}:
            if holding.tier is not None:
                longest = now + holding.tier.seconds
                holding.waiting = deque(held._replace(due=min(held.due, longest)) for held in holding.waiting)
            if holding in later and holding.waiting:
                self._stand(holding, now)

    def drop(self, holding: Holding) -> int:
        """Forget the records of a partition that is not ours any more; return how many there were."""
        dropped = len(holding.waiting)
        self._more(holding, -holding.ready)
        holding.waiting.clear()
        if holding.standing is Standing.OVER:
            del self._over[holding]
            holding.standing = Standing.NOWHERE
        return dropped

    # --- inside --------------------------------------------------------------------------------

    def _take_of(self, holding: Holding, now: float) -> Held:
        held = holding.waiting.popleft()
        if held.at_once:
            self._more(holding, -1)
        if not holding.taken:
            self._served.append(holding)
        holding.taken += 1
        if holding.slow and holding.flows:
            holding.slow = False
            self.ready += holding.ready
        if holding.standing is Standing.OVER:
            del self._over[holding]
        holding.standing = Standing.NOWHERE
        if holding.waiting:
            self._stand(holding, now)
        return held

    def _take_over(self, now: float, lanes: int, in_flight: int) -> Held | None:
        """Take of a partition that has its share, as no other has anything due."""
        if not self._over:
            return None
        holding = next(iter(self._over))
        is_room = in_flight < lanes - self._left(lanes, holding)
        if is_room or (len(self._over) >= self._active() and holding.flows):
            return self._take_of(holding, now)
        for holding in self._over:
            if not holding.slow and not holding.flows:
                holding.slow = True
                self.ready -= holding.ready
        return None

    def _has_its_share(self, holding: Holding, lanes: int) -> bool:
        partitions = max(self._active(), len(self._turns) + len(self._over) + 1)
        if partitions > 1:
            return len(holding.busy) >= max(1, lanes // partitions)
        return self.partitions > 1 and not holding.flows and len(holding.busy) >= lanes - lanes // _LEFT

    def _left(self, lanes: int, holding: Holding) -> int:
        """How many lanes a partition leaves to others; of few lanes one, if its records hang."""
        return lanes // _LEFT or int(lanes > 1 and self._active() > 1 and not holding.flows)

    def _active(self) -> int:
        """How many partitions had something to send lately."""
        return max(len(self._served_before), len(self._served))

    def _judge(self, period: float) -> None:
        """Begin a new period: remember who was served in the last one."""
        for holding in self._served_before:
            holding.taken_before = 0
        for holding in self._served:
            holding.taken_before, holding.taken = holding.taken, 0
        self._served_before, self._served, self._period = self._served, [], period

    def _more(self, holding: Holding, by: int) -> None:
        holding.ready += by
        if not holding.slow:
            self.ready += by

    def _stand(self, holding: Holding, now: float) -> None:
        due = holding.waiting[0].due
        if due <= now:
            self._line_up(holding)
        else:
            holding.standing = Standing.LATER
            heappush(self._later, (due, next(self._ticket), holding))

    def _line_up(self, holding: Holding) -> None:
        holding.standing = Standing.IN_TURN
        self._turns.append(holding)

    def _promote(self, now: float) -> None:
        """Line up the partitions whose head has become due; an entry may be of a head that is gone."""
        while self._later and self._later[0][0] <= now:
            holding = heappop(self._later)[2]
            if holding.standing is Standing.LATER and holding.waiting:
                self._stand(holding, now)


def due_at(stated: float | None, tier_seconds: float, now: float) -> float:
    """Say when a tier's record is due: as its header says, but never later than the tier's delay from now.

    A header that is missing or unreadable means now; one far in the future (a broken clock, a forged
    header) must not block the partition behind it.
    """
    if stated is None:
        return now
    return min(stated, now + tier_seconds)
