"""The schedule when the clock is set back, and where it is asked for a probe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.examples import BINDING, make_partition, pending_record
from tests.core.lanes import Lanes
from worker.core.admission.probes import Probes
from worker.core.assigned_partition import AssignedPartition, ScheduleState
from worker.core.journal_rest import WARMING
from worker.core.offsets import Offsets
from worker.core.record import Partition
from worker.core.retry import Tier
from worker.core.schedule import Schedule


def test_the_clock_is_set_back() -> None:
    """Nothing waits longer than its tier's delay from now, what was due stays due, the order stays."""
    schedule = Schedule()
    tier = AssignedPartition(Partition("retry.10s", 0), Tier("10s", 10.0), Offsets(None), BINDING)
    gone = AssignedPartition(Partition("retry.10s", 1), Tier("10s", 10.0), Offsets(None), BINDING)
    source = make_partition()
    for offset, due in enumerate((1005.0, 1008.0)):
        schedule.add(pending_record(tier, offset, due, at_once=False), 1000.0)
    schedule.add(pending_record(gone, 0, 1001.0, at_once=False), 1000.0)
    schedule.add(pending_record(source, 0), 1000.0)
    schedule.drop(gone)
    schedule.clock_set_back(400.0)
    assert schedule.take(400.0, 64, 0) is not None
    assert schedule.wake_at() == 410.0
    assert schedule.take(409.9, 64, 0) is None
    order = [taken.record.offset for _ in range(2) if (taken := schedule.take(410.0, 64, 0)) is not None]
    assert order == [0, 1]
    assert schedule.wake_at() is None


def test_the_clock_is_set_back_for_one_that_fails() -> None:
    """What waits behind a due record of a failing tier waits no longer than the tier's delay either."""
    schedule = Schedule()
    tier = AssignedPartition(Partition("retry.10s", 0), Tier("10s", 10.0), Offsets(None), BINDING)
    for offset, due in enumerate((1000.0, 1008.0)):
        schedule.add(pending_record(tier, offset, due, at_once=False), 1000.0)
    for _ in range(16):
        schedule.ended(tier, failed=True)
    schedule.clock_set_back(400.0)
    assert schedule.take(410.0, 64, 0) is not None
    assert schedule.take(410.0, 64, 0) is not None


def test_a_probe_goes_wherever_something_is_due() -> None:
    """A probe takes of a partition that has its share, or fails, as of one in turn."""
    lanes, probing = Lanes(8), Probes()
    one, failing = make_partition(0), make_partition(1)
    lanes.come(one, 20)
    lanes.fail(failing, 16)
    lanes.come(failing, 20)
    lanes.take()
    assert (one.standing, failing.standing) == (ScheduleState.OVER, ScheduleState.OVER)
    before = len(one.waiting), len(failing.waiting)
    taken = [lanes.schedule.probe(lanes.now, probing) for _ in range(4)]
    assert {pending.partition for pending in taken if pending is not None} == {one, failing}
    assert len(one.waiting) + len(failing.waiting) == sum(before) - 4
    assert lanes.schedule.wake_at() == 0.0


def test_a_probe_of_nothing() -> None:
    """Where nothing is due a probe takes nothing, and what was dropped does not wake it for ever."""
    schedule, probing, partition = Schedule(), Probes(), make_partition()
    schedule.add(pending_record(partition, 0), 10.0)
    schedule.drop(partition)
    assert schedule.probe(10.0, probing) is None
    assert schedule.wake_at() is None
    assert partition.standing is ScheduleState.NOWHERE
    later = make_partition(1)
    schedule.add(pending_record(later, 0, due=20.0), 10.0)
    assert schedule.probe(10.0, probing) is None
    pending = schedule.probe(20.0, probing)
    assert pending is not None
    assert pending.partition is later


def test_forgotten_records_are_no_read_ahead() -> None:
    """What is forgotten of a partition does not count as ready any more, and what is left goes as before."""
    schedule, partition = Schedule(), make_partition(0)
    for offset in range(3):
        schedule.add(pending_record(partition, offset), 0.0)
    schedule.forget(partition, 2)
    left = (schedule.ready, len(partition.waiting))
    assert left == (1, 1)
    taken = schedule.take(0.0, 8, 0)
    assert taken is not None
    assert taken.record.offset == 0


def test_hold_of_one_that_has_its_share() -> None:
    """A partition that has its share, or fails, is held as well as one in turn: nothing of it goes."""
    lanes = Lanes(8)
    one, failing = make_partition(0), make_partition(1)
    lanes.come(one, 20)
    lanes.fail(failing, 16)
    lanes.come(failing, 20)
    lanes.take()
    for partition in (one, failing):
        assert partition.standing is ScheduleState.OVER
        partition.warming = WARMING
        lanes.schedule.hold(partition)
    assert (one.standing, failing.standing) == (ScheduleState.NOWHERE, ScheduleState.NOWHERE)
    assert lanes.schedule.take(lanes.now, 64, 0) is None


def test_hold_of_one_in_turn() -> None:
    """Of a partition that begins to warm while it stands in turn nothing goes until it is let go."""
    schedule, partition = Schedule(), make_partition()
    schedule.add(pending_record(partition, 0), 0.0)
    partition.warming = WARMING
    schedule.hold(partition)
    assert schedule.take(0.0, 64, 0) is None
    assert schedule.wake_at() is None
    partition.warming = None
    schedule.let_go(partition, 0.0)
    assert schedule.take(0.0, 64, 0) is not None


@pytest.mark.parametrize("probes", [False, True])
def test_one_whose_records_were_all_withdrawn(probes: bool) -> None:
    """Of a partition that stood in turn and holds nothing any more nothing is taken, and others go."""
    schedule, probing, partition, other = Schedule(), Probes(), make_partition(), make_partition(1)
    schedule.add(pending_record(partition, 0), 0.0)
    schedule.add(pending_record(other, 0), 0.0)
    schedule.forget(partition, 1)
    taken = [schedule.probe(0.0, probing) if probes else schedule.take(0.0, 64, 0) for _ in range(2)]
    assert [pending and pending.partition for pending in taken] == [other, None]
    schedule.add(pending_record(partition, 1), 0.0)
    assert schedule.take(0.0, 64, 0) is not None


def test_a_probe_is_of_none_that_is_held() -> None:
    """A probe takes nothing of a partition that began to warm while it stood in turn."""
    schedule, partition = Schedule(), make_partition()
    schedule.add(pending_record(partition, 0), 0.0)
    partition.warming = WARMING
    assert schedule.probe(0.0, Probes()) is None
    assert partition.standing is ScheduleState.NOWHERE


@given(st.lists(st.sampled_from([0.0, 0.0, 5.0]), min_size=1, max_size=12))
def test_no_probe_before_it_is_due(waits: list[float]) -> None:
    """A probe takes only what is due, and each record once, though due times in a tier need not rise."""
    schedule, probing, partition = Schedule(), Probes(), make_partition()
    for offset, wait in enumerate(waits):
        schedule.add(pending_record(partition, offset, 100.0 + wait, at_once=not wait), 100.0)
    first = next((offset for offset, wait in enumerate(waits) if wait), len(waits))
    taken = [schedule.probe(100.0, probing) for _ in range(first + 1)]
    assert taken.pop() is None
    assert {pending.record.offset for pending in taken if pending is not None} == set(range(first))
