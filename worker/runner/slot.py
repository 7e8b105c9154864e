"""A slot: one lane to the partner, and the record that is in flight on it.

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
"""A record, its attempt, and when that began on the wall clock and on the monotonic clock."""


class SlotListener(Protocol):
    """Judges the outcomes of jobs."""

    def on_answer(self, slot: Slot, answer: Answer) -> None:
        """Hear an attempt's answer; the slot keeps its job until that is judged."""
        ...

    def on_given_up(self, job: Job) -> None:
        """Hear of a request whose outcome will stay unknown."""
        ...

    def on_failed(self, error: BaseException) -> None:
        """Hear that the lane broke."""
        ...


class Slot:
    """One lane and its job; the attempter of its requests."""

    __slots__ = ("_listener", "job", "lane")

    def __init__(self, listener: SlotListener, lane: Lane) -> None:
        self._listener = listener
        self.lane = lane
        self.job: Job | None = None

    def renew(self, lane: Lane) -> FormerLane:
        """Use another lane from the next request on; return the former one."""
        job, former = self.job, self.lane
        self.lane = lane
        return FormerLane(former, lambda: job is not None and self.job is job)

    def on_answer(self, answer: Answer) -> None:
        """Have the answer judged."""
        self._listener.on_answer(self, answer)

    def on_broken(self, error: BaseException) -> None:
        """End the run, because nobody knows what became of the record."""
        self.give_up()
        self._listener.on_failed(error)

    def give_up(self) -> None:
        """Give up the request in flight, which may have been received."""
        job, self.job = self.job, None
        if job is not None:
            self.lane.abandon()
            self._listener.on_given_up(job)
