"""The schedule: nothing early, order within a partition, turns between partitions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.core.examples import make_partition, pending_record
from worker.core.assigned_partition import PendingRecord
from worker.core.retry import due_at
from worker.core.schedule import Schedule

PARTITIONS = 4


class Turns(RuleBasedStateMachine):
    """A schedule beside one plain list for each partition.

    Due times need not rise: a tier's topic is open to others.
    """

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule()
        self.now = 100.0
        self.offset = 0
        self.partitions = [make_partition(number) for number in range(PARTITIONS)]
        self.queues: list[list[PendingRecord]] = [[] for _ in range(PARTITIONS)]
        self.taken: list[PendingRecord] = []
        self.passed_over = [0] * PARTITIONS

    def due(self) -> list[int]:
        """The partitions whose head is due."""
        return [number for number, queue in enumerate(self.queues) if queue and queue[0].due <= self.now]

    @rule(number=st.integers(0, PARTITIONS - 1), wait=st.sampled_from([0.0, 0.0, 1.0, 2.0, 5.0]))
    def add(self, number: int, wait: float) -> None:
        pending = pending_record(self.partitions[number], self.offset, self.now + wait, at_once=wait == 0.0)
        self.offset += 1
        self.schedule.add(pending, self.now)
        self.queues[number].append(pending)

    @rule()
    def take(self) -> None:
        """Take the head of a partition whose head is due; none waits longer than each other has its turn."""
        due = self.due()
        pending = self.schedule.take(self.now, 64, 0)
        if not due:
            assert pending is None
            return
        assert pending is not None
        number = pending.partition.at.number
        assert number in due
        assert pending is self.queues[number].pop(0)
        self.taken.append(pending)
        for other in due:
            self.passed_over[other] += 1
            assert self.passed_over[other] <= PARTITIONS
        self.passed_over[number] = 0

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        """Give back any of those that were taken: it goes behind the due, before those that wait."""
        pending = self.taken.pop(data.draw(st.integers(0, len(self.taken) - 1)))
        self.schedule.give_back(pending, self.now)
        queue = self.queues[pending.partition.at.number]
        waiting = [index for index, other in enumerate(queue) if other.due <= self.now]
        queue.insert(waiting[-1] + 1 if waiting else 0, pending)

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(number=st.integers(0, PARTITIONS - 1))
    def forget(self, number: int) -> None:
        """Give back what waits from the first record on that is not due; it may be added again."""
        partition, queue = self.partitions[number], self.queues[number]
        waiting = partition.not_due(self.now)
        first = next((index for index, pending in enumerate(queue) if pending.due > self.now), len(queue))
        assert waiting == queue[first:]
        self.schedule.forget(partition, len(waiting))
        del queue[first:]

    @rule(number=st.integers(0, PARTITIONS - 1))
    def drop(self, number: int) -> None:
        """Lose a partition, and get it again as a new holding."""
        assert self.schedule.drop(self.partitions[number]) == len(self.queues[number])
        self.partitions[number] = make_partition(number)
        self.queues[number] = []
        self.taken = [pending for pending in self.taken if pending.partition.at.number != number]
        self.passed_over[number] = 0

    @invariant()
    def ready_counts_what_was_due_when_it_came(self) -> None:
        assert self.schedule.ready == sum(pending.at_once for queue in self.queues for pending in queue)

    @invariant()
    def nothing_that_is_due_is_slept_over(self) -> None:
        """The wake-up is never later than the first due time; where something is due it is now."""
        heads = [queue[0].due for queue in self.queues if queue]
        wake_at = self.schedule.wake_at()
        assert (math.inf if wake_at is None else wake_at) <= min(heads, default=math.inf)


TestTurns = Turns.TestCase
TestTurns.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 100)), max_size=40))
def test_nothing_before_it_is_due(records: list[tuple[int, float]]) -> None:
    """Woken whenever it says so, the schedule hands out every record, none before its due time."""
    schedule = Schedule()
    partitions = [make_partition(number) for number in range(4)]
    for offset, (number, due) in enumerate(records):
        schedule.add(pending_record(partitions[number], offset, due, at_once=False), 0.0)
    now, taken = 0.0, []
    while (wake_at := schedule.wake_at()) is not None:
        now = max(now, wake_at)
        pending = schedule.take(now, 64, 0)
        assert pending is not None, "it woke for something"
        assert pending.due <= now
        taken.append((pending.partition.at.number, pending.record.offset))
    for number in range(4):
        in_order = [offset for offset, (of, _) in enumerate(records) if of == number]
        assert [offset for of, offset in taken if of == number] == in_order


def test_partitions_take_turns() -> None:
    """A long queue starves no other: partitions that have something due are served one record each."""
    schedule = Schedule()
    long, short, tier = make_partition(0), make_partition(1), make_partition(2, "retry.10s")
    for offset in range(5):
        schedule.add(pending_record(long, offset), 10.0)
    for offset in range(2):
        schedule.add(pending_record(short, offset), 10.0)
        schedule.add(pending_record(tier, offset, 9.0), 10.0)
    order = [taken.partition for _ in range(9) if (taken := schedule.take(10.0, 64, 0)) is not None]
    assert order == [long, short, tier, long, short, tier, long, long, long]


def test_what_has_become_due_joins_the_turns() -> None:
    """A retry whose time has come goes in turn with the fresh events that were there before."""
    schedule = Schedule()
    fresh, tier = make_partition(0), make_partition(1, "retry.10s")
    schedule.add(pending_record(tier, 0, 20.0, at_once=False), 10.0)
    for offset in range(3):
        schedule.add(pending_record(fresh, offset), 10.0)
    order = [taken.partition for _ in range(4) if (taken := schedule.take(20.0, 64, 0)) is not None]
    assert order == [fresh, tier, fresh, fresh]


def test_a_given_back_record_is_behind_the_due() -> None:
    """The next probe is another record, where there is one that is due."""
    schedule = Schedule()
    partition = make_partition()
    records = [
        pending_record(partition, 0),
        pending_record(partition, 1),
        pending_record(partition, 2, 50.0, at_once=False),
    ]
    for pending in records:
        schedule.add(pending, 10.0)
    first = schedule.take(10.0, 64, 0)
    assert first is records[0]
    schedule.give_back(first, 10.0)
    assert [schedule.take(10.0, 64, 0) for _ in range(3)] == [records[1], records[0], None]
    assert schedule.take(50.0, 64, 0) is records[2]


def test_given_back_to_a_partition_that_waits() -> None:
    """A record that comes back goes at once, though the rest of its partition waits."""
    schedule = Schedule()
    partition = make_partition()
    taken, later = pending_record(partition, 0), pending_record(partition, 1, 50.0, at_once=False)
    schedule.add(taken, 10.0)
    schedule.take(10.0, 64, 0)
    schedule.add(later, 10.0)
    schedule.give_back(taken, 11.0)
    assert [schedule.take(11.0, 64, 0) for _ in range(2)] == [taken, None]
    assert schedule.wake_at() == 50.0
    assert schedule.take(50.0, 64, 0) is later
    assert schedule.wake_at() is None


def test_wake_at() -> None:
    """The wake-up is never with nothing held, now with something due, else when the first head is due."""
    schedule = Schedule()
    assert schedule.wake_at() is None
    for number, due in enumerate((30.0, 20.0)):
        schedule.add(pending_record(make_partition(number), 0, due, at_once=False), 10.0)
    assert schedule.wake_at() == 20.0
    schedule.add(pending_record(make_partition(2), 0), 10.0)
    assert schedule.wake_at() == 0.0


def test_dropped_records_are_gone() -> None:
    """Of a dropped partition nothing is handed out, whether it was due or waited."""
    schedule = Schedule()
    due, waits = make_partition(0), make_partition(1)
    schedule.add(pending_record(due, 0), 10.0)
    schedule.add(pending_record(due, 1), 10.0)
    schedule.add(pending_record(waits, 0, 50.0, at_once=False), 10.0)
    assert (schedule.drop(due), schedule.drop(waits)) == (2, 1)
    assert schedule.ready == 0
    assert [schedule.take(now, 64, 0) for now in (10.0, 50.0)] == [None, None]
    assert schedule.wake_at() is None


@pytest.mark.parametrize(
    ("stated", "due"),
    [(None, 1000.0), (900.0, 900.0), (1005.0, 1005.0), (1010.0, 1010.0), (1011.0, 1010.0), (1e12, 1010.0)],
)
def test_due_at(stated: float | None, due: float) -> None:
    """A tier's record is due as stated, at most its tier's delay from now; now where nothing is stated."""
    assert due_at(stated, 10.0, 1000.0) == due


def test_given_back_behind_a_head_that_waits() -> None:
    """A record that comes back behind a head that is not due does not make the head go early."""
    schedule = Schedule()
    partition = make_partition()
    taken = pending_record(partition, 0)
    schedule.add(taken, 10.0)
    schedule.take(10.0, 64, 0)
    head, behind = pending_record(partition, 1, 50.0, at_once=False), pending_record(partition, 2, 10.0)
    schedule.add(head, 10.0)
    schedule.add(behind, 10.0)
    schedule.give_back(taken, 10.0)
    assert schedule.take(49.0, 64, 0) is None
    assert [schedule.take(50.0, 64, 0) for _ in range(3)] == [head, behind, taken]
