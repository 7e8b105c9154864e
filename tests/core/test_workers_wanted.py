from __future__ import annotations

from collections.abc import Iterable
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.examples import BINDING
from worker.core.assigned_partition import AssignedPartition, PendingRecord
from worker.core.fence import Tenure
from worker.core.offsets import Offsets
from worker.core.record import Partition, Record
from worker.core.retry import Tier
from worker.core.workers_wanted import CALM_SECONDS, Load, Work, WorkersWanted, work_of

AT = Partition("conversions", 0)
EVERY = 2.0
NOW = 1_700_000_000.0


class Watched:
    """A worker that is looked at every two seconds; it has so many partitions."""

    def __init__(self, partitions: int = 4) -> None:
        self.wanted = WorkersWanted()
        self.partitions = partitions
        self.now = 1_000.0
        self.done = self.due = self.passed = 0.0

    def look(
        self,
        seconds: float,
        *,
        comes: float = 0.0,
        ends: float = 0.0,
        busy: float = 0.0,
        most: float = inf,
        held: bool = False,
        ours: float = 1.0,
    ) -> float:
        """Let so many seconds pass, in which records come and end; how many are wanted then."""
        for _ in range(int(seconds / EVERY)):
            self.now += EVERY
            ended = min(ends * EVERY, self.due + comes * EVERY)
            self.done += ended
            self.passed += ended * (1.0 - ours)
            self.due += comes * EVERY - ended
            self.wanted.look(self._load(busy, most, held), self.now)
        return self.wanted.value

    def _load(self, busy: float, most: float, held: bool) -> Load:
        parts = [Partition("conversions", number) for number in range(self.partitions)]
        work = {at: Work(int(self.done / len(parts)), self.due / len(parts)) for at in parts}
        return Load(self.partitions, work, int(self.passed), busy, most, held)


def test_a_worker_that_does_what_comes_wants_itself() -> None:
    """A worker that is half busy wants its share of a worker that is four fifths busy."""
    assert Watched().look(600, comes=100, ends=100, busy=0.5) == pytest.approx(0.5 / 0.8, rel=0.05)


def test_one_that_can_t_wants_more() -> None:
    """A worker all busy with a third of what comes wants three others, and somewhat more for what is left."""
    assert Watched(8).look(120, comes=300, ends=100, busy=1.0) == pytest.approx(3 / 0.8, rel=0.15)


def test_a_backlog_wants_more() -> None:
    """What is left is to be gone in ten minutes: that is wanted, and no less until it is gone."""
    watched = Watched(12)
    watched.due = 600_000.0
    first = watched.look(60, comes=50, ends=200, busy=1.0)
    assert first == pytest.approx((50 + 1_000) / 200 / 0.8, rel=0.05)
    assert watched.look(900, comes=50, ends=600, busy=1.0) == pytest.approx(first, rel=0.05)
    assert watched.due > 0
    watched.look(600, comes=50, ends=1_000, busy=1.0)
    assert watched.look(400, comes=50, ends=50, busy=0.1) == pytest.approx(0.125, rel=0.1)


def test_never_more_than_partitions() -> None:
    """Whatever comes, no more are wanted than there are partitions."""
    assert Watched(3).look(120, comes=100_000, ends=100, busy=1.0) == 3.0


def test_none_is_wanted_where_nothing_is_assigned() -> None:
    """A worker with no partition wants none, also one that had some."""
    watched = Watched()
    watched.look(60, comes=300, ends=100, busy=1.0)
    watched.partitions = 0
    assert watched.wanted.look(Load(0, {}, 0, 0.0, inf, held=False), watched.now + EVERY) == 0.0


def test_one_is_wanted_before_anything_is_known() -> None:
    """Where something is due and nothing has ended yet, a worker wants itself; where nothing is due, none."""
    watched = Watched()
    assert watched.look(60) == 0.0
    assert watched.look(4, comes=10) == 1.0


def test_little_work_proves_little() -> None:
    """A worker that is hardly busy wants no other, whatever its figures would make of it."""
    watched = Watched(12)
    watched.look(60, comes=0.5, ends=0.5, busy=0.01)
    assert watched.look(6, comes=500, ends=1, busy=0.02) == 1.0


