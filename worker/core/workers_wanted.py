"""How many workers the records that are due now could use: the metric for autoscaling, instead of lag.

The rule: more workers are wanted only if they would help. Records that are not due yet need none; nor do
records that the partner refuses, or that an open circuit, a pause or a rate holds back, because another
worker would be held back, too. A worker counts for its own partitions, and wants no more workers than it has
partitions. The sum over all workers is what the group wants. A worker's capacity is computed from its
throughput and how busy it is; the incoming records and the backlog are divided by it. Records passed over for
other destinations are no work. The aim is that each worker is four fifths busy and the backlog is gone in ten
minutes; until then the number does not fall. A fall counts once it has lasted for five minutes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import exp
from typing import NamedTuple

from worker.core.assigned_partition import AssignedPartition
from worker.core.record import Partition

BUSY_SHARE = 0.8
"""How busy a worker should be."""
WORK_OFF_SECONDS = 600.0
"""Seconds in which the backlog should be gone."""
CALM_SECONDS = 300.0
"""Seconds for which fewer must be wanted before the value falls."""

# The time constant of the moving averages.
_FOLLOW_SECONDS = 20.0
# More than so many seconds of work is a backlog; until it is gone the number does not fall.
_BACKLOG_SECONDS = 30.0
# A less busy worker manages by itself, whatever its figures say, because they measure too little.
_BUSY_ENOUGH_SHARE = 0.5


class Work(NamedTuple):
    """A partition's work: `done` rises with each record that ends; `due` records can be or are being sent."""

    done: int
    due: float


class Load(NamedTuple):
    """A worker's load for one destination; `passed` counts all records so far for other destinations.

    `busy` is the used share of its lanes or of its CPU, whichever is larger. `held` says that something else
    keeps it from sending more; `most_per_second` is what pace and rate let through.
    """

    sources: int
    """How many source partitions it has."""
    work: Mapping[Partition, Work]
    passed: int
    busy: float
    most_per_second: float
    held: bool


class WorkersWanted:
    """For one worker and one destination; times are monotonic seconds."""

    def __init__(self) -> None:
        self.value = 0.0
        """How many workers this one's partitions want, by the last look; a fraction."""
        self._work: Mapping[Partition, Work] = {}
        self._passed = 0
        self._looked_at: float | None = None
        self._ended = _Follower()
        self._came = _Follower()
        self._busy = _Follower()
        self._ours = _Follower(1.0)
        self._share = 0.0
        self._highest: deque[tuple[float, float]] = deque()

    def look(self, load: Load, now: float) -> float:
        """Take the load now, some seconds after the last look; return how many workers are wanted."""
        elapsed = 0.0 if self._looked_at is None else now - self._looked_at
        before, self._work, self._looked_at = self._work, load.work, now
        passed, self._passed = load.passed - self._passed, load.passed
        if not load.sources:
            self._highest.clear()
            self.value = self._share = 0.0
            return self.value
        if load.held:
            self._highest.clear()
            self._share = min(self._share or 1.0, 1.0 / load.sources)
        elif elapsed > 0 and before.keys() == load.work.keys():
            self._measure(before, load, passed, elapsed)
            self._share = min(1.0, self._need(load) / load.sources)
        self.value = self._calm(self._share, now) * load.sources
        return self.value

    def _measure(self, before: Mapping[Partition, Work], load: Load, passed: int, elapsed: float) -> None:
        ended = sum(max(0, work.done - before[at].done) for at, work in load.work.items())
        grown = sum(work.due - before[at].due for at, work in load.work.items())
        sent = max(0, ended - passed)
        if ended:
            self._ours.see(sent / ended, elapsed)
        self._ended.see(sent / elapsed, elapsed)
        # Per partition, because a rebalance changes the number of partitions, but not what comes in each.
        self._came.see((sent + grown * self._ours.value) / elapsed / load.sources, elapsed)
        self._busy.see(load.busy, elapsed)

    def _need(self, load: Load) -> float:
        due = sum(work.due for work in load.work.values()) * self._ours.value
        if not self._ended.value or not self._busy.value:
            return 1.0 if due else 0.0
        could = self._ended.value / self._busy.value * BUSY_SHARE
        wanted = self._came.value * load.sources + due / WORK_OFF_SECONDS
        need = max(0.0, min(wanted, load.most_per_second)) / could
        if due > _BACKLOG_SECONDS * could and load.most_per_second > wanted:
            need = max(need, self._share * load.sources)
        return need if self._busy.value >= _BUSY_ENOUGH_SHARE else min(need, 1.0)

    def _calm(self, share: float, now: float) -> float:
        """The highest share of the last minutes."""
        while self._highest and self._highest[-1][1] <= share:
            self._highest.pop()
        self._highest.append((now, share))
        while self._highest[0][0] < now - CALM_SECONDS:
            self._highest.popleft()
        return self._highest[0][1]


class _Follower:
    """A moving average; the first value is taken as it is."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value
        self._seen = False

    def see(self, value: float, elapsed: float) -> None:
        weight = 1.0 - exp(-elapsed / _FOLLOW_SECONDS) if self._seen else 1.0
        self.value += (value - self.value) * weight
        self._seen = True


def work_of(partition: AssignedPartition, high: int | None, now: float) -> Work | None:
    """The work of a partition whose log ends at `high`, at this time (epoch seconds).

    None while it is unknown where it begins.
    A tier's records become due one after another: the due share follows from how late its head is.
    """
    upto = partition.offsets.next
    if upto is None:
        return None
    held = partition.offsets.unfinished
    left = held + max(0, (high or 0) - upto)
    is_resting = partition.barred is not None or partition.warming is not None
    if is_resting or not partition.tenure.takes:
        left = 0
    return Work(upto - held, left * _due_share(partition, now))


def _due_share(partition: AssignedPartition, now: float) -> float:
    if partition.tier is None:
        return 1.0
    head = partition.waiting[0].due if partition.waiting else partition.asleep_until or now
    late = max(0.0, now - head)
    return late / (late + partition.tier.seconds)
