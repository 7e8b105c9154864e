"""Which partitions of the journal are followed, from where, and for which source partitions.

The rules: a source partition follows its own place. If that may have come to the journal only within the time
that counts, steps may lie in its former places, too: those are read once, for these steps alone, before it
counts as read. While it is unknown where one of its places begins, it is not followed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from operator import attrgetter

from worker.adapters.kafka.followed_partition import FollowedPartition
from worker.core.ids_cache import JournalPosition
from worker.core.journal_places import former_places, place_of

Find = Callable[[Collection[int]], tuple[Mapping[int, JournalPosition], int]]
"""Finds where to begin with partitions of the journal, as far as known, and how many steps that skips."""

_IS_TOLD = attrgetter("is_told")


class FollowedPartitions:
    """Those of one follower, by their number in the journal."""

    def __init__(self) -> None:
        self.all: Mapping[int, FollowedPartition] = {}
        self._own: Collection[int] = frozenset()  # the present places; what else is followed is a former one
        self._left: Mapping[int, JournalPosition] = {}  # where present places were left
        self._begun: Mapping[int, JournalPosition] = {}  # where former places were begun
        self._elsewhere: dict[int, set[int]] = {}
        """The former places of source partitions that are not read to their end yet."""
        self.unknown: set[int] = set()
        """The source partitions of which it is unknown where a place begins."""

    @property
    def nexts(self) -> dict[int, int]:
        """The next offset to read of each."""
        return {at: one.next for at, one in self.all.items()}

    @property
    def positions(self) -> dict[int, JournalPosition]:
        """Up to where everything was read of what is followed, or was."""
        return {**self._left, **{at: one.position for at, one in self.all.items() if at in self._own}}

    @property
    def is_read(self) -> bool:
        """Whether all is read up to its end."""
        return all(one.is_read for one in self.all.values())

    @property
    def is_told(self) -> bool:
        """Whether everybody who waits has been told."""
        return all(map(_IS_TOLD, self.all.values()))

    @property
    def is_too_many(self) -> bool:
        """Whether a former place is still followed that nobody waits for."""
        return not self._elsewhere and self.all.keys() != {*self._own}

    def share_out(self, turns: Mapping[int, int], count: int, find: Find, now: float) -> int:
        """Follow the places of these source partitions in a journal of `count` partitions.

        Return how many steps were skipped. What `find` raises changes nothing.
        """
        places = {number: place_of(number, count) for number in turns}
        left = self.positions
        found, skipped = find(frozenset(places.values()) - left.keys())
        left |= found
        young = {at for at, start in found.items() if start.next == 0}
        elsewhere = {number: ats for number, ats in self._elsewhere.items() if number in turns}
        elsewhere |= {number: former_places(number, count) for number, at in places.items() if at in young}
        others = {at for ats in elsewhere.values() for at in ats}
        begun = {**find(others - left.keys() - self._begun.keys())[0], **self._begun}
        wanted: dict[int, dict[int, int]] = {}
        self.unknown = set()
        for number, turn in turns.items():
            its = (places[number], *elsewhere.get(number, ()))
            if any(at not in left and at not in begun for at in its):
                self.unknown.add(number)
                continue
            for at in its:
                wanted.setdefault(at, {})[number] = turn
        own = frozenset(at for number, at in places.items() if number not in self.unknown)
        kept = {at: one for at, one in self.all.items() if self._goes_on(at, own, wanted.get(at, {}))}
        self._own, self._left, self._elsewhere = own, left, elsewhere
        self._begun = {at: begun[at] for at in others if at in begun}
        self.all = {at: kept.get(at) or FollowedPartition(left.get(at) or begun[at], now) for at in wanted}
        for at, waiting in wanted.items():
            self.all[at].turns = waiting
        return skipped

    def _goes_on(self, at: int, own: Collection[int], waiting: Mapping[int, int]) -> bool:
        """Whether all that is asked for of a place from now on was asked for before."""
        if at in own:
            return at in self._own
        return at not in self._own and waiting.keys() <= self.all[at].turns.keys()

    def is_asked_for(self, at: int, number: int) -> bool:
        """Whether a step of a source partition is asked for in this place."""
        return not self._elsewhere or at in self._own or at in self._elsewhere.get(number, ())

    def stale(self, now: float, seconds: float) -> set[int]:
        """The source partitions to be told that a place of theirs can't be read; they wait for all again."""
        numbers = {number for one in self.all.values() for number in one.stale(now, seconds)}
        for one in self.all.values():
            one.tell_again(numbers)
        return numbers

    def tell(self) -> dict[int, int]:
        """The source partitions to be told that all their places are read, with their turns."""
        unread = {number for one in self.all.values() if not one.is_read for number in one.turns}
        told = {number: turn for one in self.all.values() for number, turn in one.tell(unread)}
        for number in told:
            self._elsewhere.pop(number, None)
        return told
