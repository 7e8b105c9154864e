"""A member of a consumer group, and who listens to it.

The rule: every call to a listener is made on the event loop, in the order of Kafka's events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from worker.core.assigned_partition import Position
from worker.core.binding import LogId
from worker.core.place import Place
from worker.core.record import Partition, Record
from worker.core.start_offset import How, Start
from worker.core.unreadable import Stopped


class Assigned(NamedTuple):
    """A partition that is ours from now on. `committed` is the group's offset, None where there is none.

    `log` says which log the partition is of, as far as the broker tells; `start` where reading begins, where
    that is not simply at the committed offset.
    """

    at: Partition
    committed: int | None
    metadata: str
    log: LogId = LogId()
    start: Start | None = None
    is_newer: bool = False
    """Whether somebody read on since it was ours, from a later leader: what we knew of it does not count."""

    @property
    def begins(self) -> int | None:
        """The first offset that is read; None for the start of a log of which nothing is known.

        Of a truncated log, what was committed below the place where it was cut is still the measure.
        """
        if self.start is None:
            return self.committed
        if self.start.how is How.TRUNCATED and self.committed is not None:
            return min(self.committed, self.start.offset)
        return self.start.offset


Positions = Mapping[Partition, Position]


class CommitFailed(Exception):
    """The commit did not count, but for what is in `committed`. A later one says the same or more."""

    def __init__(self, why: str, committed: Positions | None = None) -> None:
        super().__init__(why)
        self.committed: Positions = committed or {}


class SourceEnded(CommitFailed):
    """The source has ended: what did not count till now never will."""


class SourceFailed(Exception):
    """The source can't go on (fatal client error, fenced, refused): the process must end."""


class SourceListener(Protocol):
    """Who listens to the source; every call is made on the event loop, in the order of Kafka's events."""

    def on_assigned(self, assigned: Sequence[Assigned]) -> None:
        """These partitions are ours; records of them follow."""
        ...

    def on_made_anew(self, assigned: Sequence[Assigned]) -> None:
        """Their topic was deleted and made again: what is held of these partitions is of a log that is gone.

        They are ours still, as if just assigned; records from the start of the new log follow.
        """
        ...

    def on_expired(self, at: Partition, start: Start) -> None:
        """Hear that what was to be read next of this partition is gone: it goes on at `start`."""
        ...

    async def on_revoked(self, partitions: Sequence[Partition]) -> Positions:
        """Drain these partitions, within bounds, and say what to commit last; then they are gone."""
        ...

    def on_committed_last(self, committed: Positions) -> None:
        """Hear what was really committed of what `on_revoked` gave back; nothing where that failed."""
        ...

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """These partitions are gone already: discard, commit nothing."""
        ...

    def on_rewound(self, partition: Partition) -> None:
        """From now on records come from the offset on to which this partition was rewound."""
        ...

    def on_records(self, records: Sequence[Record]) -> None:
        """Take the records asked for, in offset order within each partition."""
        ...

    def on_passed(self, counts: Mapping[str, int]) -> None:
        """Hear how many records of each topic were read and are another destination's."""
        ...

    def on_gap(self, partition: Partition, behind: int, offset: int) -> None:
        """Hear that nothing for us lies from `behind` to before `offset`: markers, or another's records.

        All that was handed over lies below `behind`; who took less up is not meant.
        """
        ...

    def on_cut(self, partition: Partition, offset: int) -> None:
        """Hear that the log was cut and went on: from this offset on other records lie there than before.

        What was known to be finished of them, by a commit or since the partition was ours before, is not.
        """
        ...

    def on_stopped(self, stopped: Stopped) -> None:
        """Hear of a partition that stands, for a record that can't be read; others flow."""
        ...

    def on_passed_over(self, place: Place, beyond: int) -> None:
        """Hear that what can't be read was skipped, as was asked for: from a place to before `beyond`."""
        ...

    def on_trouble(self, message: str) -> None:
        """Hear of something that does not end the source (broker away, topic missing): one line."""
        ...

    def on_failed(self, error: BaseException) -> None:
        """Hear that the source is dead (its thread ended): nothing more will come."""
        ...


class Watermarks(NamedTuple):
    """The low and high watermark of a partition, as last heard from the broker, and where reading may get to.

    What lies from `stable` on is kept back by a transaction that is not ended yet (the last stable offset).
    """

    low: int
    high: int
    stable: int


class Source(Protocol):
    """A member of a consumer group.

    It hands over no more records than were asked for, and no more of a partition than it was given room for.
    What is another destination's is not handed over; for that it need not be asked.
    """

    async def start(self, listener: SourceListener) -> None:
        """Join the group; partitions and records reach the listener."""
        ...

    def ask(self, count: int) -> None:
        """Have so many records come, those that were asked for before and have not come among them.

        They come as they are there, in one batch or in several. What was asked for is not taken back.
        """
        ...

    def allow(self, partition: Partition, count: int) -> None:
        """Give a partition room for `count` more records; one that was just assigned has none."""
        ...

    def pause(self, partition: Partition) -> None:
        """Hand over nothing of this partition until it is released; nothing is skipped."""
        ...

    def resume(self, partition: Partition) -> None:
        """Let it flow again."""
        ...

    def rewind(self, partition: Partition, offset: int) -> None:
        """Hand over what follows of a paused partition from this offset on, which was handed over before.

        Records that were on their way reach the listener before `on_rewound` does.
        """
        ...

    async def commit(self, positions: Positions) -> Positions:
        """Commit, one at a time; return what the broker took, raise CommitFailed where it refused anything.

        SourceEnded where nothing can be committed any more.

        What is not ours (any more), or is below what was committed already, is passed over and not returned.
        """
        ...

    def not_joined(self) -> Sequence[str]:
        """The names of the groups that have not given partitions to us yet, not even none; does no I/O."""
        ...

    def not_begun(self) -> Mapping[Partition, str]:
        """Why partitions that were given to us are not read yet: where they begin is not known; no I/O."""
        ...

    def stops(self) -> Sequence[Stopped]:
        """The partitions of ours that stand at a record that can't be read; does no I/O."""
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
