"""Partitions that fail: they have an eighth of the lanes together, and are no read-ahead."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.core.examples import BINDING, make_partition
from tests.core.lanes import Lanes
from worker.core.assigned_partition import AssignedPartition
from worker.core.offsets import Offsets
from worker.core.record import Partition
from worker.core.retry import Tier


def make_tier(number: int) -> AssignedPartition:
    """Return a delay tier's partition that holds nothing yet."""
    return AssignedPartition(Partition("retry.10s", number), Tier("10s", 10.0), Offsets(None), BINDING)


def test_failing_partitions_share_an_eighth() -> None:
    """Partitions whose records mostly fail have an eighth of the lanes together, by turns; others go on."""
    bad, worse, healthy = (make_partition(number) for number in range(3))
    lanes = Lanes(32)
    lanes.keep_company()
    lanes.fail(bad, 16)
    lanes.fail(worse, 16)
    lanes.come(bad, 10)
    lanes.come(worse, 10)
    assert lanes.take() == 4
    assert (len(bad.busy), len(worse.busy)) == (2, 2)
    lanes.come(healthy, 40)
    assert lanes.take() == 24, "all lanes but those that are kept free"
    for _ in range(3):
        lanes.end(bad)
        lanes.end(worse)
        assert lanes.take() == 2
        assert (len(bad.busy), len(worse.busy)) == (2, 2)


def test_failing_tiers_take_turns_as_one() -> None:
    """Where starts are few, as at a rate, half of them are a healthy partition's, however many tiers fail."""
    healthy, tiers = make_partition(9), [make_tier(number) for number in range(6)]
    lanes = Lanes(64)
    for tier in tiers:
        lanes.fail(tier, 16)
        lanes.come(tier, 40)
    lanes.come(healthy, 40)
    started: Counter[AssignedPartition] = Counter()
    for _ in range(40):
        partition = lanes.start()
        assert partition is not None
        started[partition] += 1
        lanes.end(partition)
    assert started[healthy] >= 20
    assert min(started[tier] for tier in tiers) >= 2


def test_failing_tiers_go_beside_one_with_all_its_lanes() -> None:
    """A healthy partition that has its share, and may have more, leaves failing tiers their turns."""
    healthy, tiers = make_partition(9), [make_tier(number) for number in range(2)]
    lanes = Lanes(16)
    lanes.come(healthy, 40)
    while len(healthy.busy) < 9:
        assert lanes.start() is healthy
    for tier in tiers:
        lanes.fail(tier, 16)
        lanes.come(tier, 1)
    assert {lanes.start() for _ in range(4)} == {healthy, *tiers}


def test_one_lane_at_least_for_what_fails() -> None:
    """With few lanes failing partitions have one, and take turns on it."""
    bad, worse = make_partition(0), make_partition(1)
    lanes = Lanes(4)
    lanes.keep_company()
    for partition in (bad, worse):
        lanes.fail(partition, 16)
        lanes.come(partition, 3)
    for turn in (bad, worse, bad, worse):
        assert lanes.take() == 1
        assert lanes.taken[0].partition is turn
        lanes.end(turn)


def test_sixteen_failures() -> None:
    """A partition fails with sixteen failures; a delivery makes up for four, and without any it is well."""
    partition = make_partition()
    lanes = Lanes(64)
    lanes.fail(partition, 15)
    lanes.deliver(partition, 1)
    seen = []
    for note, times in ((lanes.fail, 4), (lanes.fail, 9), (lanes.deliver, 3), (lanes.deliver, 1)):
        note(partition, times)
        seen.append(partition.failing)
    assert seen == [False, True, True, False]


def test_few_lanes() -> None:
    """With few lanes half as many failures are enough, and four at least."""
    for limit, many in ((256, 16), (32, 16), (20, 10), (8, 4), (2, 4)):
        partition = make_partition()
        lanes = Lanes(limit)
        lanes.take()
        lanes.fail(partition, many - 1)
        before = partition.failing
        lanes.fail(partition, 1)
        assert (before, partition.failing) == (False, True)


def test_a_limit_that_falls() -> None:
    """What was failing is well again after as many deliveries, though fewer failures are enough by then."""
    partition = make_partition()
    lanes = Lanes(64)
    lanes.fail(partition, 16)
    lanes.limit = 8
    lanes.take()
    lanes.deliver(partition, 3)
    lanes.fail(partition, 1)
    lanes.deliver(partition, 1)
    assert partition.failures == 0
    assert not partition.failing


def test_four_in_five() -> None:
    """A partition of which four in five fail, however long, is no failing one."""
    partition = make_partition()
    lanes = Lanes(64)
    for _ in range(100):
        lanes.fail(partition, 4)
        lanes.deliver(partition, 1)
    assert not partition.failing


def test_failing_ones_by_themselves() -> None:
    """Where nobody else has sent anything for ten seconds, failing partitions use seven eighths of them."""
    bad, healthy = make_partition(0), make_partition(1)
    lanes = Lanes(32)
    lanes.keep_company()
    lanes.fail(bad, 16)
    lanes.come(bad, 60)
    assert lanes.take() == 4
    wake_at = lanes.schedule.wake_at()
    assert wake_at is not None
    assert wake_at < lanes.now + 10.0
    lanes.now += 10.0
    assert lanes.take() == 24
    lanes.come(healthy, 1)
    assert lanes.take() == 1
    lanes.end(bad, 25)
    assert (lanes.take(), len(bad.busy)) == (1, 4)


