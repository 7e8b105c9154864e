"""The protocols between the decisions and the world; each has a real adapter and a fake that pass one suite.

The rule: nothing here names a library. Adapters translate foreign exceptions into the ones below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from worker.core.admission.circuit import CircuitState
from worker.core.admission.outage import Outage
from worker.core.answer import Answer, Request
from worker.core.assigned_partition import Position
from worker.core.binding import LogId
from worker.core.endings import Dead, Delivered, Retry
from worker.core.record import Outgoing, Partition, Record
from worker.core.silence import Silence
from worker.core.start_offset import How, Start
from worker.core.unreadable import Place, Stopped


class Clock(Protocol):
    """Both kinds of time, in seconds."""

    def now(self) -> float:
        """Wall-clock time since the epoch: due times, windows, headers."""
        ...

    def monotonic(self) -> float:
        """Time that never steps: deadlines, pauses, rates."""
        ...


# --- sending -----------------------------------------------------------------------------------


class Attempter(Protocol):
    """Who has begun an attempt: it hears of its end once, on the loop, and never within `begin`.

    It may begin the lane's next attempt within the call, and raises nothing.
    """

    def on_answer(self, answer: Answer) -> None:
        """Take what the attempt came to; every ending is a value."""
        ...

    def on_broken(self, error: BaseException) -> None:
        """Hear that the lane broke, by a mistake of the program; what became of the request is not known."""
        ...


class Lane(Protocol):
    """One connection at a time and one request at a time; it owns what it sends on."""

    def begin(self, request: Request, attempter: Attempter) -> None:
        """Start exactly one attempt, bounded by the destination's timeout."""
        ...

    def abandon(self) -> None:
        """Give up the attempt that is under way, if one is: its asker hears nothing of it.

        The request may have been received. The lane can begin another one.
        """
        ...

    async def send(self, request: Request) -> Answer:
        """Make one attempt and wait for what it comes to.

        Only cancellation is raised, and then the request may have been received.
        """
        ...

    async def close(self) -> None:
        """Give up what is under way and close the connection, within bounds."""
        ...


class Sender(Protocol):
    """Makes lanes to the partner."""

    def lane(self) -> Lane:
        """Make a new lane; it connects when it first sends."""
        ...

    async def close(self) -> None:
        """Close what the lanes shared; idempotent, within bounds."""
        ...


# --- publishing --------------------------------------------------------------------------------


class PublishRefused(Exception):
    """The broker, or the client before it, did not take the record; it may be tried again."""


class Publisher(Protocol):
    """Publishes to the delay tiers and to the dead-letter topic."""

    async def publish(self, message: Outgoing) -> None:
        """Return when the broker has acknowledged it (`acks=all`); raise PublishRefused otherwise.

        A topic that does not exist is a refusal: it is never created by accident.
        """
        ...

    async def close(self) -> None:
        """Wait, within bounds, for what is under way; idempotent."""
        ...


# --- consuming ---------------------------------------------------------------------------------


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

    def on_gap(self, partition: Partition, behind: int, offset: int) -> None:
        """Hear that no record lies from `behind` to before `offset`, but markers, or what was aborted.

        All that was handed over lies below `behind`; who took less up is not meant.
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
    """

    async def start(self, listener: SourceListener) -> None:
        """Join the group; partitions and records reach the listener."""
        ...

    def ask(self, count: int) -> None:
        """Ask for `count` more records; they come as they are there, in one batch or in several."""
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


# --- observing ---------------------------------------------------------------------------------


class Observer:
    """Hears of everything that happens, on the loop; this one does nothing. Must be cheap and not raise."""

    def consumed(self, topic: str, count: int) -> None:
        """Hear of records that were taken up from a topic."""

    def requested(self, seconds: float) -> None:
        """Hear of a request that was sent, however it ended."""

    def attempted(self, outcome: str, status: str) -> None:
        """Hear of an attempt that counts: `delivered`, `retry` or `dead`, and the code or failure kind."""

    def delivered(self, ending: Delivered, now: float) -> None:
        """Hear of a delivery."""

    def retried(self, ending: Retry) -> None:
        """Hear of a retry whose publishing was acknowledged."""

    def dead(self, ending: Dead) -> None:
        """Hear of a dead letter whose publishing was acknowledged."""

    def skipped(self, record: Record) -> None:
        """Hear of a record that was delivered already, in an earlier assignment."""

    def started(self, at: Partition, start: Start) -> None:
        """Hear where reading begins or goes on, if not at the committed offset, and why."""

    def map_refused(self, partition: Partition, why: str) -> None:
        """Hear of commit metadata that is not believed: what is finished above it may be sent again."""

    def stopped(self, stopped: Stopped) -> None:
        """Hear of a partition that stands at a record that can't be read."""

    def passed_over(self, place: Place, beyond: int) -> None:
        """Hear of offsets that were skipped, as was asked for, because they can't be read."""

    def made_anew(self, topic: str, discarded: int, under_way: int) -> None:
        """Hear that a topic was deleted and made again, and how many of its records were held and begun."""

    def committed(self, error: str | None) -> None:
        """Hear of a commit, and why it failed where it did."""

    def rebalanced(self, kind: str, partitions: Sequence[Partition]) -> None:
        """Hear of an `assign`, a `revoke` or a `lost`."""

    def refused(self, topic: str, error: str) -> None:
        """Hear of a publish that was refused and will be tried again."""

    def circuit_opened(self, outage: Outage) -> None:
        """Hear that the partner counts as down from now on, and for which cause."""

    def probed(self, *, answered: bool) -> None:
        """Hear of a probe, and whether the partner answered it."""

    def circuit_closed(self, outage: Outage, now: float) -> None:
        """Hear that the partner is back."""

    def trouble(self, message: str) -> None:
        """Hear of something that an operator should know: one line."""


# --- being looked at --------------------------------------------------------------------------


class PartitionState(NamedTuple):
    """One paused partition. `lag` counts from the committed offset; None where the broker has not said."""

    at: Partition
    outstanding: int
    oldest_seconds: float
    lag: int | None


class Snapshot(NamedTuple):
    """A worker at one moment."""

    in_flight: int
    limit: int
    circuit: CircuitState
    paused: int
    partitions: tuple[PartitionState, ...]
    overdue: Mapping[str, float]
    """Seconds by which the head of each tier is late, by its label."""
    stopped: int = 0
    """Partitions that stand at a record that can't be read."""
    barred: int = 0
    """Partitions that rest because they are another deployment's."""
    outage: Outage | None = None
    """What is known of the open circuit; None while it is closed."""
    silent: Sequence[Silence] = ()
    """Partitions that have records and give none."""
