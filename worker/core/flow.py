"""What is known of a destination at one moment, from its topics, groups and workers.

The rule: figures alone; `flow_diagnosis.py` says what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from worker.core.orders import Order
from worker.core.record import Partition
from worker.core.worker_report import WorkerReport

LATE_SECONDS = 60.0
"""Seconds after which due records count as behind."""

STILL_SECONDS = 15.0
"""Seconds without a step, while something is due, after which a destination counts as stuck."""


class TierState(NamedTuple):
    """What waits in a delay tier, and for how many seconds its first record has been due (0.0: it is not)."""

    tier: str
    waiting: int
    overdue: float


class RecentAttempts(NamedTuple):
    """Attempts of the latest `seconds`, by outcome, from the end of the journal.

    `last` is when the newest step was written, in epoch seconds; None if none is known. Without a journal
    `seconds` is 0.0.
    """

    seconds: float
    delivered: int = 0
    failed: Mapping[str, int] = {}
    """By status or failure kind."""
    last: float | None = None

    @property
    def failures(self) -> int:
        """How many attempts failed."""
        return sum(self.failed.values())


class MemberCounts(NamedTuple):
    """How many members the source's and the tiers' groups have."""

    source: int
    tiers: int


class UnreadPartitions(NamedTuple):
    """Partitions without a leader, which nobody can read or write now, by what they hold."""

    source: Sequence[Partition] = ()
    tiers: Sequence[Partition] = ()
    dead_letters: Sequence[Partition] = ()
    journal: Sequence[Partition] = ()
    control: Sequence[Partition] = ()

    @property
    def every(self) -> Sequence[Partition]:
        """All of them."""
        return [at for some in self for at in some]


class Flow(NamedTuple):
    """A destination at `now` (epoch seconds).

    `lag` is the number of unfinished source records, `oldest` for how many seconds the first of them has
    been there. `orders` are the standing ones, `reports` are the members', `dead_letters` are of the last
    hour. What `unread` partitions hold is in none of these: numbers may be larger, orders may be missing.
    """

    now: float
    members: MemberCounts
    lag: int
    oldest: float
    tiers: Sequence[TierState]
    steps: RecentAttempts
    dead_letters: int
    orders: Sequence[Order] = ()
    unreadable: Sequence[str] = ()
    reports: Sequence[WorkerReport] = ()
    unread: UnreadPartitions = UnreadPartitions()

    @property
    def overdue(self) -> float:
        """Seconds for which the tier furthest behind has had something due."""
        return max((tier.overdue for tier in self.tiers), default=0.0)

    @property
    def is_behind(self) -> bool:
        """Whether something has been due for a while: for less of it where no journal tells that it goes."""
        return max(self.oldest, self.overdue) >= (LATE_SECONDS if self.steps.seconds else STILL_SECONDS)

    @property
    def is_due(self) -> bool:
        """Whether something is due."""
        return self.lag > 0 or self.overdue > 0

    def bounded_by(self, *words: str) -> bool:
        """Whether one of these words keeps at least half of the workers from sending more."""
        bound = sum(not set(words).isdisjoint(report.bound_by) for report in self.reports)
        return bound * 2 >= len(self.reports) > 0
