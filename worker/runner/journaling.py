"""Writes each record's step to the journal before its offset counts as finished.

The rules: steps are made and written in batches, and a batch is awaited as a whole. A refused batch is
reported and tried again with backoff as long as it takes. Meanwhile the worker is not ready and starts no
request, because its outcome could not be committed. But where a partition whose journal can't be read
explains it, that one alone rests. What is not acknowledged at the end stays uncommitted. A noted step is not
yet text: making the texts of a batch together costs less than making each between two answers, when the
processor's caches hold other code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from worker.core.assigned_partition import PendingRecord
from worker.core.backoff import Backoff
from worker.core.journal import DestinationJournal, Ended, step_of
from worker.core.record import Outgoing, make
from worker.core.trial import Trial
from worker.ports import BatchRefused, Observer, Publisher
from worker.runner.parts import DestinationParts, Surroundings

BATCH_STEPS = 256
"""Steps of a full batch, which is written at once."""

LINGER_SECONDS = 0.02
"""Seconds that the first step of a batch waits for others."""

LATE_SECONDS = 2.0
"""Seconds without an acknowledgement after which steps are late and nothing more is sent."""

_LAST_SECONDS = LATE_SECONDS / 8
"""The last of them begin when most have passed: what came while the process stood still is heard first."""

LOOK_SECONDS = 1.0
"""How often it is looked, while steps can't be written, whether a partition that rests explains that."""


class JournalListener(Protocol):
    """Hears what becomes of the steps."""

    def on_written(self, ended: Sequence[PendingRecord]) -> None:
        """Hear that the steps of these records are journaled."""
        ...

    def on_flush(self) -> None:
        """Hear that steps are about to be handed to the client; all of them can still be taken back."""
        ...

    def on_stuck(self, stuck: bool) -> None:
        """Hear that steps can't be written, or that they can again."""
        ...

    def on_failed(self, error: BaseException) -> None:
        """Hear that writing broke."""
        ...


class PendingStep(NamedTuple):
    """A record that has ended, with everything for its step, including the secrets to mask then."""

    pending: PendingRecord
    ending: Ended
    trial: Trial | None
    now: float
    journal: DestinationJournal


class _StuckSteps(NamedTuple):
    """Steps that can't be written, and why, if the journal has refused them."""

    why: str | None
    noted: Sequence[PendingStep]

    @property
    def is_explained(self) -> bool:
        """Whether some are of a partition that rests already, because its journal can't be read either."""
        rests = (one.pending.partition.warming for one in self.noted)
        return any(rest is not None and rest.is_unreadable for rest in rests)


