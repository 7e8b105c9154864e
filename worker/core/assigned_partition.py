"""Everything the worker holds of one partition during one assignment.

The rule: it ends with its assignment. After that, outcomes that still arrive change nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import islice
from typing import NamedTuple

from worker.core import offset_map
from worker.core.binding import Binding
from worker.core.fence import Tenure
from worker.core.journal_rest import JournalRest
from worker.core.offsets import MAX_SPAN_OFFSETS, Offsets
from worker.core.record import Partition, Record
from worker.core.retry import Tier, due_at
from worker.core.turnover import Turnover

# A full partition is granted more when this share of its room is free; the smaller one counts while probing,
# so that probes reach beyond what is held.
_REFILL_SHARE, _REFILL_FOR_PROBES_SHARE = 0.25, 0.05
# A delivery offsets so many failures: so failures add up only if more than four in five records fail.
_FAILURES_MADE_UP_FOR = 4
# For a head that is due sooner than this the partition is not paused. It covers what a resume may take: an
# idle poll thread hears of it within 0.4 s, and a fetch under way may last half a second.
SOON_SECONDS = 1.0
_NEVER = -1  # the revision of offsets before any commit


class ScheduleState(Enum):
    """Where a partition stands in the schedule."""

    NOWHERE = 0
    IN_TURN = 1
    LATER = 2
    OVER = 3
    """It has something due, but its share of the lanes is used up, or that of failing partitions is."""


# Until Python 3.12, looking up a member by its class costs ten times as much.
NOWHERE, IN_TURN, LATER, OVER = ScheduleState


class PendingRecord(NamedTuple):
    """A record that we must bring to its ending, and when it is due (epoch seconds; 0.0 on the source).

    `at_once` says that it was due when it came, so it only waits for its turn.
    """

    record: Record
    partition: AssignedPartition
    due: float = 0.0
    at_once: bool = True


class AssignedPartition:
    """One partition's offsets and its records that are not yet sent."""

    __slots__ = {
        "asleep_until": "When records given back to Kafka are due, and so read again; 0.0 without any.",
        "at": "Its topic and number.",
        "barred": "Why nothing of it is sent: it belongs to another deployment; None if it is ours.",
        "binding": "The log and the deployment that the offsets belong to.",
        "busy": "The records that are being sent or published, by offset.",
        "committed": "The committed offset, as of the last commit that counted.",
        "digests": "The digests of those of `busy` that are being sent, by offset.",
        "failing": "Whether nearly all of its records fail.",
        "failures": "Failures that no delivery has offset yet; 0 for a healthy partition.",
        "foreign": "Whether its committed offset is another deployment's, and so never ours to overwrite.",
        "granted": "How many more of its records the source may hand over.",
        "heavy": "Whether it may have unfinished records so large that they count as several.",
        "last_revision": "The revision of `offsets` at the last look.",
        "offsets": "Which offsets are finished, and which are not.",
        "origins": "The source partitions that its records come from: its own number, and those of strays.",
        "pace": "How many records ended between its last two looks.",
        "paused": "Whether the source was asked to hand over nothing more of this partition.",
        "ready": "How many of `waiting` were due when they came.",
        "reread": "Up to which offset records were given back to Kafka, and when the last of them was due.",
        "resting": "Whether it is paused or full, so that the next ending may let it flow again.",
        "revision": "The revision of `offsets` as of the last commit that counted.",
        "rewinding": "Whether records may still come that were read before the rewind.",
        "slow": "Whether more of its records wait than ended between two looks of the schedule.",
        "standing": "Where it stands in the schedule.",
        "tenure": "Whether it is ours, and what may be done with it.",
        "tier": "Its delay tier; None on the source.",
        "turnover": "Whether its lanes come free again at once.",
        "unjournaled": "The records that have ended and whose steps are being written, by offset.",
        "unsure": "Whether another worker may have it by now, so that its records may end there, too.",
        "waiting": "Its records that are not sent yet, in order.",
        "warming": "Why nothing of it is sent yet: its journal is not read; None once it is.",
    }

    def __init__(self, at: Partition, tier: Tier | None, offsets: Offsets, binding: Binding) -> None:
        self.at = at
        self.binding = binding
        self.tier = tier
        self.offsets = offsets
        self.waiting: deque[PendingRecord] = deque()
        self.busy: dict[int, Record] = {}
        self.failures = 0
        self.failing = False
        self.barred: str | None = None
        self.warming: JournalRest | None = None
        self.digests: dict[int, bytes] = {}
        self.origins = {at.number}
        self.foreign = False
        self.tenure = Tenure.OURS
        self.standing = ScheduleState.NOWHERE
        self.ready = 0
        self.slow = False
        self.turnover = Turnover()
        self.pace = 0
        self.last_revision = offsets.revision
        self.paused = False
        self.granted = 0
        self.asleep_until = 0.0
        self.rewinding = False
        self.reread = (0, 0.0)
        self.heavy = False
        self.resting = False
        self.unjournaled: dict[int, Record] = {}
        self.unsure = False
        self.committed = offsets.position
        self.revision = offsets.revision

    def note(self, *, failed: bool, many: int) -> bool:
        """Count a record that failed or was delivered; return whether that changes `failing`.

        It is failing from `many` failures on (more are not counted) until deliveries have offset all of them.
        """
        self.failures = (
            min(self.failures + 1, many) if failed else max(0, self.failures - _FAILURES_MADE_UP_FOR)
        )
        was = self.failing
        self.failing = self.failures >= many or (was and self.failures > 0)
        return self.failing is not was

    @property
    def under_way(self) -> int:
        """How many of its records are taken and not finished: being sent, published or journaled."""
        return len(self.busy) + len(self.unjournaled)

    def bar(self, why: str | None) -> None:
        """Set why nothing of it is sent; None to lift that."""
        self.barred = why

    def warm(self, why: JournalRest | None) -> None:
        """Set why its journal is not read yet, so that nothing of it is sent; None once it is."""
        self.warming = why

    def drain(self) -> None:
        """Note that it is being revoked."""
        self.tenure = self.tenure.drained()

    def delete(self) -> None:
        """Note that its log was deleted, so that nobody else has its records."""
        self.tenure = self.tenure.deleted()
        self.unsure = self.unsure and self.tenure is Tenure.LEFT

    def leave(self) -> None:
        """Note that it was given up or lost."""
        self.tenure = self.tenure.left()
        self.unsure = self.unsure or self.tenure is Tenure.LEFT

    def spend(self, room: int) -> None:
        """Count what came of the grant."""
        self.granted -= room

    def claim(self) -> None:
        """Have the position committed though nothing is finished, because the group has none, or another."""
        self.committed, self.revision = None, _NEVER

    def start_anew(self, offset: int) -> None:
        """Forget what is known of the log, because it is another one, which begins at `offset`."""
        self.offsets, self.reread = Offsets(offset), (0, 0.0)
        self.committed, self.revision = offset, self.offsets.revision
        self.last_revision = self.offsets.revision

    def may_have_more(self, now: float, occupied: int, usable: tuple[int, int]) -> bool:
        """Return whether it may have a lane beyond its share; `usable` is for any, and for a quick one."""
        of_any, of_quick = usable
        return occupied < of_any or (occupied < of_quick and self.turnover.is_quick(self.busy, now))

    def look(self) -> bool:
        """Judge its pace since the last look; return whether more records wait than have ended."""
        self.pace, self.last_revision = self.offsets.revision - self.last_revision, self.offsets.revision
        return self.ready > self.pace

    @property
    def dirty(self) -> bool:
        """Whether there is something new to commit."""
        return self.offsets.revision != self.revision and self.offsets.position is not None

    def oldest(self) -> Record | None:
        """The oldest unfinished record."""
        offset = self.offsets.oldest
        if offset is None:
            return None
        for taken in (self.busy, self.unjournaled):
            if offset in taken:
                return taken[offset]
        return next((pending.record for pending in self.waiting if pending.record.offset == offset), None)

    def position(self) -> Position | None:
        """What to commit now; None while nothing is known."""
        offset = self.offsets.position
        if offset is None or self.foreign:
            return None
        return Position(offset, offset_map.encode(offset, self.offsets.finished(), self.binding))

    def has_room(self, most: int, *, probing: bool = False) -> bool:
        """Return whether enough room is free to grant more, if all of its records were small."""
        return most - self.offsets.unfinished - self.granted >= _least(most, probing=probing)

    def is_short(self, most: int) -> bool:
        """Return whether more would be granted if all of its records had ended."""
        return self.tenure.is_ours and most - self.granted >= _least(most, probing=False)

    def grant(self, most: int, beyond: int = 0, *, probing: bool = False) -> int:
        """Grant the source more records, so that never more than `most` are unfinished; return how many.

        0 until a share of the room is free, because an order for each record would cost too much. `beyond` is
        the room that large records use beyond their number.
        """
        free = 0 if self.barred or self.warming else most - self.offsets.unfinished - beyond - self.granted
        if free < _least(most, probing=probing):
            free = 0
        self.granted += free
        return free

    def not_due(self, by: float) -> list[PendingRecord]:
        """Its waiting records, from the first one on that is not due at the time `by`."""
        first = next((index for index, pending in enumerate(self.waiting) if pending.due > by), None)
        return [] if first is None else list(islice(self.waiting, first, None))

    def due_of(self, offset: int, stated: float | None, now: float) -> float:
        """When a record of its tier is due; to be given back and read again puts that off for none."""
        due = due_at(stated, 0.0 if self.tier is None else self.tier.seconds, now)
        upto, latest = self.reread
        return min(due, latest) if offset < upto else due

    def give_back(self, waiting: Sequence[PendingRecord]) -> None:
        """Note that its last records, which wait, are read again when the first of them is due."""
        self.asleep_until, self.rewinding = waiting[0].due, True
        if waiting[0].record.offset >= self.reread[0]:
            upto = 1 + max(pending.record.offset for pending in waiting)
            self.reread = upto, max(pending.due for pending in waiting)

    def sleep_no_longer(self, now: float) -> None:
        """Let nothing that was given back wait longer than its tier's delay from now."""
        if self.tier is not None:
            longest = now + self.tier.seconds
            self.asleep_until = min(self.asleep_until, longest)
            self.reread = self.reread[0], min(self.reread[1], longest)

    def wait_no_longer(self, now: float) -> None:
        """Let nothing wait longer than its tier's delay from now."""
        if self.tier is not None:
            longest = now + self.tier.seconds
            self.waiting = deque(pending._replace(due=min(pending.due, longest)) for pending in self.waiting)

    def in_memory(self) -> Iterator[Record]:
        """Its records that wait or are under way."""
        yield from self.busy.values()
        yield from self.unjournaled.values()
        for pending in self.waiting:
            yield pending.record

    def wants_rest(self, now: float, *, probing: bool = False, seeking: bool = False) -> bool:
        """Return whether the source should hand over nothing more of this partition for now.

        That is if its map spans too much, if its last record is not due yet (in memory or not), or if it is
        slow. While `probing`, a slow one is read on, because a probe tells more the further on its record is.
        While `seeking`, records that are not due are read on as far as there is room, because an order may
        mean records after them.
        """
        if self.asleep_until:
            return True
        if self.waiting and self.slow and not probing:
            return True
        if self.waiting and not seeking and self.waiting[-1].due > now + SOON_SECONDS:
            return True
        return self.offsets.span >= (MAX_SPAN_OFFSETS // 2 if self.paused else MAX_SPAN_OFFSETS)


class Position(NamedTuple):
    """What to commit for a partition: the next offset to read, and the map of finished ones above it."""

    offset: int
    metadata: str


def _least(most: int, *, probing: bool) -> float:
    """How much room must be free before more is granted."""
    return max(1.0, most * (_REFILL_FOR_PROBES_SHARE if probing else _REFILL_SHARE))
