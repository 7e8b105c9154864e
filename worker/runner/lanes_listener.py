"""Who takes the records that the lanes are done with, and hears of what they meet.

The rule: calls from the loop; none of them waits.
"""

from __future__ import annotations

from typing import Protocol

from worker.core.answer import Answer
from worker.core.assigned_partition import PendingRecord
from worker.core.endings import Finished
from worker.core.fence import Fence
from worker.core.journal import Ended
from worker.pipeline import Attempt
from worker.runner.copies import Copies

# An attempt, how long it took in seconds, and what came of it.
Tried = tuple[Attempt, float, Answer]


class LanesListener(Protocol):
    """Who takes the records that the lanes are done with."""

    fence: Fence
    """Whether a request may be started; whoever opens it pumps the lanes."""
    copies: Copies | None
    """What a record is judged by beside its own event; None where copies are sent."""

    def on_taken(self, pending: PendingRecord) -> None:
        """Hear that a record left the schedule."""
        ...

    def on_idle(self) -> None:
        """Hear that a request may start, but no record may go now."""
        ...

    def on_probe(self) -> None:
        """Hear that a probe is to go: the further on its record may be found, the more it tells."""
        ...

    def on_ended(
        self, pending: PendingRecord, ending: Ended | Finished, now: float, tried: Tried | None
    ) -> None:
        """Take a record with its ending, which came at `now`, of an attempt where one was made."""
        ...

    def on_waits(self, pending: PendingRecord) -> None:
        """Keep a record, until what is under way of its event has ended."""
        ...

    def on_given_back(self, pending: PendingRecord) -> None:
        """Take a record back that was not tried."""
        ...

    def on_still(self, seconds: float) -> None:
        """Hear, before any more is sent, that the process stood still: what it holds may be another's."""
        ...

    def on_failed(self, error: BaseException) -> None:
        """Hear that a lane can't go on."""
        ...
