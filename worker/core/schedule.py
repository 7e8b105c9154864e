"""Which record goes next.

The rules: nothing goes before it is due; within a partition records go in their order, which on a delay
tier is the order of their due times; the partitions that have something due take turns, fresh events and due
retries alike, the oldest due first where several become due.

Fair shares: a partition's share is the limit by the partitions that have something due or under way, and one
more. Those with less than their share under way go first. Another one takes a lane only while more than an
eighth of the limit is free: records that hang never take all lanes, and what comes of others finds one.

Partitions that fail (nearly all of their records do) have an eighth of the limit, all together, while others
have something to send: what fails is tried again later anyway, and each failure costs the processor more than
a delivery, so it must not make others wait.

Each operation is O(log partitions) at most, and O(1) for records that are due at once.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count, islice

from worker.core.admission.probes import Probes
from worker.core.holding import IN_TURN, LATER, NOWHERE, OVER, Held, Holding

# This part of the limit is kept free of partitions that have their share, of fewer lanes none; and this part
# is what failing ones have, one lane at least.
_PART = 8
# A partition fails from so many failures on; with few lanes from half as many as there are, and so many at
# least: what hangs takes most lanes, and each of its failures is a timeout late.
_MANY_FAILURES, _FEW_FAILURES = 16, 4
# Failing partitions are by themselves once nothing of others was taken for so many seconds.
_ALONE = 10.0
# Seconds between two looks at the partitions that have their share, and so what may wait of each.
LOOK = 0.25


class Schedule:
    """The held records of all partitions, in the order in which they may go."""

    def __init__(self) -> None:
        self._turns: deque[Holding] = deque()
        self._over: OrderedDict[Holding, None] = OrderedDict()
        self._aside: OrderedDict[Holding, None] = OrderedDict()
        self._failing = 0
        self._limit = 2 * _MANY_FAILURES
        self._well_at = float("-inf")
        self._active: set[Holding] = set()
        self._later: list[tuple[float, int, Holding]] = []
        self._ticket = count()
        self._looked_at = float("-inf")
        self.ready = 0
        """How many records were due when they came and wait for a turn, without those of slow partitions."""

    @property
    def active(self) -> int:
        """How many partitions have something due or under way, without those that fail."""
        return len(self._active)

    def add(self, held: Held, now: float) -> None:
        """Put a record behind the others of its partition."""
        holding = held.holding
        holding.waiting.append(held)
        if held.at_once:
            holding.ready += 1
            self.ready += not holding.slow
        if holding.standing is NOWHERE:
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
        if holding.standing in {NOWHERE, LATER}:
            self._stand(holding, now)

    def take(self, now: float, limit: int, occupied: int) -> Held | None:
        """Take the next record that is due; None where none is, or none may go with so many occupied."""
        if self._later and self._later[0][0] <= now:
            self._promote(now)
        turns, over = self._turns, self._over
        part = limit // _PART
        share = limit // (len(self._active) + 1) or 1
        is_room = occupied < limit - part
        self._limit = limit
        while turns:
            holding = turns.popleft()
            if not holding.waiting:
                self._leave(holding)
            elif holding.failing:
                if self._failing < part or not self._failing:
                    return self._take_of(holding, now)
                self._put_aside(holding, self._aside)
            elif len(holding.busy) < share or (is_room and not turns and not over):
                return self._take_of(holding, now)
            else:
                self._put_aside(holding, over)
        return self._take_aside(now, part, is_room)

    def probe(self, now: float, probing: Probes) -> Held | None:
        """Take the record of the next probe, wherever it stands; None where none is due."""
        self._promote(now)
        for line in (self._over, self._aside):
            while line:
                self._line_up(line.popitem(last=False)[0])
        for empty in [one for one in self._turns if not one.waiting]:
            self._turns.remove(empty)
            self._leave(empty)
        if not self._turns:
            return None
        holding = probing.choose(self._turns)
        self._turns.remove(holding)
        probing.step(holding, now)
        return self._take_of(holding, now)

    def ended(self, holding: Holding, *, failed: bool) -> bool:
        """Note how a record ended that is under way still; tell whether its partition fails from now on.

        What waits of it is then no read-ahead. Deliveries of a partition without failures need not be noted.
        """
        many = max(_FEW_FAILURES, min(_MANY_FAILURES, self._limit // 2))
        if not holding.note(failed=failed, many=many):
            return False
        if holding.failing:
            self._slow_down(holding)
            self._failing += len(holding.busy)
            self._active.discard(holding)
            if holding.standing is OVER:
                del self._over[holding]
                self._put_aside(holding, self._aside)
        else:
            self._failing -= len(holding.busy)
            self._active.add(holding)
            while self._aside:  # there may be no other failing one whose release would line them up
                self._line_up(self._aside.popitem(last=False)[0])
        return holding.failing

    def released(self, holding: Holding) -> None:
        """Note that a record of a partition is not under way any more."""
        standing = holding.standing
        if holding.failing:
            self._failing -= 1
            if self._aside:  # the next one of them, not this one again
                self._line_up(self._aside.popitem(last=False)[0])
        elif standing is IN_TURN:
            return
        elif standing is OVER:
            del self._over[holding]
            self._line_up(holding)
        elif not holding.busy:
            self._active.discard(holding)

    def wake_at(self) -> float | None:
        """When to take again (epoch seconds; 0.0 if a record may be due now); None where none is held."""
        if self._turns:
            return 0.0
        look = self._looked_at + LOOK if self._over or self._aside else float("inf")
        due = self._later[0][0] if self._later else float("inf")
        wake_at = min(look, due)
        return None if wake_at == float("inf") else wake_at

    def look(self, now: float) -> Sequence[Holding]:
        """Judge the partitions that have their share, LOOK seconds after the last time; return the slow ones.

        A partition is slow where more waits of it than has ended since the last look. Its records are no
        read-ahead: they do not keep those of others from being read.
        """
        if not (self._over or self._aside) or 0 <= now - self._looked_at < LOOK:
            return ()
        since, self._looked_at = now - self._looked_at, now
        slow = [holding for holding in (*self._over, *self._aside) if holding.is_slow()]
        if not 0 <= since < 4 * LOOK:
            return ()  # the last look was long ago: what ended since then says nothing
        for holding in slow:
            self._slow_down(holding)
        return slow

    def clock_set_back(self, now: float) -> None:
        """See that nothing waits longer than its tier's delay from now, though the clock was set back."""
        later = {holding for _, _, holding in self._later if holding.standing is LATER}
        self._later.clear()
        for holding in later.union(self._active, self._turns, self._aside):
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
        if holding.standing is OVER:
            del (self._aside if holding.failing else self._over)[holding]
            self._leave(holding)
        return dropped

    def not_due(self, holding: Holding, by: float) -> list[Held]:
        """What waits of a partition from the first record on that is not due by then."""
        waiting = holding.waiting
        first = next((index for index, held in enumerate(waiting) if held.due > by), len(waiting))
        return list(islice(waiting, first, None))

    def forget(self, holding: Holding, count: int) -> None:
        """Forget the last records that wait of a partition; they will be added again."""
        for _ in range(count):
            if holding.waiting.pop().at_once:
                self._more(holding, -1)
        if not holding.waiting and holding.standing is LATER:
            holding.standing = NOWHERE

    # --- inside --------------------------------------------------------------------------------

    def _take_of(self, holding: Holding, now: float) -> Held:
        waiting = holding.waiting
        held = waiting.popleft()
        if holding.failing:
            self._failing += 1
        else:
            self._well_at = now
        if held.at_once:
            holding.ready -= 1
            self.ready -= not holding.slow
        if holding.slow and holding.ready <= holding.pace and not holding.failing:
            holding.slow = False
            self.ready += holding.ready
        if not waiting:
            holding.standing = NOWHERE
        elif waiting[0].due <= now:
            holding.standing = IN_TURN
            self._turns.append(holding)
        else:
            self._stand(holding, now)
        return held

    def _take_aside(self, now: float, part: int, is_room: bool) -> Held | None:
        """Take of what was put aside, where that may go by now: there may be more lanes than there were."""
        if self._over and is_room:
            return self._take_of(self._over.popitem(last=False)[0], now)
        if self._aside and (self._failing < part or (is_room and self._are_alone(now))):
            return self._take_of(self._aside.popitem(last=False)[0], now)
        return None

    def _are_alone(self, now: float) -> bool:
        return not 0 <= now - self._well_at < _ALONE

    def _put_aside(self, holding: Holding, where: OrderedDict[Holding, None]) -> None:
        holding.standing = OVER
        where[holding] = None

    def _slow_down(self, holding: Holding) -> None:
        if not holding.slow:
            holding.slow = True
            self.ready -= holding.ready

    def _more(self, holding: Holding, by: int) -> None:
        holding.ready += by
        if not holding.slow:
            self.ready += by

    def _leave(self, holding: Holding) -> None:
        holding.standing = NOWHERE
        if not holding.busy:
            self._active.discard(holding)

    def _stand(self, holding: Holding, now: float) -> None:
        due = holding.waiting[0].due
        if due <= now:
            self._line_up(holding)
        else:
            holding.standing = LATER
            heappush(self._later, (due, next(self._ticket), holding))

    def _line_up(self, holding: Holding) -> None:
        holding.standing = IN_TURN
        if not holding.failing:
            self._active.add(holding)
        self._turns.append(holding)

    def _promote(self, now: float) -> None:
        """Line up the partitions whose head has become due; an entry may be of a head that is gone."""
        while self._later and self._later[0][0] <= now:
            holding = heappop(self._later)[2]
            if holding.standing is LATER and holding.waiting:
                self._stand(holding, now)


def due_at(stated: float | None, tier_seconds: float, now: float) -> float:
    """Say when a tier's record is due: as its header says, but never later than the tier's delay from now.

    A header that is missing or unreadable means now; one far in the future (a broken clock, a forged
    header) must not block the partition behind it.
    """
    if stated is None:
        return now
    return min(stated, now + tier_seconds)
