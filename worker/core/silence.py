"""Partitions that have records and give none, though more was asked for.

The rule: one that gives nothing for SILENT_AFTER seconds while it could is named, with what keeps it back
where that is known: a transaction that nobody ended keeps back all that was written behind its start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.moment import format_time
from worker.core.record import Partition

SILENT_AFTER = 120.0
"""Seconds; a transaction may last a minute, where its producer says nothing else."""

SILENT_WHY = ("transaction", "unknown")
"""What keeps a silent partition back."""


class Reading(NamedTuple):
    """How far a partition is read: to before `offset`; it may be read to `stable`, and ends at `high`.

    `flows` tells whether it may hand over records, for all that the worker does.
    """

    at: Partition
    offset: int
    high: int
    stable: int
    flows: bool


class Silence(NamedTuple):
    """A partition that gives nothing from `offset` on since `since`, though so many lie `behind` it."""

    at: Partition
    offset: int
    behind: int
    since: float
    in_transaction: bool

    @property
    def why(self) -> str:
        """Its kind, in one word: a label."""
        return SILENT_WHY[0 if self.in_transaction else 1]

    def __str__(self) -> str:
        up_to = f"up to {self.behind} record{'s' if self.behind > 1 else ''}"
        since = format_time(self.since)
        place = f"--topic {self.at.topic} --partition {self.at.number}"
        if self.in_transaction:
            return (
                f"{self.at} gives nothing since {since}: a transaction that was neither committed nor aborted"
                f" keeps back {up_to} from offset {self.offset} on; kafka-transactions.sh describe-producers"
                f" {place} names its producer, abort {place} --start-offset {self.offset} ends it"
            )
        return (
            f"{self.at} gives nothing since {since}, though {up_to} can be read from offset {self.offset} on:"
            f" look at the brokers that hold it; another worker may get them, so restart this one"
        )


class Silences:
    """Looks at all partitions of one worker now and then."""

    def __init__(self) -> None:
        self._since: dict[Partition, tuple[int, float]] = {}
        self.told: Sequence[Silence] = ()
        """Those that are silent."""

    def look(self, readings: Iterable[Reading], now: float) -> Sequence[Silence]:
        """Judge anew at `now` (epoch seconds); return those that have become silent since the last look."""
        former = {(one.at, one.offset) for one in self.told}
        since: dict[Partition, tuple[int, float]] = {}
        told = []
        for one in readings:
            if not one.flows or one.high <= one.offset:
                continue
            offset, began = self._since.get(one.at, (one.offset, now))
            since[one.at] = one.offset, began if offset == one.offset else now
            if now - since[one.at][1] >= SILENT_AFTER:
                told.append(_silence(one, since[one.at][1]))
        self._since, self.told = since, told
        return [one for one in told if (one.at, one.offset) not in former]


def _silence(one: Reading, since: float) -> Silence:
    return Silence(one.at, one.offset, one.high - one.offset, since, one.stable <= one.offset)
