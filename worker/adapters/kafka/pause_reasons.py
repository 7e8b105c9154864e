"""Which partitions are paused, and why: the poll thread's one place for that.

The rules: whoever sees a reason reports it here; whoever reads, hands over or tells the client asks here. A
partition is paused while any reason stands:

| reason | reported by | as long as |
| --- | --- | --- |
| `ordered` | the loop: a copy of `AssignedPartition.paused` | the loop wants nothing more of it for now |
| `lingering` | the prefetch | its records stay there for long while those of others come |
| `crowded` | the prefetch | it has no room, and more than a few of its records are there |
| `all` | the prefetch | it is full and nobody asks, or all bytes are spent |
| `unreadable` | the stops | it is stopped at an unreadable record |
A partition in `searched` is never paused: the client still looks up where to begin, and a pause could make it
begin a second time. Pure: the client is told in `client_pauses.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from worker.core.record import Partition


class PausedPartitions:
    """The reasons; `stale` says that the client has not been told yet."""

    def __init__(self) -> None:
        self.ordered: set[Partition] = set()
        self.lingering: set[Partition] = set()
        self.crowded: set[Partition] = set()
        self.unreadable: set[Partition] = set()
        self.searched: set[Partition] = set()
        self.all = False
        self.stale = False

    def wanted(self, ours: Collection[Partition]) -> set[Partition]:
        """Which of our partitions should be paused."""
        paused = self.ordered | self.lingering | self.crowded | self.unreadable
        return (set(ours) if self.all else paused.intersection(ours)) - self.searched

    def order(self, at: Partition) -> None:
        """Note the loop's order to pause a partition."""
        self.ordered.add(at)
        self.stale = True

    def resume(self, at: Partition) -> None:
        """Note the loop's order to resume it."""
        self.ordered.discard(at)
        self.stale = True

    def decide(self, lingering: set[Partition], crowded: set[Partition], *, all_of_them: bool) -> bool:
        """Note what the prefetch wants; return whether that changed."""
        wants = lingering, crowded, all_of_them
        is_news = wants != (self.lingering, self.crowded, self.all)
        self.lingering, self.crowded, self.all = wants
        self.stale |= is_news
        return is_news

    def stop(self, at: Partition) -> None:
        """Note that a partition is stopped at an unreadable record."""
        self.unreadable.add(at)
        self.stale = True

    def go_on(self, partitions: Iterable[Partition]) -> None:
        """Note that these are stopped no more."""
        if not self.unreadable.isdisjoint(read_on := set(partitions)):
            self.unreadable -= read_on
            self.stale = True

    def search(self, partitions: Iterable[Partition]) -> None:
        """Note that the client looks up where these begin."""
        self.searched.update(partitions)
        self.stale = True

    def found(self, partitions: Iterable[Partition]) -> None:
        """Note that records came of these, or that they are no longer ours."""
        if not self.searched.isdisjoint(found := set(partitions)):
            self.searched -= found
            self.stale = True

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Forget the orders for partitions that are no longer ours: they end with their assignment."""
        gone = set(partitions)
        self.ordered -= gone
        self.lingering -= gone
        self.stale = True
