"""Lanes for tests of the schedule: they take all they may, and what is under way ends when a test says so."""

from __future__ import annotations

from itertools import count

from tests.core.examples import hold, make_holding
from worker.core.holding import Held, Holding
from worker.core.schedule import Schedule


class Lanes:
    """So many lanes that take all they may; a record under way ends when a test says so."""

    def __init__(self, limit: int) -> None:
        self.schedule = Schedule()
        self.limit = limit
        self.taken: list[Held] = []
        self.ids = count()
        self.now = 10.0

    def come(self, holding: Holding, count: int) -> None:
        """Let so many fresh records come."""
        for offset in range(count):
            self.schedule.add(hold(holding, offset), self.now)

    def take(self) -> int:
        """Take all that may go; return how many did."""
        before = len(self.taken)
        while len(self.taken) < self.limit:
            held = self.schedule.take(self.now, self.limit, len(self.taken))
            if held is None:
                break
            self.taken.append(held)
            held.holding.busy[next(self.ids)] = held.record
        return len(self.taken) - before

    def end(self, holding: Holding, count: int = 1) -> None:
        """Let so many of a partition's records that are under way end."""
        for _ in range(count):
            self.taken.remove(next(held for held in self.taken if held.holding is holding))
            holding.busy.popitem()
            holding.offsets.revision += 1
            self.schedule.released(holding)

    def keep_company(self) -> None:
        """Let a record of a partition that is well go and end: those that fail are not by themselves."""
        well = make_holding(9)
        self.come(well, 1)
        self.take()
        self.end(well)

    def fail(self, holding: Holding, count: int) -> None:
        """Note so many failures of a partition, without what was under way for them."""
        for _ in range(count):
            self.schedule.ended(holding, failed=True)

    def deliver(self, holding: Holding, count: int) -> None:
        """Note so many deliveries."""
        for _ in range(count):
            self.schedule.ended(holding, failed=False)
