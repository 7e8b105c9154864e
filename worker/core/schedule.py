"""Which record goes next.

The rules: nothing goes before it is due; within a partition records go in their order, which on a delay
tier is the order of their due times; the partitions that have something due take turns, fresh events and due
retries alike, so that no long queue and no tier starves another. Each operation is O(log partitions) at
most, and O(1) for records that are due at once.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import count

from worker.core.holding import IN_TURN, LATER, NOWHERE, Held, Holding


class Schedule:
    """The held records of all partitions, in the order in which they may go."""

    def __init__(self) -> None:
        self._turns: deque[Holding] = deque()
        self._later: list[tuple[float, int, Holding]] = []
        self._ticket = count()
        self.ready = 0
        """How many records were due when they came and have not been taken."""

    def add(self, held: Held, now: float) -> None:
        """Put a record behind the others of its partition."""
        holding = held.holding
        holding.waiting.append(held)
        self.ready += held.at_once
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
        self.ready += held.at_once
        if holding.standing is not IN_TURN:
            self._stand(holding, now)

    def take(self, now: float) -> Held | None:
        """Take the next record that is due; None where none is."""
        if self._later and self._later[0][0] <= now:
            self._promote(now)
        while self._turns:
            holding = self._turns.popleft()
            holding.standing = NOWHERE
            if not holding.waiting:
                continue
            held = holding.waiting.popleft()
            self.ready -= held.at_once
            if holding.waiting:
                self._stand(holding, now)
            return held
        return None

    def wake_at(self) -> float | None:
        """When the next record is due (epoch seconds; 0.0 if one is now); None where none is held."""
        if self._turns:
            return 0.0
        return self._later[0][0] if self._later else None

    def drop(self, holding: Holding) -> int:
        """Forget the records of a partition that is not ours any more; return how many there were."""
        dropped = len(holding.waiting)
        self.ready -= sum(held.at_once for held in holding.waiting)
        holding.waiting.clear()
        return dropped

    def _stand(self, holding: Holding, now: float) -> None:
        due = holding.waiting[0].due
        if due <= now:
            self._line_up(holding)
        else:
            holding.standing = LATER
            heappush(self._later, (due, next(self._ticket), holding))

    def _line_up(self, holding: Holding) -> None:
        holding.standing = IN_TURN
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
