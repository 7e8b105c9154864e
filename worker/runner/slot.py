"""One lane to the partner, and the record that is under way on it.

The rule: a slot has a job from the request's start until its answer is judged, or it is given up.
"""

from __future__ import annotations

from typing import Protocol

from worker.core.answer import Answer
from worker.core.assigned_partition import PendingRecord
from worker.pipeline import Attempt
from worker.ports import Lane
from worker.runner.former_senders import FormerLane

Job = tuple[PendingRecord, Attempt, float, float]
"""A record that is ours, its attempt, and when that began on the wall clock and on the monotonic one."""


class SlotListener(Protocol):
    """Who judges what jobs come to."""

    def on_answer(self, slot: Slot, answer: Answer) -> None:
        """Hear what an attempt came to; its job stands until that is judged."""
        ...

    def on_given_up(self, job: Job) -> None:
        """Hear of a request of which nothing will be known."""
        ...

    def on_failed(self, error: BaseException) -> None:
        """Hear that the lane broke."""
        ...


class Slot:
    """One lane, and what it is sending; it hears what its attempt came to."""

    __slots__ = ("_listener", "job", "lane")

    def __init__(self, listener: SlotListener, lane: Lane) -> None:
        self._listener = listener
        self.lane = lane
        self.job: Job | None = None

    def renew(self, lane: Lane) -> FormerLane:
        """Send through this lane from the next request on; return the one that it takes the place of."""
        job, former = self.job, self.lane
        self.lane = lane
        return FormerLane(former, lambda: job is not None and self.job is job)

    def on_answer(self, answer: Answer) -> None:
        """Have the answer judged, and the next record sent."""
        self._listener.on_answer(self, answer)

    def on_broken(self, error: BaseException) -> None:
        """End the run: nobody knows what became of the record."""
        self.give_up()
        self._listener.on_failed(error)

    def give_up(self) -> None:
        """Forget what is being sent, which may have been received."""
        job, self.job = self.job, None
        if job is not None:
            self.lane.abandon()
            self._listener.on_given_up(job)
