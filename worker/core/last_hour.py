"""Counts what happened in the last hour, by the minute.

The rule: a minute counts what was written in it, by Kafka's timestamps, each thing once. Memory does not grow
with the traffic: it holds counts, not steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.journal import StepKind
from worker.core.flow import RecentAttempts
from worker.core.step_glance import StepGlance

MINUTE_SECONDS = 60
MINUTES = 60
"""Minutes that are kept, including the current one."""

_FINE_SECONDS = 5
"""Counts are kept per so many seconds, so that the latest part of a minute can be told apart."""


class Minute(NamedTuple):
    """A minute that begins `at` (epoch seconds).

    `published` is how many records came to the source, for all destinations; None while unknown. `failed`
    counts attempts by status or failure kind; `waiting` are those that went to a tier. `dead` counts by
    reason, including cancelled ones.
    """

    at: float
    published: int | None = None
    delivered: int = 0
    failed: Mapping[str, int] = {}
    waiting: int = 0
    dead: Mapping[str, int] = {}
    duplicates: int = 0


class _Counts:
    """What happened in a few seconds."""

    __slots__ = ("dead", "failed", "kinds")

    def __init__(self) -> None:
        self.kinds: Counter[StepKind] = Counter()
        self.failed: Counter[str] = Counter()
        self.dead: Counter[str] = Counter()

    def take(self, step: StepGlance) -> None:
        """Count a step."""
        kind, answer, reason = step
        self.kinds[kind] += 1
        if answer is not None and kind is not StepKind.DELIVERED:
            self.failed[answer] += 1
        if kind is StepKind.DEAD or kind is StepKind.CANCELLED:
            self.dead[reason or kind] += 1

    def add(self, other: _Counts) -> None:
        """Add the counts of another one."""
        self.kinds += other.kinds
        self.failed += other.failed
        self.dead += other.dead


class LastHour:
    """Counts steps; times are epoch seconds."""

    def __init__(self) -> None:
        self._counts: dict[int, _Counts] = {}
        self._last: float | None = None

    def take(self, step: StepGlance, at: float) -> None:
        """Count a step that was written at this time."""
        begin = int(at) // _FINE_SECONDS
        counts = self._counts.get(begin)
        if counts is None:
            counts = self._counts[begin] = _Counts()
        counts.take(step)
        if self._last is None or at > self._last:
            self._last = at

    def minutes(self, now: float, published: Mapping[float, int]) -> list[Minute]:
        """Each minute of the last hour, the oldest first; `published` has the known numbers by minute."""
        firsts = minutes_of(now)
        self._forget(firsts[0])
        total = {first: _Counts() for first in firsts}
        for begin, counts in self._counts.items():
            first = begin * _FINE_SECONDS // MINUTE_SECONDS * MINUTE_SECONDS
            if first in total:
                total[first].add(counts)
        return [_minute(first, counts, published.get(first)) for first, counts in total.items()]

    def latest(self, now: float, seconds: float) -> RecentAttempts:
        """The outcomes of the attempts of the last `seconds`, or a few more."""
        first = int(now - seconds) // _FINE_SECONDS
        total = _Counts()
        for begin, counts in self._counts.items():
            if begin >= first:
                total.add(counts)
        delivered = total.kinds[StepKind.DELIVERED]
        return RecentAttempts(
            now - first * _FINE_SECONDS, delivered, dict(total.failed.most_common()), self._last
        )

    def _forget(self, before: float) -> None:
        old = [begin for begin in self._counts if begin * _FINE_SECONDS < before]
        for begin in old:
            del self._counts[begin]


def minutes_of(now: float) -> list[float]:
    """When each minute of the last hour begins, the oldest first."""
    last = int(now) // MINUTE_SECONDS * MINUTE_SECONDS
    return [float(last - back * MINUTE_SECONDS) for back in reversed(range(MINUTES))]


def _minute(first: float, counts: _Counts, published: int | None) -> Minute:
    kinds = counts.kinds
    return Minute(
        first,
        published,
        kinds[StepKind.DELIVERED],
        dict(counts.failed.most_common()),
        kinds[StepKind.RETRY],
        dict(counts.dead.most_common()),
        kinds[StepKind.DUPLICATE],
    )


class PublishedByMinute:
    """How many records came to the source in each minute, from its end offsets at the minutes' beginnings.

    A place is the sum of all partitions' end offsets.
    """

    def __init__(self) -> None:
        self._places: dict[float, int] = {}
        self._end: tuple[float, int] | None = None

    def unknown(self, now: float) -> list[float]:
        """The minutes at whose beginning the source's place is unknown, the newest first."""
        return [first for first in reversed(minutes_of(now)) if first not in self._places]

    def know(self, first: float, place: int) -> None:
        """Note the source's place at the beginning of a minute."""
        self._places[first] = place

    def end(self, now: float, place: int) -> None:
        """Note the source's place now."""
        self._end = now, place
        oldest = minutes_of(now)[0]
        for first in [first for first in self._places if first < oldest]:
            del self._places[first]

    def by_minute(self) -> dict[float, int]:
        """The number for each minute whose both ends are known; for the current one, so far."""
        places = dict(self._places)
        if self._end is not None:
            now, place = self._end
            places[minutes_of(now)[-1] + MINUTE_SECONDS] = place
        return dict(_differences(places))


def _differences(places: Mapping[float, int]) -> Iterable[tuple[float, int]]:
    for first, place in places.items():
        after = places.get(first + MINUTE_SECONDS)
        if after is not None:
            yield first, max(0, after - place)
