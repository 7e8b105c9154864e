"""A follower of the journal in memory, which passes the suite of the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from tests.fake_kafka import FakeKafka
from worker.core.binding import LogId
from worker.core.ids_cache import JournalPosition, JournalPositions
from worker.core.journal_places import former_places
from worker.core.record import Partition
from worker.core.remembered_ids import StepMark
from worker.core.step_marks import mark_of
from worker.ports import FollowerListener


class _Gate(asyncio.Event):
    """Is open at first; `on_open` hears when it is opened again."""

    def __init__(self, on_open: Callable[[], None]) -> None:
        super().__init__()
        super().set()
        self._on_open = on_open

    def set(self) -> None:
        """Open it."""
        super().set()
        self._on_open()


class FakeFollower:
    """Reads the journal of a FakeKafka; while `gate` is cleared it reads nothing."""

    def __init__(self, kafka: FakeKafka, topic: str, worker: str, now: Callable[[], float]) -> None:
        self._now = now
        self.kafka = kafka
        self._topic = topic
        self._own = f',"worker":"{worker}"}}'.encode()
        self.gate = _Gate(self._pump_soon)
        self._turns: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._next: dict[Partition, int] = {}
        self._pumping = False
        self.stopped = False
        self.steps_read = 0

    def start(self, listener: FollowerListener) -> None:
        self._listener = listener
        self.kafka.wake.append(self._pump_soon)

    def follow(self, numbers: Collection[int], new: Collection[int], turn: int) -> None:
        turns = {**self._turns, **dict.fromkeys(new, turn)}
        self._turns = {number: of for number, of in turns.items() if number in numbers}
        self._ends.update((number, len(self.kafka.logs[self._at(number)])) for number in new)
        self._pump_soon()

    def fail(self, why: str, *numbers: int) -> None:
        """Read nothing, and say that what is followed, or these, can't be read; `gate` is to be set again."""
        self.gate.clear()
        self._ends = {number: len(self.kafka.logs[self._at(number)]) for number in numbers or self._turns}
        self._listener.on_unread(list(self._ends), why)
        self._pump_soon()

    async def positions(self) -> JournalPositions:
        ends = {self._at(number): len(self.kafka.logs[self._at(number)]) for number in self._turns}
        while any(self._next.get(at, 0) < end for at, end in ends.items()):
            self._pump_soon()
            await asyncio.sleep(0.002)
        return JournalPositions(
            LogId(), {at.number: JournalPosition(following, None) for at, following in self._next.items()}
        )

    async def stop(self) -> None:
        self.stopped = True
        if self._pump_soon in self.kafka.wake:
            self.kafka.wake.remove(self._pump_soon)

    def _at(self, number: int) -> Partition:
        partitions = self.kafka.partitions([self._topic])
        return partitions[number % len(partitions)]

    def _former_marks(self, number: int) -> list[StepMark]:
        """What its former places tell of a partition, in a journal that may have grown."""
        partitions = self.kafka.partitions([self._topic])
        logs = [self.kafka.logs[partitions[at]] for at in former_places(number, len(partitions))]
        marks = [
            mark_of(record.key, record.value, record.timestamp or self._now())
            for log in logs
            for record in log
        ]
        return [mark for mark in marks if mark is not None and mark.partition == number]

    def _pump_soon(self) -> None:
        if not self._pumping and not self.stopped:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        if self.stopped or not self.gate.is_set():
            return
        for number in self._turns:
            at = self._at(number)
            if at not in self._next:
                self._listener.on_marks(self._former_marks(number))
            records = self.kafka.logs[at][self._next.get(at, 0) :]
            self._next[at] = self._next.get(at, 0) + len(records)
            self.steps_read += len(records)
            told = [record for record in records if not (record.value or b"").endswith(self._own)]
            marks = [mark_of(record.key, record.value, record.timestamp or self._now()) for record in told]
            if marks:
                self._listener.on_marks([mark for mark in marks if mark is not None])
            if number in self._ends and self._next[at] >= self._ends.pop(number):
                self._listener.on_read(number, self._turns[number])