def test_held_it_wants_no_other() -> None:
    """Whoever may send nothing wants no more than itself, whatever comes and it wanted before."""
    watched = Watched()
    assert watched.look(120, comes=300, ends=100, busy=1.0) > 3.0
    assert watched.look(EVERY, comes=300, held=True) == 1.0
    assert watched.look(3_600, comes=300, held=True) == 1.0


def test_held_it_wants_no_less() -> None:
    """An outage takes no worker away: what was wanted before it is wanted until its end."""
    watched = Watched()
    before = watched.look(600, comes=100, ends=100, busy=0.5)
    assert watched.look(3_600, comes=100, held=True) == pytest.approx(before, rel=0.02)


def test_held_from_the_start_it_wants_itself() -> None:
    """A worker that begins amid an outage is not wanted away."""
    assert Watched().look(600, comes=100, held=True) == 1.0


def test_what_a_rate_keeps_back_wants_none() -> None:
    """Where a rate or a pace lets less through than comes, only that wants workers, and not what is left."""
    watched = Watched()
    slow = watched.look(3_600, comes=300, ends=100, busy=0.2, most=100.0)
    assert slow == pytest.approx(0.2 / 0.8, rel=0.05)


def test_what_is_passed_over_is_no_work() -> None:
    """Where one in ten records is the destination's, that one counts, also beside a rate."""
    watched = Watched()
    plain = watched.look(600, comes=1_000, ends=1_000, busy=0.5, ours=0.1)
    assert plain == pytest.approx(0.5 / 0.8, rel=0.05)
    rated = watched.look(900, comes=1_000, ends=1_000, busy=0.5, ours=0.1, most=50.0)
    assert rated == pytest.approx(0.5 / 0.8 * 50 / 100, rel=0.05)


def test_of_what_is_left_as_much_is_work_as_of_what_was_read() -> None:
    """Where one in ten records is the destination's, so is one in ten of those that nobody has read yet."""
    watched = Watched(8)
    assert watched.look(60, comes=1_000, ends=500, busy=1.0, ours=0.1) == pytest.approx(2 / 0.8, rel=0.1)


def test_where_all_is_passed_over_none_is_wanted() -> None:
    """A destination that takes none of what comes wants no worker."""
    watched = Watched()
    watched.due = 400.0
    assert watched.look(600, comes=1_000, ends=1_000, busy=0.3, ours=0.0) == 0.0


def test_a_backlog_behind_a_rate_keeps_nobody() -> None:
    """Where a rate sets in while much is left, no more are wanted than what it lets through keeps busy."""
    watched = Watched(12)
    watched.due = 600_000.0
    assert watched.look(60, comes=50, ends=200, busy=1.0) > 5.0
    assert watched.look(900, comes=50, ends=50, busy=0.25, most=50.0) == pytest.approx(0.25 / 0.8, rel=0.05)


def test_a_fall_is_believed_once_it_has_lasted() -> None:
    """Less is told when it has been less for five minutes; more at once."""
    watched = Watched()
    high = watched.look(600, comes=100, ends=100, busy=1.0)
    assert watched.look(CALM_SECONDS - 20, comes=20, ends=20, busy=0.2) == pytest.approx(high, rel=0.05)
    assert watched.look(120, comes=20, ends=20, busy=0.2) == pytest.approx(0.25, rel=0.1)
    assert watched.look(60, comes=100, ends=100, busy=1.0) == pytest.approx(high, rel=0.1)


def test_a_rebalance_leaves_what_comes_by_partition() -> None:
    """Of fewer partitions less is wanted at once: the others are another's now."""
    watched = Watched(8)
    all_of_it = watched.look(600, comes=300, ends=100, busy=1.0)
    watched.partitions, watched.done, watched.due = 2, watched.done / 4, watched.due / 4
    assert watched.look(EVERY, comes=75, ends=75, busy=0.75) == pytest.approx(all_of_it / 4)


