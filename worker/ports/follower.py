"""Who reads the journal of a destination live, and who listens to it.

The rule: every call to a listener is made on the event loop; the steps of a partition come in their order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from worker.core.ids_cache import JournalPositions
from worker.core.remembered_ids import Kept, Mark


class FollowerListener(Protocol):
    """Who listens to the journal. Partitions are named by the number that they have in the source."""

    def on_marks(self, marks: Sequence[Mark]) -> None:
        """Hear what steps say that others have written, or this worker before it was started anew."""
        ...

    def on_cached(self, kept: Kept) -> None:
        """Hear what was remembered when this worker last ran; nothing was heard before, and more follows."""
        ...

    def on_not_cached(self, why: str) -> None:
        """Hear that what is cached is not believed: it is read anew."""
        ...

    def on_read(self, number: int, turn: int) -> None:
        """Hear that a partition is read up to where it ended in this turn of asking, and is read on."""
        ...

    def on_unread(self, numbers: Collection[int], why: str) -> None:
        """Hear that these can't be read for now; `on_read` follows once they can."""
        ...

    def on_skipped(self, count: int) -> None:
        """Hear that so many steps within the window are not read: more are there than are remembered."""
        ...

    def on_failed(self, error: BaseException) -> None:
        """Hear that the follower is dead (its thread ended): nothing more will come."""
        ...


class Follower(Protocol):
    """Reads partitions of the journal from as far back as is remembered, and goes on."""

    def start(self, listener: FollowerListener) -> None:
        """Begin; nothing is read before it is asked for."""
        ...

    def follow(self, numbers: Collection[int], new: Collection[int], turn: int) -> None:
        """Read all of these from now on, and no others; tell of the `new` once they are read to their ends.

        Their ends are those of this moment, also of one that was read before; `turn` grows with each call.
        """
        ...

    @property
    def steps_read(self) -> int:
        """How many records of the journal have come so far."""
        ...

    async def positions(self) -> JournalPositions:
        """Read up to where the journal ends at this moment, and say up to where it is read by then.

        The listener has heard all that lies before these positions.
        """
        ...

    async def stop(self) -> None:
        """Read no more; idempotent, within bounds."""
        ...
