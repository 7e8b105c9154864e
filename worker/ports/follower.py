"""Following a destination's journal live.

The rule: every call to the listener is made on the event loop; the steps of a partition come in order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from worker.core.ids_cache import JournalPositions
from worker.core.remembered_ids import PackedIds, StepMark


class FollowerListener(Protocol):
    """Listens to the journal. Partitions are named by their numbers in the source."""

    def on_marks(self, marks: Sequence[StepMark]) -> None:
        """Take marks of steps that others have written, or this worker before its last start."""
        ...

    def on_cached(self, kept: PackedIds) -> None:
        """Take the memory of this worker's last run; this comes before everything else."""
        ...

    def on_not_cached(self, why: str) -> None:
        """Hear that the cache is not believed, so that everything is read anew."""
        ...

    def on_read(self, number: int, turn: int) -> None:
        """Hear that a partition is read up to its end at the time of that turn of `follow`."""
        ...

    def on_unread(self, numbers: Collection[int], why: str) -> None:
        """Hear that these can't be read now; `on_read` follows once they can."""
        ...

    def on_skipped(self, count: int) -> None:
        """Hear that `count` steps within the window are skipped: there are more than are remembered."""
        ...

    def on_failed(self, error: BaseException) -> None:
        """Hear that the follower is dead (its thread ended); nothing more will come."""
        ...


class Follower(Protocol):
    """Reads partitions of the journal, from as far back as ids are remembered, and follows them live."""

    def start(self, listener: FollowerListener) -> None:
        """Start; nothing is read before `follow`."""
        ...

    def follow(self, numbers: Collection[int], new: Collection[int], turn: int) -> None:
        """Read these from now on, and no others; tell when the `new` ones are read to their ends.

        The ends are those at this moment, even if a partition was read before; `turn` grows with each call.
        """
        ...

    @property
    def steps_read(self) -> int:
        """How many journal records have come so far."""
        ...

    async def positions(self) -> JournalPositions:
        """Read up to the journal's present end, and return up to where it is read then.

        The listener has heard everything before these positions.
        """
        ...

    async def stop(self) -> None:
        """Read no more; idempotent, within bounds."""
        ...