def test_failing_ones_by_themselves_take_turns() -> None:
    """The lanes beyond the eighth, where nobody else sends, are shared by all that fail."""
    bad, worse = make_partition(0), make_partition(1)
    lanes = Lanes(16)
    for partition in (bad, worse):
        lanes.fail(partition, 16)
        lanes.come(partition, 100)
    assert lanes.take() == 14
    assert (len(bad.busy), len(worse.busy)) == (7, 7)


def test_under_way_when_it_is_found_to_fail() -> None:
    """What a partition has under way counts once it is a failing one, until it is well again."""
    bad, worse = make_partition(0), make_partition(1)
    lanes = Lanes(16)
    lanes.keep_company()
    lanes.come(bad, 40)
    assert lanes.take() == 14
    lanes.fail(bad, 16)
    lanes.fail(worse, 16)
    lanes.come(worse, 1)
    lanes.end(bad, 12)
    assert lanes.take() == 0
    lanes.end(bad)
    assert lanes.take() == 1
    lanes.deliver(bad, 4)
    assert lanes.take() == 12, "the other one had waited for its end"
    assert (len(bad.busy), len(worse.busy)) == (13, 1)
    lanes.end(bad, 13)
    assert lanes.schedule._active == {bad}


def test_the_others_go_when_one_is_well_again() -> None:
    """What waited for the lane of a failing partition goes once that one is well, before its record ends."""
    bad, worse = make_partition(0), make_partition(1)
    lanes = Lanes(4)
    lanes.keep_company()
    for partition in (bad, worse):
        lanes.fail(partition, 16)
        lanes.come(partition, 1)
    assert lanes.take() == 1
    lanes.deliver(bad, 4)
    assert lanes.take() == 1
    assert [pending.partition for pending in lanes.taken] == [bad, worse]


def test_what_fails_is_no_read_ahead() -> None:
    """What waits of a failing partition is never counted as ready, however little it is."""
    bad = make_partition()
    lanes = Lanes(16)
    lanes.keep_company()
    lanes.come(bad, 4)
    lanes.fail(bad, 16)
    ready = [lanes.schedule.ready]
    while lanes.take():
        ready.append(lanes.schedule.ready)
        lanes.end(bad, 2)
    lanes.come(bad, 1)
    assert [*ready, lanes.schedule.ready] == [0, 0, 0, 0]


def test_more_lanes_than_enough() -> None:
    """With lanes enough (a probe needs none) one that has failed for ever goes, whatever is under way."""
    bad = make_partition()
    lanes = Lanes(4)
    lanes.keep_company()
    lanes.fail(bad, 16)
    lanes.come(bad, 3)
    assert lanes.take() == 1
    assert lanes.schedule.take(lanes.now, 1 << 20, 1) is not None


def test_a_failing_one_that_is_dropped() -> None:
    """Of a failing partition that is dropped nothing is left: what is under way counts until it ends."""
    bad, worse = make_partition(0), make_partition(1)
    lanes = Lanes(8)
    lanes.keep_company()
    for partition in (bad, worse):
        lanes.fail(partition, 16)
        lanes.come(partition, 3)
    assert lanes.take() == 1
    assert (lanes.schedule.drop(bad), lanes.schedule.drop(worse)) == (2, 3)
    lanes.come(worse, 1)
    assert lanes.take() == 0
    lanes.end(bad)
    assert lanes.take() == 1


class Outcomes(RuleBasedStateMachine):
    """Partitions whose records fail and are delivered in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes(24)
        self.lanes.keep_company()
        self.partitions = [make_partition(number) for number in range(3)]

    @rule(number=st.integers(0, 2), count=st.integers(1, 20))
    def come(self, number: int, count: int) -> None:
        self.lanes.come(self.partitions[number], count)
        self.lanes.take()

    @rule(number=st.integers(0, 2), count=st.sampled_from([1, 5, 20]), failed=st.booleans())
    def end(self, number: int, count: int, failed: bool) -> None:
        """End what is under way of a partition; each end may let another one go."""
        partition = self.partitions[number]
        for _ in range(min(count, len(partition.busy))):
            self.lanes.schedule.ended(partition, failed=failed)
            self.lanes.end(partition)
            before = sum(len(one.busy) for one in self.partitions if one.failing)
            self.lanes.take()
            after = sum(len(one.busy) for one in self.partitions if one.failing)
            assert after <= max(before, 3), "failing ones take no more than their part"

    @rule(number=st.integers(0, 2))
    def drop(self, number: int) -> None:
        """Lose a partition, and get it again as a new holding; what is under way still ends."""
        partition, self.partitions[number] = self.partitions[number], make_partition(number)
        self.lanes.schedule.drop(partition)
        self.lanes.end(partition, len(partition.busy))
        self.lanes.take()

    @invariant()
    def nothing_stands_still(self) -> None:
        """Where something waits something is under way, or all lanes are taken, for each kind by itself."""
        if len(self.lanes.taken) == self.lanes.limit:
            return
        for failing in (True, False):
            kind = [one for one in self.partitions if one.failing is failing]
            assert any(one.busy for one in kind) or not any(one.waiting for one in kind)


TestOutcomes = Outcomes.TestCase
TestOutcomes.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
