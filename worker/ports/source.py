"""A member of a consumer group, and its listener.

The rule: every call to the listener is made on the event loop, in the order of Kafka's events.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import NamedTuple, Protocol

from worker.core.assigned_partition import Position
from worker.core.binding import LogId
from worker.core.place import Place
from worker.core.record import Partition, Record
from worker.core.start_offset import Start, StartReason
from worker.core.unreadable import StoppedPartition


class PartitionAssignment(NamedTuple):
    """A partition that is ours from now on. `committed` is the group's offset, or None.

    `log` is the partition's log, if the broker tells; `start` is where reading begins, unless that is simply
    the committed offset.
    """

    at: Partition
    committed: int | None
    metadata: str
    log: LogId = LogId()
    start: Start | None = None
    is_newer: bool = False
    """Whether another member has read on since it was ours, so that what we knew does not count."""

    @property
    def begins(self) -> int | None:
        """The first offset to read; None for the start of an unknown log.

        In a truncated log, an offset committed below the cut still counts.
        """
        if self.start is None:
            return self.committed
        if self.start.how is StartReason.TRUNCATED and self.committed is not None:
            return min(self.committed, self.start.offset)
        return self.start.offset


Positions = Mapping[Partition, Position]


class CommitFailed(Exception):
    """The commit did not count, except what is in `committed`. A later one will include the rest."""

    def __init__(self, why: str, committed: Positions | None = None) -> None:
        super().__init__(why)
        self.committed: Positions = committed or {}


class SourceEnded(CommitFailed):
    """The source has ended: no commit can count any more."""


class SourceFailed(Exception):
    """The source can't go on (fatal client error, fenced, refused): the process must end."""


class SourceListener(Protocol):
    """Listens to the source; every call is made on the event loop, in the order of Kafka's events."""

    def on_assigned(self, assigned: Sequence[PartitionAssignment]) -> None:
        """Hear that these partitions are ours; their records follow."""
        ...

    def on_made_anew(self, assigned: Sequence[PartitionAssignment]) -> None:
        """Hear that a topic was deleted and made again: what is held of these partitions is of a deleted log.

        They are still ours, as if just assigned; records from the start of the new log follow.
        """
        ...

    def on_expired(self, at: Partition, start: Start) -> None:
        """Hear that the next records of this partition are gone, and that it goes on at `start`."""
        ...

    async def on_revoked(self, partitions: Sequence[Partition]) -> Positions:
        """Drain these partitions, within bounds, and return what to commit last; then they are gone."""
        ...

    def on_committed_last(self, committed: Positions) -> None:
        """Hear what was really committed of what `on_revoked` returned; empty if that failed."""
        ...

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """Hear that these partitions are gone already: discard them, commit nothing."""
        ...

    def on_rewound(self, partition: Partition) -> None:
        """Hear that records now come from the offset that this partition was rewound to."""
        ...

    def on_records(self, records: Sequence[Record]) -> None:
        """Take records that were asked for, in offset order within each partition."""
        ...

    def on_passed(self, counts: Mapping[str, int]) -> None:
        """Hear how many records of each topic were passed over for other destinations."""
        ...

    def on_gap(self, partition: Partition, behind: int, offset: int) -> None:
        """Hear that there is nothing for us from `behind` up to `offset`: markers, or others' records.

        Everything handed over lies below `behind`; a listener that has taken up less ignores this.
        """
        ...

    def on_cut(self, partition: Partition, offset: int) -> None:
        """Hear that the log was cut and went on: from this offset on there are other records than before.

        What was known to be finished there, by a commit or from an earlier assignment, is not.
        """
        ...

    def on_stopped(self, stopped: StoppedPartition) -> None:
        """Hear of a partition stopped at an unreadable record; others flow."""
        ...

    def on_passed_over(self, place: Place, beyond: int) -> None:
        """Hear that unreadable offsets were skipped by order, from a place up to `beyond`."""
        ...

    def on_trouble(self, message: str) -> None:
        """Hear of something that does not end the source (broker away, topic missing), in one line."""
        ...

    def on_failed(self, error: BaseException) -> None:
        """Hear that the source is dead (its thread ended); nothing more will come."""
        ...


class Watermarks(NamedTuple):
    """A partition's low and high watermark and last stable offset, as last heard.

    From `stable` on an open transaction holds records back.
    """

    low: int
    high: int
    stable: int


class Source(Protocol):
    """A member of a consumer group.

    It hands over no more records than were asked for, and no more of a partition than it was given room for.
    Events for other destinations are not handed over, and do not count.
    """

    async def start(self, listener: SourceListener) -> None:
        """Join the group; partitions and records reach the listener."""
        ...

    def ask(self, count: int) -> None:
        """Ask for `count` records, including those that were asked for before and have not come.

        They come in one batch or in several. A demand can't be taken back.
        """
        ...

    def allow(self, partition: Partition, count: int) -> None:
        """Give a partition room for `count` more records; a newly assigned one has none."""
        ...

    def pause(self, partition: Partition) -> None:
        """Hand over nothing of this partition until it is resumed; nothing is skipped."""
        ...

    def resume(self, partition: Partition) -> None:
        """Hand over records of this partition again."""
        ...

    def rewind(self, partition: Partition, offset: int) -> None:
        """Hand over a paused partition's records again, from an offset that was handed over before.

        Records that were on their way reach the listener before `on_rewound` does.
        """
        ...

    def commit(self, positions: Positions) -> Awaitable[Positions]:
        """Commit, one at a time; return what the broker took, raise CommitFailed if it refused anything.

        The positions are those of the assignments that stand at the moment of the call, not of the answer.
        SourceEnded if nothing can be committed any more.
        Positions that are not ours, or below what was committed already, are ignored and not returned.
        """
        ...

    def not_joined(self) -> Sequence[str]:
        """The groups that have not made an assignment yet, not even an empty one; does no I/O."""
        ...

    def not_begun(self) -> Mapping[Partition, str]:
        """Assigned partitions that are not read yet, with the reason; does no I/O."""
        ...

    def stops(self) -> Sequence[StoppedPartition]:
        """Our partitions that are stopped at an unreadable record; does no I/O."""
        ...

    def watermarks(self) -> Mapping[Partition, Watermarks]:
        """The watermarks of the assigned partitions, as last heard; does no I/O."""
        ...

    def last_poll(self) -> float:
        """When the source last polled, on the monotonic clock."""
        ...

    async def stop(self) -> None:
        """Leave the group (revocations still reach the listener) and end; idempotent, within bounds."""
        ...
