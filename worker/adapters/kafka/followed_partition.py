"""One followed partition of the journal: how far it is read, and which source partitions wait for that.

The rule: it counts as read once everything up to the end seen at the last look has been read. Whoever waits
is told once, and again after the partition could not be read for a while.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from worker.adapters.kafka.records import ReceivedMessage
from worker.core.ids_cache import Anchor, JournalPosition, digest_of


class FollowedPartition:
    """A partition that is read from `start` on; times are monotonic seconds."""

    def __init__(self, start: JournalPosition, now: float) -> None:
        self.next = start.next
        self.last: ReceivedMessage | None = None
        """The last record that was read."""
        self.turns: dict[int, int] = {}
        """The source partitions whose steps it holds, and the turn in which each was asked for."""
        self._anchor = start.anchor
        self._told: set[int] = set()
        self._end: int | None = None
        self._seen = start.next
        self._fresh_at = now

    @property
    def is_told(self) -> bool:
        """Whether everybody who waits has been told."""
        return self._told >= self.turns.keys()

    @property
    def is_read(self) -> bool:
        """Whether it is read up to the end seen at the last look."""
        return self._end is not None and self.next >= self._end

    @property
    def position(self) -> JournalPosition:
        """Up to where it is read."""
        if self.last is not None:
            self._anchor, self.last = anchor_of(self.last), None
        return JournalPosition(self.next, self._anchor)

    def tell_again(self, numbers: Iterable[int]) -> None:
        """Let these be told once more."""
        self._told.difference_update(numbers)

    def ask_anew(self, numbers: Iterable[int] = ()) -> None:
        """Let these wait again, until it is read up to the end that the next look sees."""
        self.tell_again(numbers)
        self._end = None

    def look(self, end: int, now: float) -> None:
        """Note its present end."""
        if self.next > self._seen or self.is_read or self.next >= end:
            self._fresh_at = now
        self._end, self._seen = end, self.next

    def tell(self, unread: Collection[int] = ()) -> list[tuple[int, int]]:
        """Those to be told that it is read, with their turns, without those that are `unread` elsewhere."""
        if not self.is_read or self.is_told:
            return []
        passed = self._told.union(unread)
        waiting = [(number, turn) for number, turn in self.turns.items() if number not in passed]
        self._told.update(number for number, _ in waiting)
        return waiting

    def stale(self, now: float, seconds: float) -> list[int]:
        """Those to be told that it can't be read: none if it made progress within the last `seconds`.

        They wait again, until it is read up to the end that the next look sees.
        """
        if now - self._fresh_at <= seconds:
            return []
        self.ask_anew(self.turns)
        return list(self.turns)


def anchor_of(message: ReceivedMessage) -> Anchor:
    """What identifies a record."""
    return Anchor(message.offset(), message.leader_epoch(), digest_of(message.key(), message.value()))


def starts_of(oldest: Mapping[int, int], ends: Mapping[int, int], most: int) -> tuple[dict[int, int], int]:
    """Where to begin with partitions so that at most `most` records are read, and how many are skipped.

    Each skips the same share of its records. An `oldest` below 0 says that no record is new enough.
    """
    firsts = {number: ends[number] if first < 0 else first for number, first in oldest.items()}
    total = sum(ends[number] - first for number, first in firsts.items())
    if total <= most:
        return firsts, 0
    kept = {number: (ends[number] - first) * most // total for number, first in firsts.items()}
    return {number: ends[number] - count for number, count in kept.items()}, total - sum(kept.values())
