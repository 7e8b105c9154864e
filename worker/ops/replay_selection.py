"""Chooses the dead letters to replay: those that match, did not go before, and would not just die again.

The rules: a conversion goes back once, however many letters it has: the one that was replayed most often
counts, then the newest. Some sixty bytes are held per conversion, in columns, so that a million fit.
"""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.ops.dead_letters import NO_TIME, place_of
from worker.ops.edits import Revise, as_it_is, id_of
from worker.ops.numbering import DIGEST_BYTES, Numbering
from worker.ops.partition_offsets import NO_OFFSETS, PartitionOffset, PartitionOffsets

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.ops.filters import Filters


class Refusal(NamedTuple):
    """Why a letter does not go: its reason, and a line if that is a fault in an edit."""

    reason: str
    fault: str | None = None


Judge = Callable[["DeadLetter"], Refusal | None]
"""Why a letter would only die again, or None."""


class Choice(NamedTuple):
    """The letters that go; how many were left out as gone before; how many were refused, by reason.

    `faults` are lines about wrong edits: then nothing goes.
    """

    places: Set[PartitionOffset]
    gone_before: int
    refused: Mapping[str, int]
    faults: list[str]


_OTHER, _GONE, _GOES, _REFUSED = range(4)
"""The fate of a conversion's letter: no match, went before, goes; higher numbers are refusals."""


class _Counting:
    """The letter that counts for each conversion."""

    def __init__(self, revise: Revise) -> None:
        self._revise = revise
        self._numbers = Numbering()
        self._replays, self._times = array("I"), array("d")
        self._partitions, self._offsets = array("i"), array("q")
        self._fates = array("I")
        numbers = self._replays, self._partitions, self._offsets, self._fates
        self._columns: Sequence[array[Any]] = [self._times, *numbers]
        self._refusals: dict[str, int] = {}
        self._faults: dict[int, str] = {}

    def takes(self, letter: DeadLetter) -> int | None:
        """The number of its conversion, if this letter counts so far; else None."""
        number = self._numbers.number(identity(letter, self._revise))
        at = (letter.dead_at or NO_TIME).timestamp()
        if number == len(self._times):
            for column in self._columns:
                column.append(0)
        elif self._told(number) > (letter.replays, at, *_place(letter)):
            return None
        self._replays[number], self._times[number] = letter.replays, at
        self._partitions[number], self._offsets[number] = _place(letter)
        return number

    def know(self, number: int, fate: int | Refusal) -> None:
        """Note its fate."""
        self._faults.pop(number, None)
        if isinstance(fate, Refusal):
            if fate.fault is not None:
                self._faults[number] = fate.fault
            fate = self._refusals.setdefault(fate.reason, _REFUSED + len(self._refusals))
        self._fates[number] = fate

    def choice(self, limit: int) -> Choice:
        """The final choice: the newest `limit`, all if it is 0."""
        counts = Counter(self._fates)
        refused = {reason: counts[fate] for reason, fate in self._refusals.items() if counts[fate]}
        going: Iterable[int] = (number for number, fate in enumerate(self._fates) if fate == _GOES)
        if limit:
            going = heapq.nlargest(limit, going, key=lambda number: self._told(number)[1:])
        places = PartitionOffsets.of((self._partitions[number], self._offsets[number]) for number in going)
        return Choice(places, counts[_GONE], refused, list(self._faults.values()))

    def _told(self, number: int) -> tuple[int, float, int, int]:
        """What decides which letter counts: how often it was replayed, when it died, where it lies."""
        at = self._times[number], self._partitions[number], self._offsets[number]
        return self._replays[number], *at


def choose(
    letters: Iterable[DeadLetter],
    filters: Filters,
    limit: int,
    gone: Collection[PartitionOffset] = NO_OFFSETS,
    judge: Judge = lambda _: None,
    revise: Revise = as_it_is,
) -> Choice:
    """Choose the newest `limit` letters that may live and are not `gone`; all if it is 0."""
    counting = _Counting(revise)
    for letter in letters:
        number = counting.takes(letter)
        if number is None:
            continue
        if not filters.match(letter):
            counting.know(number, _OTHER)
        elif _place(letter) in gone:
            counting.know(number, _GONE)
        else:
            counting.know(number, judge(letter) or _GOES)
    return counting.choice(limit)


def _place(letter: DeadLetter) -> PartitionOffset:
    return letter.partition, letter.offset


def identity(letter: DeadLetter, revise: Revise) -> bytes:
    """What identifies a conversion: its event id, or the one that it is edited to have, or its value."""
    event_id = id_of(letter, revise)
    told = b"id" + event_id.encode() if event_id is not None else letter.value
    return blake2b(told or place_of(letter).encode(), digest_size=DIGEST_BYTES).digest()
