"""Fair shares: what one partition has under way leaves lanes to others, and what waits of it may rest."""

from __future__ import annotations

import math

import pytest

from tests.core.examples import make_partition
from tests.core.lanes import Lanes
from worker.core.assigned_partition import AssignedPartition
from worker.core.schedule import LOOK_EVERY_SECONDS


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (2, 2), (7, 7), (8, 7), (16, 14), (256, 224)])
def test_one_partition(limit: int, most: int) -> None:
    """One partition takes seven eighths of the lanes, and all where there are fewer than eight."""
    only = make_partition()
    lanes = Lanes(limit)
    lanes.come(only, 300)
    assert lanes.take() == most
    lanes.end(only)
    assert lanes.take() == 1


def test_what_hangs_leaves_lanes() -> None:
    """Beside a partition whose records hang, the records of another always find a lane."""
    bad, healthy = make_partition(0), make_partition(1)
    lanes = Lanes(16)
    lanes.come(bad, 100)
    assert lanes.take() == 14
    for _ in range(20):
        lanes.come(healthy, 2)
        assert lanes.take() == 2
        assert sum(pending.partition is healthy for pending in lanes.taken) == 2
        lanes.end(healthy, 2)
        assert lanes.take() == 0


def test_less_than_its_share_goes_first() -> None:
    """A lane that comes free goes to a partition below its share, however many of the other wait."""
    bad, healthy = make_partition(0), make_partition(1)
    lanes = Lanes(9)
    lanes.come(bad, 100)
    assert lanes.take() == 8
    lanes.come(healthy, 5)
    assert lanes.take() == 1
    for below in (2, 3):
        lanes.end(bad)
        lanes.take()
        assert len(healthy.busy) == below
    lanes.end(bad)
    assert lanes.take() == 0, "both have their share, a third of nine, and one lane is left free"
    lanes.end(bad)
    assert lanes.take() == 1


def test_shares_of_many() -> None:
    """Partitions that all have more than enough get the same."""
    partitions = [make_partition(number) for number in range(4)]
    lanes = Lanes(64)
    for partition in partitions:
        lanes.come(partition, 100)
    assert lanes.take() == 56
    assert {len(partition.busy) for partition in partitions} == {14}
    for partition in partitions:
        lanes.end(partition, 14)
    assert lanes.take() == 56
    assert {len(partition.busy) for partition in partitions} == {14}


def test_more_partitions_than_lanes() -> None:
    """Beside one whose records hang, others find the lanes that are left, though there are not enough."""
    bad, others = make_partition(0), [make_partition(number) for number in range(1, 21)]
    lanes = Lanes(16)
    lanes.come(bad, 100)
    assert lanes.take() == 14
    for other in others:
        lanes.come(other, 1)
    for first, second in zip(others[::2], others[1::2], strict=True):
        assert lanes.take() == 2
        lanes.end(first)
        lanes.end(second)


def test_turns_beyond_the_shares() -> None:
    """Lanes beyond the shares go by turns; who has nothing due and nothing under way takes no share."""
    first, second = make_partition(0), make_partition(1)
    lanes = Lanes(6)
    lanes.come(second, 1)
    lanes.come(first, 10)
    assert lanes.take() == 6
    lanes.end(second)
    lanes.end(first, 3)
    lanes.come(second, 3)
    assert lanes.take() == 4
    assert (len(first.busy), len(second.busy)) == (3, 3)
    lanes.end(second, 3)
    assert lanes.schedule._active == {first}


