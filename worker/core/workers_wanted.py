"""How many workers what is due now could use: what an autoscaler follows, in the place of lag.

The rule: more are wanted only where more would help. Records that are not due yet want none. Nor do records
that a partner refuses, or that an open circuit, a pause or a rate keeps back: another worker would be kept
back, too. A worker speaks for its own partitions, and wants no more workers than it has partitions. The sum
over all workers is what the group wants.

What one worker can do is worked out from what it does and how busy it is. What comes in, and what is left, is
divided by that. Records that are passed over, for another destination, are no work. The aim: each worker is
four fifths busy, and what is left is gone in ten minutes; until then no fewer are wanted. A fall is believed
once it has lasted for five minutes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import exp
from typing import NamedTuple

from worker.core.assigned_partition import AssignedPartition
from worker.core.record import Partition

BUSY_SHARE = 0.8
"""How busy a worker is to be."""
WORK_OFF_SECONDS = 600.0
"""Seconds in which what is left is to be gone."""
CALM_SECONDS = 300.0
"""Seconds for which less must be wanted before less is told."""

# What is measured follows what is seen by this time constant.
_FOLLOW_SECONDS = 20.0
# More than so many seconds' work is a backlog; until it is worked off no fewer are wanted.
_BACKLOG_SECONDS = 30.0
# A worker that is less busy does what is due by itself, whatever its figures say: they measure little.
_BUSY_ENOUGH_SHARE = 0.5


class Work(NamedTuple):
    """A partition's: `done` rises with each record that ends; `due` records may be sent now, or are."""

    done: int
    due: float


class Load(NamedTuple):
    """A worker at a look, for one destination; `passed` are all so far that ended since they are not for it.

    `busy` is the share of its lanes or of its processor that is used, whichever is more. `held` tells that it
    may send no more for another's sake; `most_per_second` is what a pace or a rate lets through.
    """

    sources: int
    """How many partitions of the source it has."""
    work: Mapping[Partition, Work]
    passed: int
    busy: float
    most_per_second: float
    held: bool


class WorkersWanted:
    """Of one worker and one destination; times are monotonic seconds."""

    def __init__(self) -> None:
        self.value = 0.0
        """How many are wanted for this worker's partitions, by the last look; no whole number."""
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
        """Take what is seen now, some seconds after the last look, and say how many are wanted."""
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
        # By partition: a rebalance changes what a worker has, and not what comes in each.
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
        """The highest share of the last minutes; what has been passed since is forgotten."""
        while self._highest and self._highest[-1][1] <= share:
            self._highest.pop()
        self._highest.append((now, share))
        while self._highest[0][0] < now - CALM_SECONDS:
            self._highest.popleft()
        return self._highest[0][1]


class _Follower:
    """A mean that follows what is seen; the first is believed."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value
        self._seen = False

    def see(self, value: float, elapsed: float) -> None:
        weight = 1.0 - exp(-elapsed / _FOLLOW_SECONDS) if self._seen else 1.0
        self.value += (value - self.value) * weight
        self._seen = True


def work_of(partition: AssignedPartition, high: int | None, now: float) -> Work | None:
    """What is done and due of a partition whose log ends before `high`, at this moment (epoch seconds).

    None while it is not known where it begins.

    Records of a tier are due one after the other: what is due of them is as much as its head is late.
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