def test_partitions_that_are_new_measure_nothing() -> None:
    """A look that finds more partitions measures nothing; from then on each counts as those before."""
    watched = Watched(2)
    first = watched.look(600, comes=20, ends=20, busy=0.2)
    watched.partitions, watched.done, watched.due = 8, 1e9, 0.0
    assert watched.look(EVERY, comes=80, ends=80, busy=0.8) == pytest.approx(4 * first)
    assert watched.look(600, comes=80, ends=80, busy=0.8) == pytest.approx(1.0, rel=0.05)


def test_a_log_made_anew_is_no_work() -> None:
    """Where what is done falls, as the log is another one, nothing is taken for ended."""
    watched = Watched(8)
    watched.look(600, comes=100, ends=100, busy=0.5)
    watched.done = 0.0
    assert watched.look(60, comes=300, ends=100, busy=1.0) == pytest.approx(3 / 0.8, rel=0.25)


def test_the_same_moment_measures_nothing() -> None:
    """Two looks at one moment are one."""
    watched = Watched()
    before = watched.look(60, comes=100, ends=100, busy=0.5)
    assert watched.wanted.look(watched._load(1.0, inf, False), watched.now) == before


_STEP = st.tuples(
    st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1), st.booleans(), st.sampled_from([inf, 10.0])
)


@given(steps=st.lists(_STEP, max_size=30), partitions=st.integers(1, 9))
def test_it_is_always_a_number_in_bounds(
    steps: Iterable[tuple[float, float, float, bool, float]], partitions: int
) -> None:
    """Whatever is seen, from none to one for each partition are wanted, and one at most while it is held."""
    watched = Watched(partitions)
    for comes, ends, busy, held, most in steps:
        wanted = watched.look(10, comes=comes, ends=ends, busy=busy, held=held, most=most)
        assert 0.0 <= wanted <= partitions
        assert wanted <= 1.0 + 1e-9 or not held


# --- what is due of a partition ------------------------------------------------------------------


def _partition(tier: Tier | None, offset: int | None = 100) -> AssignedPartition:
    return AssignedPartition(AT, tier, Offsets(offset), BINDING)


def test_all_of_the_source_is_due() -> None:
    """What was read and has not ended, and what lies behind it, is due; what has ended is done."""
    partition = _partition(None)
    for offset in (100, 101, 102):
        partition.offsets.track(offset)
    partition.offsets.resolve(101)
    assert work_of(partition, 110, NOW) == Work(101, 9.0)


def test_without_watermarks_only_what_was_read() -> None:
    """Where nobody has said where a log ends, what was read is due."""
    partition = _partition(None)
    partition.offsets.track(100)
    assert work_of(partition, None, NOW) == Work(100, 1.0)


def test_nothing_is_known_before_the_beginning() -> None:
    """Of a partition whose beginning is not known yet nothing is said."""
    assert work_of(_partition(None, None), 10, NOW) is None


@pytest.mark.parametrize(("barred", "tenure"), [("it is of another", Tenure.OURS), (None, Tenure.DRAINING)])
def test_what_may_not_be_sent_is_not_due(barred: str | None, tenure: Tenure) -> None:
    """Nothing is due of a partition that is another deployment's, or is being given away."""
    partition = _partition(None)
    partition.barred, partition.tenure = barred, tenure
    assert work_of(partition, 110, NOW) == Work(100, 0.0)


@pytest.mark.parametrize(("late", "share"), [(-10.0, 0.0), (0.0, 0.0), (60.0, 0.5), (540.0, 0.9)])
def test_what_waits_is_not_due(late: float, share: float) -> None:
    """Of a tier nothing is due before its head is, and then as much as that is late."""
    partition = _partition(Tier("1m", 60.0))
    record = Record(AT, 100, None, b"", (), NOW)
    partition.waiting.append(PendingRecord(record, partition, NOW - late))
    assert work_of(partition, 1_100, NOW) == pytest.approx((100, 1_000 * share))


def test_what_was_given_back_is_due_when_it_says_so() -> None:
    """A tier of which nothing is held is as late as what was given back of it."""
    partition = _partition(Tier("1m", 60.0))
    assert work_of(partition, 1_100, NOW) == Work(100, 0.0)
    partition.asleep_until = NOW - 60.0
    assert work_of(partition, 1_100, NOW) == pytest.approx((100, 500.0))
