"""All that the worker holds of one partition during one assignment.

The rule: it ends with its assignment. Once it has left, what comes back for it changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum
from itertools import islice
from typing import NamedTuple

from worker.core import offset_map
from worker.core.binding import Binding
from worker.core.fence import Tenure
from worker.core.offsets import MAX_SPAN_OFFSETS, Offsets
from worker.core.record import Partition, Record
from worker.core.retry import Tier

# A full partition is taken up again when this share of its room is free, and this much where probes are to
# reach beyond what is held.
_REFILL_SHARE, _REFILL_FOR_PROBES_SHARE = 0.25, 0.05
# A delivery makes up for so many failures: where more than four in five fail, they get to any number.
_FAILURES_MADE_UP_FOR = 4
# A head that is due sooner than this is waited for without pausing the partition.
SOON_SECONDS = 0.2
_NEVER = -1  # the revision of offsets of which nothing is committed


class Standing(Enum):
    """Where a partition stands in the schedule."""

    NOWHERE = 0
    IN_TURN = 1
    LATER = 2
    OVER = 3
    """It has something due, and its share of the lanes already, or failing ones have theirs."""


# Until Python 3.12 a member costs ten times as much to look up by its class.
NOWHERE, IN_TURN, LATER, OVER = Standing


class PendingRecord(NamedTuple):
    """A record that is ours to end, and when it is due (epoch seconds; 0.0 on the source).

    `at_once` tells whether it was due when it came, so that it only waits for its turn.
    """

    record: Record
    partition: AssignedPartition
    due: float = 0.0
    at_once: bool = True


class AssignedPartition:
    """One partition's offsets and its records that are not yet sent."""

    __slots__ = {
        "asleep_until": "When what was given back to Kafka is due, and so read again; 0.0 where nothing was.",
        "at": "Its topic and number.",
        "barred": "Why nothing of it is sent: it is another deployment's; None where it is ours.",
        "binding": "What the offsets belong to.",
        "busy": "The records that are being sent or published, by offset.",
        "committed": "The committed offset, as the last commit that counted read it.",
        "digests": "What those of `busy` are remembered by that are being sent, by offset.",
        "failing": "Whether nearly all of its records fail.",
        "failures": "Failures that no delivery has made up for; of a partition that is well it is 0.",
        "foreign": "Whether what is committed of it is another deployment's, and so never ours to overwrite.",
        "granted": "How many records more the source may hand over of it.",
        "heavy": "Whether records so large that they take up the room of several may be unfinished.",
        "offsets": "What of it is finished, and what is not.",
        "pace": "How many records ended between its last two looks.",
        "paused": "Whether the source was asked to hand over nothing more of this partition.",
        "ready": "How many of `waiting` were due when they came.",
        "resting": "Whether it is paused or full, so that what ends of it may let it flow again.",
        "revision": "The revision of `offsets` as the last commit that counted read it.",
        "rewinding": "Whether records may still come that were read before what was given back.",
        "seen": "The revision of `offsets` at the last look.",
        "slow": "Whether more waits than goes within a look of the schedule.",
        "standing": "Where it stands in the schedule.",
        "tenure": "Whether it is ours, and what may be done with it.",
        "tier": "The delay tier that it is of; None on the source.",
        "unjournaled": "The records that have ended, by offset, and whose steps are on their way.",
        "unsure": "Whether it may be another's by now, so that what ends of it may end there, too.",
        "waiting": "Its records that are not yet sent, in their order.",
        "warming": "Why nothing of it is sent yet: it is not known what was; None where it is.",
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
        self.warming: str | None = None
        self.digests: dict[int, bytes] = {}
        self.foreign = False
        self.tenure = Tenure.OURS
        self.standing = Standing.NOWHERE
        self.ready = 0
        self.slow = False
        self.pace = 0
        self.seen = offsets.revision
        self.paused = False
        self.granted = 0
        self.asleep_until = 0.0
        self.rewinding = False
        self.heavy = False
        self.resting = False
        self.unjournaled: dict[int, Record] = {}
        self.unsure = False
        self.committed = offsets.position
        self.revision = offsets.revision

    def note(self, *, failed: bool, many: int) -> bool:
        """Count a record that failed or was delivered; tell whether that changes what `failing` says.

        It fails from `many` failures on, and more are not counted, until deliveries have made up for all.
        """
        self.failures = (
            min(self.failures + 1, many) if failed else max(0, self.failures - _FAILURES_MADE_UP_FOR)
        )
        was = self.failing
        self.failing = self.failures >= many or (was and self.failures > 0)
        return self.failing is not was

    @property
    def under_way(self) -> int:
        """How many of its records are taken and not finished: sent, published, or their steps written."""
        return len(self.busy) + len(self.unjournaled)

    def bar(self, why: str | None) -> None:
        """Have nothing sent of it, and say why; None where that is over."""
        self.barred = why

    def warm(self, why: str | None) -> None:
        """Have nothing sent of it before what is known of its conversions is read; None once it is."""
        self.warming = why

    def drain(self) -> None:
        """It is to be given away."""
        self.tenure = self.tenure.drained()

    def delete(self) -> None:
        """Its log is no more."""
        self.tenure = self.tenure.deleted()

    def leave(self) -> None:
        """It was given away, or lost."""
        self.tenure = self.tenure.left()
        self.unsure = self.unsure or self.tenure is Tenure.LEFT

    def spend(self, room: int) -> None:
        """Count what came of what was granted."""
        self.granted -= room

    def claim(self) -> None:
        """Have the position committed though nothing is finished: the group has none, or another."""
        self.committed, self.revision = None, _NEVER

    def start_anew(self, offset: int) -> None:
        """Forget what is known of the log: it is another one, which begins at `offset`."""
        self.offsets = Offsets(offset)
        self.committed, self.revision = offset, self.offsets.revision
        self.seen = self.offsets.revision

    def is_slow(self) -> bool:
        """Tell whether more waits than has ended since this was last asked."""
        self.pace, self.seen = self.offsets.revision - self.seen, self.offsets.revision
        return self.ready > self.pace

    @property
    def dirty(self) -> bool:
        """Whether there is something new to commit."""
        return self.offsets.revision != self.revision and self.offsets.position is not None

    def oldest(self) -> Record | None:
        """The oldest record that is not finished."""
        offset = self.offsets.oldest
        if offset is None:
            return None
        for taken in (self.busy, self.unjournaled):
            if offset in taken:
                return taken[offset]
        return next((pending.record for pending in self.waiting if pending.record.offset == offset), None)

    def position(self) -> Position | None:
        """What to commit now; None while nothing is known of this partition."""
        offset = self.offsets.position
        if offset is None or self.foreign:
            return None
        return Position(offset, offset_map.encode(offset, self.offsets.finished(), self.binding))

    def has_room(self, most: int, *, probing: bool = False) -> bool:
        """Tell whether so much room is free that more would be granted, were all of its records small."""
        return most - self.offsets.unfinished - self.granted >= _least(most, probing=probing)

    def is_short(self, most: int) -> bool:
        """Tell whether more would be granted, were all of its records at an end."""
        return self.tenure.is_ours and most - self.granted >= _least(most, probing=False)

    def grant(self, most: int, beyond: int = 0, *, probing: bool = False) -> int:
        """Say how many records more the source may be allowed, so that never more than `most` are unfinished.

        None before a part of the room is free: an order for each would be dear. `beyond` is the room that
        large records take up beyond their number.
        """
        free = 0 if self.barred or self.warming else most - self.offsets.unfinished - beyond - self.granted
        if free < _least(most, probing=probing):
            free = 0
        self.granted += free
        return free

    def not_due(self, by: float) -> list[PendingRecord]:
        """What waits of it from the first record on that is not due by then."""
        first = next((index for index, pending in enumerate(self.waiting) if pending.due > by), None)
        return [] if first is None else list(islice(self.waiting, first, None))

    def wait_no_longer(self, now: float) -> None:
        """Have nothing wait longer than its tier's delay from now."""
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
        """Tell whether the source should hand over nothing more of this partition for now.

        Its map spans too much, its last record waits for its due time, in memory or not, or it is slow: while
        `probing` that is read on, for the further on a probe's record is, the more it tells. While `seeking`
        what is not due is read on, up to the room that there is: an order may mean what lies behind it.
        """
        if self.asleep_until:
            return True
        if self.waiting and self.slow and not probing:
            return True
        if self.waiting and not seeking and self.waiting[-1].due > now + SOON_SECONDS:
            return True
        return self.offsets.span >= (MAX_SPAN_OFFSETS // 2 if self.paused else MAX_SPAN_OFFSETS)


class Position(NamedTuple):
    """What to commit for a partition: the next offset to read, and the map of what is finished above it."""

    offset: int
    metadata: str


def _least(most: int, *, probing: bool) -> float:
    """How much of a room must be free before it is granted."""
    return max(1.0, most * (_REFILL_FOR_PROBES_SHARE if probing else _REFILL_SHARE))
