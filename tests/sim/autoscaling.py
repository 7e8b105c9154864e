"""A group of workers that an autoscaler changes, for a day: as a flow of records, not one by one.

The rule: workers are asked as the program asks them (`WorkersWanted`), and the autoscaler is Kubernetes' own
behind a scraper, as deploy/chart sets it up: its figure is old by then, and a worker takes its time to start.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, cos, inf, pi
from random import Random
from typing import NamedTuple

from tests.sim.scenes import DAY, HOUR, MINUTE
from worker.core.record import Partition
from worker.core.workers_wanted import Load, Work, WorkersWanted

LOOK_SECONDS = 2.0
# The scaler asks every 15 s, its figure is a scrape old; what it starts works after this.
ASK_SECONDS, SCRAPE_SECONDS, START_SECONDS = 15.0, 15.0, 30.0
# Kubernetes leaves a group alone that is off by less than this share.
TOLERANCE = 0.1


class Moment(NamedTuple):
    """The group at a look."""

    at: float
    arriving: float
    workers: int
    wanted: float
    left: float
    """Records that are due, and not sent."""
    needed: float
    """How many workers what arrives and is taken keeps busy."""


@dataclass
class Scaler:
    """Kubernetes' horizontal autoscaler on one figure, an average of 1 for each worker."""

    least: int
    most: int
    calm: float = 300.0
    figures: list[tuple[float, float]] = field(default_factory=list)
    advice: list[tuple[float, int]] = field(default_factory=list)

    def decide(self, now: float, workers: int, figure: float) -> int:
        """How many workers there are to be."""
        self.figures.append((now, figure))
        seen = next(
            value
            for at, value in reversed(self.figures)
            if at <= max(now - SCRAPE_SECONDS, self.figures[0][0])
        )
        wanted = ceil(seen - 1e-9) if abs(seen / workers - 1.0) > TOLERANCE else workers
        self.advice.append((now, max(self.least, min(self.most, wanted))))
        self.advice = [(at, count) for at, count in self.advice if at >= now - self.calm]
        down = max(count for _, count in self.advice)
        return self.advice[-1][1] if self.advice[-1][1] > workers else min(workers, down)


@dataclass
class Group:
    """Workers that share a topic's partitions evenly before one partner."""

    arriving: Callable[[float], float]
    """Records a second, at a moment."""
    partitions: int = 12
    lanes: int = 256
    latency: float = 0.1
    processor: float = 1_500.0
    """Records a second that a worker's processor can do."""
    partner: Callable[[float], float] = lambda _: inf
    """Records a second that the partner takes from all, at a moment; none in an outage."""
    by_lag: float | None = None
    """Scale by raw lag, so many records a worker, instead."""
    noise: Random | None = None
    """Has what arrives be more or less by chance, by half at most."""

    def run(self, seconds: float) -> list[Moment]:
        """Let so many seconds pass."""
        return list(self._moments(seconds))

    def _moments(self, seconds: float) -> Iterator[Moment]:
        scaler = Scaler(1, self.partitions)
        workers = [_Worker()]
        left = [0.0] * self.partitions
        done = [0.0] * self.partitions
        starting: list[tuple[float, int]] = []
        now, asked_at, target = 0.0, 0.0, 1
        while now < seconds:
            for at, count in list(starting):
                if now >= at:
                    starting.remove((at, count))
                    workers = workers[:count] + [_Worker() for _ in range(count - len(workers))]
            arriving, taken = self.arriving(now), self.partner(now)
            by_chance = self.noise.uniform(0.5, 1.5) if self.noise else 1.0
            own = min(self.lanes / self.latency, self.processor)
            for number, worker in enumerate(workers):
                mine = range(number, self.partitions, len(workers))
                worker.serve(self, mine, left, done, (arriving * by_chance, own, taken / len(workers)), now)
            wanted = sum(worker.wanted.value for worker in workers)
            yield Moment(now, arriving, len(workers), wanted, sum(left), min(arriving, taken) / own)
            if now >= asked_at:
                asked_at = now + ASK_SECONDS
                figure = wanted if self.by_lag is None else sum(left) / self.by_lag
                count = scaler.decide(now, target, figure)
                if count > target:
                    starting.append((now + START_SECONDS, count))
                elif count < target:
                    workers = workers[:count]
                    starting.clear()
                target = count
            now += LOOK_SECONDS


class _Worker:
    def __init__(self) -> None:
        self.wanted = WorkersWanted()

    def serve(
        self,
        group: Group,
        mine: range,
        left: list[float],
        done: list[float],
        rates: tuple[float, float, float],
        now: float,
    ) -> None:
        """Take what arrived in these partitions, end what can be ended, and look."""
        arriving, own, taken = rates
        for number in mine:
            left[number] += arriving / group.partitions * LOOK_SECONDS
        could = min(own, taken)
        there = sum(left[number] for number in mine)
        sent = min(there, could * LOOK_SECONDS)
        share = sent / there if there else 0.0
        for number in mine:
            done[number] += left[number] * share
            left[number] -= left[number] * share
        per_second = sent / LOOK_SECONDS
        busy = group.lanes if per_second >= own else per_second * group.latency
        load = Load(
            sources=len(mine),
            work={Partition("conversions", n): Work(int(done[n]), left[n] + busy / len(mine)) for n in mine},
            passed=0,
            busy=0.0 if not taken else max(busy / group.lanes, per_second / group.processor),
            most_per_second=taken if taken < own and per_second >= 0.5 * taken else inf,
            held=not taken,
        )
        self.wanted.look(load, now)


def day() -> Group:
    """A day of a shop: quiet at night, two campaigns that begin within a minute."""

    def arriving(at: float) -> float:
        campaigns = sum(begin <= at < begin + 45 * MINUTE for begin in (12 * HOUR, 19 * HOUR))
        return 1_500.0 * (1.0 - 0.9 * cos(2 * pi * at / DAY)) + 3_000.0 * campaigns

    return Group(arriving, noise=Random(1))


def outage(by_lag: float | None = None) -> Group:
    """A partner that is away for an hour, before a steady stream."""

    def partner(at: float) -> float:
        return 0.0 if HOUR <= at < 2 * HOUR else inf

    return Group(lambda _: 2_500.0, partner=partner, by_lag=by_lag, noise=Random(2))


def full(by_lag: float | None = None) -> Group:
    """A partner that takes less than what arrives, for two hours in between."""

    def arriving(at: float) -> float:
        return 3_000.0 if HOUR <= at < 3 * HOUR else 1_000.0

    return Group(arriving, partner=lambda _: 1_200.0, by_lag=by_lag, noise=Random(3))


def changes_in_an_hour(moments: Sequence[Moment]) -> int:
    """How often the number of workers changes, in the hour in which it changes most."""
    changes = [after.at for before, after in pairwise(moments) if before.workers != after.workers]
    return max((bisect_left(changes, at + HOUR) - number for number, at in enumerate(changes)), default=0)


def longest_lack(moments: Sequence[Moment]) -> float:
    """For how many seconds on end there are fewer workers than could be busy, at most."""
    longest = since = 0.0
    for moment in moments:
        since = moment.at if moment.workers >= moment.needed else since
        longest = max(longest, moment.at - since)
    return longest
