"""Taking records out of the schedule, wherever their partition stands in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.core.examples import make_partition, pending_record
from worker.core.assigned_partition import NOWHERE
from worker.core.schedule import Schedule
from worker.core.withdrawal import withdraw

NOW = 1_000.0


def taken(schedule: Schedule, now: float) -> list[int]:
    """The offsets of all that may go, in their order."""
    offsets = []
    while (pending := schedule.take(now, 1_000, 0)) is not None:
        offsets.append(pending.record.offset)
    return offsets


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(0, 12), st.integers(0, 3))
def test_what_is_left_goes_in_its_order(meant: list[bool], due: int, begun: int) -> None:
    """What is not taken out is sent in its order and when it is due, as if nothing had been there."""
    schedule, partition, other = Schedule(), make_partition(0), make_partition(1)
    for offset in range(len(meant)):
        at = 0.0 if offset < due else NOW + 1 + offset
        schedule.add(pending_record(partition, offset)._replace(due=at, at_once=at <= NOW), NOW)
    schedule.add(pending_record(other, 99), NOW)
    gone = [pending.record.offset for _ in range(begun) if (pending := schedule.take(NOW, 1_000, 0))]
    wanted = {offset for offset, is_meant in enumerate(meant) if is_meant}
    withdrawn = withdraw(schedule, partition, wanted, NOW)
    assert [pending.record.offset for pending in withdrawn] == sorted(wanted - {*gone})
    assert schedule.ready == sum(one.at_once for one in partition.waiting) + len(other.waiting)
    left = [offset for offset in range(len(meant)) if offset not in {*gone, *wanted}]
    now_due = [offset for offset in taken(schedule, NOW) if offset != 99]
    assert now_due == [offset for offset in left if offset < due]
    assert taken(schedule, NOW + 100) == [offset for offset in left if offset >= due]


def test_all_of_it_then_more() -> None:
    """Of a partition whose records were all taken out a new one goes when it is due, not when those were."""
    schedule, partition = Schedule(), make_partition(0)
    schedule.add(pending_record(partition, 0)._replace(due=NOW + 3600, at_once=False), NOW)
    assert len(withdraw(schedule, partition, {0}, NOW)) == 1
    assert partition.standing is NOWHERE
    schedule.add(pending_record(partition, 1)._replace(due=NOW + 1, at_once=False), NOW)
    assert taken(schedule, NOW + 1) == [1]


def test_of_a_failing_partition() -> None:
    """What was withdrawn of a failing partition counts as under way until it is released."""
    schedule, partition = Schedule(), make_partition(0)
    partition.failing = True
    schedule.took(partition)
    assert schedule._failing == 1
    schedule.released(partition)
    assert schedule._failing == 0
