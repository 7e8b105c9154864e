"""When finished work can't have reached the broker: its worker was killed or stopped, or the broker was away.

The rule: a cut explains only what was under way in its window, and only what had not been seen committed
before it. The window opens one commit tick and one round trip before the cut, as long as that took in the run
itself just then (`round_trips`); while commits could not pass (a rebalance that waits for a dead member, a
broker that is away) it opens before that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.chaos.group_state import STALLED
from tests.chaos.logs import Deed, Group, RoundTrip
from worker.runner.commits import TICK_SECONDS

STEPS = 0.12
"""Seconds that steps wait for others on their way to the journal, as README says."""

LONGER = 3.0
"""So many times as long as ours a worker's step and commit may take: it has more to do than that."""

LEAST = 0.1
"""Seconds that ours are taken to have lasted at least: a short one says little of the next."""

LOOKED_AT = 3.0
"""Seconds before a cut of which the longest of ours counts."""

LEASE = 3.0
"""Seconds after SIGCONT until the worker has heard that its partitions are another's."""

REGAIN = 6.0
"""Seconds after a broker's return until all clients have found it and commits pass again."""

# What may lie between two lines of different processes' logs about the same moment.
BLINK = 0.05

EVERYBODY = ""
ANYBODY = "?"  # a worker whose name is not known
BROKER, DRAIN = "broker", "drain"
# What opens a cut, what closes it, and for how many seconds more it has its effect. What a killed worker had
# sent was under way when it died, whenever the partner reads it: a name is of one process.
_CLOSES = {
    "kill": {"dead": float("inf"), "up": REGAIN},
    "stop": {"resume": LEASE},
    "pause": {"resume": REGAIN},
}
_LEAVES = {"left": 0.0}


class Cut(NamedTuple):
    """Work of `worker` under way from `since` to `end` may be done again; `start` is the deed itself.

    From `tick` on commits pass, but are not made all the time; before it they did not, as the group was
    between two generations, or as the `broker` was away.
    """

    worker: str
    cause: str
    since: float
    start: float
    end: float
    tick: float
    broker: bool = False

    def hits(self, begun: float, ended: float, worker: str) -> bool:
        """Whether work of this worker from `begun` to `ended` was under way in the window."""
        concerned = worker == ANYBODY or self.worker in {EVERYBODY, worker}
        return concerned and begun <= self.end and ended >= self.since


class RoundTrips:
    """Those of a run, in their order; without any the machine is taken to have been quiet."""

    def __init__(self, trips: Sequence[RoundTrip]) -> None:
        self._trips = trips

    def uncommitted(self, at: float) -> float:
        """For how many seconds finished work may have been uncommitted then, though commits passed."""
        return TICK_SECONDS + STEPS + LONGER * max(LEAST, self._longest(at))

    def _longest(self, at: float) -> float:
        """The longest of those shortly before; of one that goes on, what has passed of it."""
        ours = (trip for trip in self._trips if at - LOOKED_AT <= trip.at + trip.seconds and trip.at < at)
        return max((min(trip.seconds, at - trip.at) for trip in ours), default=0.0)


QUIET = RoundTrips(())


class Span(NamedTuple):
    """From one moment to another."""

    start: float
    end: float


def find_cuts(
    deeds: Sequence[Deed], states: Sequence[Group], drain: float, trips: RoundTrips = QUIET
) -> list[Cut]:
    """Every cut; those of one worker before those of the broker, which concern all.

    `drain` in seconds is how long a worker that ends waits for what is under way.
    """
    deeds = sorted(deeds, key=lambda deed: deed.at)
    away = list(_broker_away(deeds))
    cuts = [*_cuts(deeds, [*_unstable(states), *away], away, trips), *_drains(deeds, drain)]
    return sorted(cuts, key=lambda cut: (cut.worker == EVERYBODY, cut.start))


def partner_away(deeds: Sequence[Deed]) -> list[Span]:
    """While the partner refused connections; to its last deed, where it never came back."""
    moods = sorted((deed for deed in deeds if deed.whom == "partner"), key=lambda deed: deed.at)
    ends = [*(mood.at for mood in moods[1:]), *(mood.at for mood in moods[-1:])]
    return [
        Span(mood.at, end) for mood, end in zip(moods, ends, strict=True) if mood.what == "partner outage"
    ]


def _cuts(
    deeds: Sequence[Deed], stalls: Sequence[Span], away: Sequence[Span], trips: RoundTrips
) -> Iterator[Cut]:
    for index, deed in enumerate(deeds):
        if deed.what not in _CLOSES:
            continue
        since = _since(deed.at, stalls, trips)
        whom, cause = (EVERYBODY, f"broker {deed.what}") if deed.whom == BROKER else (deed.whom, deed.what)
        broker = any(span.start <= deed.at and span.end >= since for span in away)
        tick = deed.at - trips.uncommitted(deed.at)
        yield Cut(whom, cause, since, deed.at, _end(deeds, index), tick, broker)


def _drains(deeds: Sequence[Deed], drain: float) -> Iterator[Cut]:
    """What a worker had under way when it waited no longer for it."""
    for index, deed in enumerate(deeds):
        if deed.what == "term":
            over, left = deed.at + drain, _closed(deeds, index, _LEAVES)
            if left >= over:
                yield Cut(deed.whom, DRAIN, over, over, left, over)


def _end(deeds: Sequence[Deed], index: int) -> float:
    """When what this deed opened is over, with the time until that has been noticed."""
    return _closed(deeds, index, _CLOSES[deeds[index].what])


def _closed(deeds: Sequence[Deed], index: int, closes: Mapping[str, float]) -> float:
    """When one of these deeds was done to the same one next, and so many seconds more; never, without one."""
    for deed in deeds[index + 1 :]:
        if deed.whom == deeds[index].whom and deed.what in closes:
            return deed.at + closes[deed.what]
    return float("inf")


def _since(at: float, stalls: Sequence[Span], trips: RoundTrips) -> float:
    """From when on finished work may not have been committed at this moment."""
    since, before = at - trips.uncommitted(at), float("inf")
    while since < before:
        before = since
        for stall in stalls:
            if stall.start < at and stall.end >= since:
                since = min(since, stall.start - trips.uncommitted(stall.start))
    return since


def _unstable(states: Sequence[Group]) -> Iterator[Span]:
    """While the group was seen between two generations, or not seen."""
    ends = [*(state.at for state in states[1:]), float("inf")]
    for state, end in zip(states, ends, strict=False):
        if state.state in STALLED:
            yield Span(state.before, end)


def _broker_away(deeds: Sequence[Deed]) -> Iterator[Span]:
    for index, deed in enumerate(deeds):
        if deed.whom == BROKER and deed.what in _CLOSES:
            yield Span(deed.at, _end(deeds, index))
