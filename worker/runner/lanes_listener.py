"""The listener of the lanes: takes records that they are done with, and hears what they meet.

The rule: calls come from the loop; none of them waits.
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

# An attempt, how many seconds it took, and the answer.
Tried = tuple[Attempt, float, Answer]


class LanesListener(Protocol):
    """Takes records that the lanes are done with."""

    fence: Fence
    """Whether a request may be started; whoever opens it pumps the lanes."""
    copies: Copies | None
    """Recognises copies; None if copies are sent."""

    def on_taken(self, pending: PendingRecord) -> None:
        """Hear that a record left the schedule."""
        ...

    def on_idle(self) -> None:
        """Hear that a request may start, but there is no record that may go."""
        ...

    def on_probe(self) -> None:
        """Hear that a probe is about to go; it tells more the further on its record is."""
        ...

    def on_ended(
        self, pending: PendingRecord, ending: Ended | Finished, now: float, tried: Tried | None
    ) -> None:
        """Take a record with its ending at `now`, and the attempt, if one was made."""
        ...

    def on_waits(self, pending: PendingRecord) -> None:
        """Keep a record until the record of its event that is under way has ended."""
        ...

    def on_given_back(self, pending: PendingRecord) -> None:
        """Take back an untried record."""
        ...

    def on_still(self, why: str) -> None:
        """Hear, before more is sent, that the process stood still, so its partitions may be another's."""
        ...

    def on_failed(self, error: BaseException) -> None:
        """Hear that a lane can't go on."""
        ...