def test_slow_partitions_are_no_read_ahead() -> None:
    """What waits of a partition that has its share and gets through less is not counted as ready."""
    bad = make_partition()
    lanes = Lanes(8)
    lanes.come(bad, 17)
    lanes.take()
    assert lanes.schedule.wake_at() == -math.inf
    assert lanes.schedule.look(lanes.now) == (), "nothing is known of the time before"
    lanes.now += LOOK_EVERY_SECONDS / 2
    assert lanes.schedule.look(lanes.now) == ()
    assert lanes.schedule.wake_at() == 10.0 + LOOK_EVERY_SECONDS
    lanes.now += LOOK_EVERY_SECONDS
    lanes.end(bad, 2)
    lanes.take()
    assert (lanes.schedule.look(lanes.now), lanes.schedule.ready) == ([bad], 0)
    lanes.come(bad, 2)
    assert lanes.schedule.ready == 0
    lanes.now += LOOK_EVERY_SECONDS
    assert (lanes.schedule.look(lanes.now), lanes.schedule.ready) == ([bad], 0)
    lanes.end(bad, 7)
    lanes.take()
    assert bad.slow
    lanes.now += LOOK_EVERY_SECONDS
    assert (lanes.schedule.look(lanes.now), lanes.schedule.ready) == ([], 0)
    lanes.end(bad)
    lanes.take()
    assert (bad.slow, lanes.schedule.ready) == (False, 2)


def test_a_slow_one_that_is_dropped() -> None:
    """Dropping a partition that is slow leaves nothing behind, and neither does what ends of it later."""
    bad, other = make_partition(0), make_partition(1)
    lanes = Lanes(8)
    lanes.come(bad, 20)
    lanes.take()
    for _ in range(2):
        lanes.schedule.look(lanes.now)
        lanes.now += LOOK_EVERY_SECONDS
    assert bad.slow
    assert lanes.schedule.drop(bad) == 13
    lanes.end(bad, 7)
    assert (lanes.schedule.ready, lanes.schedule.wake_at()) == (0, None)
    lanes.come(other, 20)
    assert lanes.take() == 7


A_MOMENT = 0.05
"""Seconds in which the answers of a quick partner come."""


def turn_over(lanes: Lanes, partition: AssignedPartition, count: int) -> int:
    """Have so many of a partition's records end a moment later; return how many others are taken then."""
    lanes.now += A_MOMENT
    lanes.end(partition, count)
    return lanes.take()


@pytest.mark.parametrize(("limit", "usual", "most"), [(4, 4, 4), (8, 7, 7), (16, 14, 15), (256, 224, 252)])
def test_a_quick_partition(limit: int, usual: int, most: int) -> None:
    """One whose lanes come free again at once leaves fewer of them free, as long as that lasts."""
    only = make_partition()
    lanes = Lanes(limit)
    lanes.come(only, 2_000)
    assert lanes.take() == usual
    assert turn_over(lanes, only, usual) == most
    for _ in range(20):
        lanes.now += A_MOMENT
        lanes.take()
    lanes.end(only, most - usual)
    assert lanes.take() == 0, "it is not quick any more"
    lanes.end(only)
    assert lanes.take() == 1


def test_quick_long_ago() -> None:
    """One that was quick a while ago leaves an eighth free again, until it has turned over once more."""
    only = make_partition()
    lanes = Lanes(64)
    lanes.come(only, 500)
    lanes.take()
    assert turn_over(lanes, only, 56) == 63
    lanes.end(only, 63)
    lanes.now += 60.0
    assert lanes.take() == 56
    assert turn_over(lanes, only, 56) == 63


def test_what_begins_to_hang() -> None:
    """Beside one that was seldom looked at and hangs now, a quick one has the lanes that are free."""
    bad, healthy = make_partition(0), make_partition(1)
    lanes = Lanes(64)
    lanes.come(bad, 500)
    lanes.take()
    lanes.end(bad, 56)
    lanes.now += 60.0
    lanes.take()
    lanes.schedule.look(lanes.now)
    assert lanes.take() == 0, "what ended in the minute before says nothing of now"
    lanes.come(healthy, 500)
    lanes.take()
    for _ in range(10):
        turn_over(lanes, healthy, len(healthy.busy))
    assert (len(bad.busy), len(healthy.busy)) == (56, 8)