class Journaling:
    """The steps of one destination."""

    def __init__(
        self,
        journal: DestinationJournal,
        publisher: Publisher,
        observer: Observer,
        jitter: Callable[[], float],
        listener: JournalListener,
    ) -> None:
        self._journal = journal
        self._publisher = publisher
        self._observer = observer
        self._jitter = jitter
        self._listener = listener
        self._noted: list[PendingStep] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing: set[asyncio.Task[None]] = set()
        self._recalls = 0
        self.on_taken_back: Callable[[Sequence[PendingStep]], None] = self.put_back
        """Hears of steps that the client gave back after `recall`, and of refused ones that are late."""
        self.is_late: Callable[[Sequence[PendingStep]], bool] = lambda _steps: False
        """Whether some of these refused steps may be another worker's to write by now."""
        self._is_cut = False  # whether writing ended before an acknowledgement
        self._stuck: dict[asyncio.Task[None] | None, _StuckSteps] = {}
        self._is_stuck = False
        self._next_look: asyncio.TimerHandle | None = None

    def mask(self, secrets: Iterable[str]) -> None:
        """Mask these in every step from now on."""
        longest_first = tuple(sorted(set(secrets), key=len, reverse=True))
        self._journal = self._journal._replace(secrets=longest_first)

    @property
    def refused(self) -> dict[str, str]:
        """The journal's topic and why it refuses pending steps; empty while it takes them."""
        why = next((why for why, _ in self._stuck.values() if why is not None), None)
        return {} if why is None else {self._journal.topic: why}

    def note(self, pending: PendingRecord, ending: Ended, trial: Trial | None, now: float) -> None:
        """Write the step of a record that has ended; once acknowledged, the record is finished."""
        self._noted.append(make(PendingStep, (pending, ending, trial, now, self._journal)))
        if len(self._noted) >= BATCH_STEPS:
            self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._flush)

    def take_back(self) -> list[PendingStep]:
        """Take back steps that the client does not have yet: they are not written unless `put_back`."""
        taken, self._noted = self._noted, []
        return taken

    def recall(self) -> None:
        """Recall steps from the client as far as they are not on their way."""
        self._recalls += 1
        if self._writing:
            self._publisher.take_back()

    def put_back(self, noted: Iterable[PendingStep]) -> None:
        """Write steps that were taken back."""
        self._noted += noted
        self._hand_over()

    async def settled(self) -> bool:
        """Wait until all steps noted so far are acknowledged; False if some never will be."""
        if self._noted:
            self._flush()
        if self._writing:
            await asyncio.wait(self._writing)
        return not self._is_cut

    async def close(self) -> None:
        """Wait up to LATE_SECONDS for what is under way, then stop trying; the rest stays unfinished.

        It does not wait while the journal refuses steps or is late already.
        """
        if self._noted:
            self._flush()
        if self._writing and not self._is_stuck:
            await asyncio.wait(self._writing, timeout=LATE_SECONDS)
        for task in self._writing:
            task.cancel()
        await asyncio.gather(*self._writing, return_exceptions=True)
        if self._next_look is not None:
            self._next_look.cancel()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._hand_over()

    def _hand_over(self) -> None:
        task = asyncio.create_task(self._write(), name="journal")
        self._writing.add(task)
        task.add_done_callback(self._done)

    async def _write(self) -> None:
        """Write what is noted; nothing happens between the check for a standstill and the hand-over."""
        noted = self._noted
        steps = [
            step_of(ending, trial, now, pending.partition.tier is not None, journal)
            for pending, ending, trial, now, journal in noted
        ]
        self._listener.on_flush()
        if (
            self._noted is not noted or not noted
        ):  # they were taken back just now, or another task has taken them
            return
        self._noted = noted[len(steps) :]
        del noted[len(steps) :]
        task = asyncio.current_task()
        nearly = LATE_SECONDS - _LAST_SECONDS
        late = asyncio.get_running_loop().call_later(nearly, self._nearly_late, task, noted)
        try:
            left = await self._publish(steps, noted)
        finally:
            late.cancel()
        if left:
            values = {step.value for step in left}
            back = [one for one, step in zip(noted, steps, strict=True) if step.value in values]
            noted = [one for one, step in zip(noted, steps, strict=True) if step.value not in values]
            self._listener.on_flush()
            self.on_taken_back(back)
        self._listener.on_written([one.pending for one in noted])

    async def _publish(self, steps: Sequence[Outgoing], noted: Sequence[PendingStep]) -> Sequence[Outgoing]:
        """Publish until all are acknowledged; return those that were taken back, or are late."""
        backoff, recalls = Backoff(), self._recalls
        while True:
            try:
                await self._publisher.publish_batch(steps)
            except BatchRefused as refusal:
                steps = refusal.left
                if refusal.taken_back:
                    return steps
                self._note_stuck(asyncio.current_task(), _StuckSteps(str(refusal), noted))
                self._observer.refused(self._journal.topic, str(refusal))
                await asyncio.sleep(backoff.pause(self._jitter()))
                self._listener.on_flush()
                if self._recalls != recalls or self.is_late(noted):  # they may be another worker's by now
                    return steps
            else:
                return ()

    def _nearly_late(self, task: asyncio.Task[None] | None, noted: Sequence[PendingStep]) -> None:
        asyncio.get_running_loop().call_later(_LAST_SECONDS, self._late, task, noted)

    def _late(self, task: asyncio.Task[None] | None, noted: Sequence[PendingStep]) -> None:
        if task not in self._writing or task in self._stuck:
            return
        before = self._is_stuck
        self._note_stuck(task, _StuckSteps(None, noted))
        if self._is_stuck and not before:  # else it is told already
            self._observer.trouble(
                f"steps are not acknowledged by {self._journal.topic}: no more is sent until they are"
            )

    def _note_stuck(self, task: asyncio.Task[None] | None, steps: _StuckSteps) -> None:
        self._stuck[task] = steps
        self._look()

    def _look(self) -> None:
        """Tell if what can't be written has become a reason to send nothing, or is none any more."""
        stuck = not all(steps.is_explained for steps in self._stuck.values())
        if stuck is not self._is_stuck:
            self._is_stuck = stuck
            self._listener.on_stuck(stuck)
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        if self._stuck:
            self._next_look = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        self._is_cut = self._is_cut or task.cancelled() or task.exception() is not None
        if task in self._stuck:
            del self._stuck[task]
            self._look()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._listener.on_failed(error)


def journaling_of(
    destination: DestinationParts, publisher: Publisher, around: Surroundings, listener: JournalListener
) -> Journaling | None:
    """A destination's journaling; None without a journal."""
    journal = destination.group.journal
    if journal is None:
        return None
    journaling = Journaling(journal, publisher, around.observer, around.jitter, listener)
    journaling.mask(destination.compiled.secrets)
    return journaling
