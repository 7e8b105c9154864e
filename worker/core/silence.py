"""Detects partitions that have records but yield none, though more was asked for.

The rule: a partition is silent if it yielded nothing for SILENT_AFTER_SECONDS, though it was not paused and
more of it became readable. So is one that is blocked because somebody left a transaction open, which holds
back everything after its first record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.moment import format_time
from worker.core.record import Partition

SILENT_AFTER_SECONDS = 120.0
"""Seconds; by default a transaction may last a minute."""

SILENT_WHY = ("transaction", "unknown")
"""The causes of silence."""


class ReadProgress(NamedTuple):
    """How far a partition is read: up to `offset`; it is readable up to `stable`, and ends at `high`.

    `flows` says whether the worker lets it hand over records.
    """

    at: Partition
    offset: int
    high: int
    stable: int
    flows: bool


class Silence(NamedTuple):
    """A partition that has yielded nothing from `offset` on since `since`, though `behind` records follow."""

    at: Partition
    offset: int
    behind: int
    since: float
    in_transaction: bool

    @property
    def why(self) -> str:
        """The cause in one word, as a label."""
        return SILENT_WHY[0 if self.in_transaction else 1]

    def __str__(self) -> str:
        return self._told(f"up to {self.behind} record{'s' if self.behind > 1 else ''}")

    @property
    def steady(self) -> str:
        """The same without what changes from look to look, for a report that is written at each change."""
        return self._told("everything" if self.in_transaction else "more")

    def _told(self, what: str) -> str:
        since = format_time(self.since)
        place = f"--topic {self.at.topic} --partition {self.at.number}"
        if self.in_transaction:
            return (
                f"{self.at} gives nothing since {since}: a transaction that was neither committed nor aborted"
                f" keeps back {what} from offset {self.offset} on; kafka-transactions.sh describe-producers"
                f" {place} names its producer, abort {place} --start-offset {self.offset} ends it"
            )
        return (
            f"{self.at} gives nothing since {since}, though {what} can be read from offset {self.offset} on:"
            f" look at the brokers that hold it; another worker may get them, so restart this one"
        )


class _Watched(NamedTuple):
    """A partition's state when it last yielded a record; and the blocked `end`, with since when."""

    offset: int
    since: float
    stable: int
    end: int | None
    end_since: float


class Silences:
    """Watches all partitions of one worker."""

    def __init__(self) -> None:
        self._watched: dict[Partition, _Watched] = {}
        self.silent: Sequence[Silence] = ()
        """The silent partitions."""

    def look(self, readings: Iterable[ReadProgress], now: float) -> Sequence[Silence]:
        """Judge at `now` (epoch seconds); return partitions that became silent since the last look."""
        former = {(one.at, one.offset) for one in self.silent}
        waiting = [one for one in readings if one.flows and one.high > one.offset]
        self._watched = {one.at: _watch(one, self._watched.get(one.at), now) for one in waiting}
        silences = (_silence(one, self._watched[one.at], now) for one in waiting)
        self.silent = [one for one in silences if one is not None]
        return [one for one in self.silent if (one.at, one.offset) not in former]


def _watch(one: ReadProgress, before: _Watched | None, now: float) -> _Watched:
    end = one.stable if one.stable < one.high else None
    if before is None or before.offset != one.offset:
        return _Watched(one.offset, now, one.stable, end, now)
    return before if before.end == end else before._replace(end=end, end_since=now)


def _silence(one: ReadProgress, watched: _Watched, now: float) -> Silence | None:
    """Name a silent partition; an unread rest that does not grow may be a transaction's marker."""
    if watched.end is not None and now - watched.end_since >= SILENT_AFTER_SECONDS:
        return Silence(one.at, watched.end, one.high - watched.end, watched.end_since, True)
    if one.stable > watched.stable and now - watched.since >= SILENT_AFTER_SECONDS:
        return Silence(one.at, one.offset, one.stable - one.offset, watched.since, False)
    return None
