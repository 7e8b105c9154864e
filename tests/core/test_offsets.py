"""Nothing unfinished is ever below the position, nothing finished is ever handed out again."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.core.examples import BINDING
from worker.core.offset_map import OffsetMap, decode, encode
from worker.core.offsets import Offsets


def test_skipped() -> None:
    """What never comes is passed over: the position is behind it once nothing before it is open."""
    offsets = Offsets(5, OffsetMap(9, (6,)))
    for behind in (3, 5):
        offsets.skip_to(behind)
        assert (offsets.position, offsets.revision) == (5, 0)
    offsets.skip_to(20)
    assert (offsets.position, offsets.finished(), offsets.revision) == (20, None, 1)
    offsets.track(20)
    assert offsets.unfinished == 1


def test_skipped_amid_what_is_finished() -> None:
    """What an earlier member had finished is not handed out again where something before it never comes."""
    offsets = Offsets(5, OffsetMap(9, (5, 7)))
    offsets.track(5)
    offsets.skip_to(8)
    assert not offsets.track(8)
    assert (offsets.position, offsets.finished()) == (5, OffsetMap(9, (5,)))


class Life(RuleBasedStateMachine):
    """One partition through many assignments, beside sets that remember everything.

    The log holds the offsets that exist; a new assignment reads them again from the committed one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log: list[int] = []
        self.resolved: set[int] = set()
        self.kept: set[int] = set()
        """What was resolved when the last commit was made."""
        self.committed = 0
        self.metadata = ""
        self.end = 0

    @initialize(start=st.integers(0, 2**40))
    def begin(self, start: int) -> None:
        self.end = self.committed = start
        self.assign()

    def commit(self) -> None:
        position = self.offsets.position
        assert position is not None
        self.committed, self.metadata = position, encode(position, self.offsets.finished(), BINDING)
        self.kept = set(self.resolved)

    def assign(self) -> None:
        self.offsets = Offsets(self.committed, decode(self.committed, self.metadata, BINDING).finished)
        self.next = self.committed
        self.open: set[int] = set()
        self.ahead = [offset for offset in self.log if offset >= self.committed]
        self.seen = self.committed

    @rule(gaps=st.lists(st.one_of(st.just(1), st.integers(1, 4), st.integers(1, 2**21)), max_size=12))
    def produce(self, gaps: list[int]) -> None:
        """Append records; a gap is what compaction or a transaction marker leaves."""
        for gap in gaps:
            self.log.append(self.end + gap - 1)
            self.ahead.append(self.end + gap - 1)
            self.end += gap

    @precondition(lambda self: self.ahead)
    @rule(count=st.integers(1, 9))
    def track(self, count: int) -> None:
        """Take up the next records: those resolved in any assignment are refused, all others are ours."""
        for offset in self.ahead[:count]:
            assert self.offsets.track(offset) == (offset not in self.resolved)
            self.next = offset + 1
            if offset not in self.resolved:
                self.open.add(offset)
        del self.ahead[:count]

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def resolve(self, data: st.DataObject) -> None:
        """End a record, whichever."""
        offset = data.draw(st.sampled_from(sorted(self.open)))
        before = self.offsets.revision
        self.offsets.resolve(offset)
        assert self.offsets.revision > before
        self.open.remove(offset)
        self.resolved.add(offset)

    @precondition(lambda self: len(self.open) > 1)
    @rule(newest_first=st.booleans())
    def resolve_all_but_the_oldest(self, newest_first: bool) -> None:
        """One hangs while all behind it end."""
        behind = sorted(self.open)[1:]
        for offset in reversed(behind) if newest_first else behind:
            self.offsets.resolve(offset)
            self.open.remove(offset)
            self.resolved.add(offset)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def rewind(self, data: st.DataObject) -> None:
        """Have the last records read again; not where one of them has ended, or was finished before."""
        count = data.draw(st.integers(1, len(self.open)))
        tail = sorted(self.open)[-count:]
        again = [offset for offset in self.log if tail[0] <= offset < self.next]
        may = not any(offset in self.resolved for offset in again)
        assert self.offsets.rewind(tail[0], count) is may
        assert not self.offsets.rewind(tail[0] + 1, count), "not the first of so many"
        if may:
            self.open.difference_update(again)
            self.ahead = again + self.ahead
            self.next = tail[0]

    @rule(compacted=st.booleans(), data=st.data())
    def commit_and_compact(self, compacted: bool, data: st.DataObject) -> None:
        """Commit; records may then vanish from the log."""
        self.commit()
        if compacted and self.ahead:
            gone = data.draw(st.sampled_from(self.ahead))
            self.log.remove(gone)
            self.ahead.remove(gone)

    @rule()
    def restart(self) -> None:
        """Crash: what was not committed is forgotten, the next member starts from what was."""
        self.resolved = set(self.kept)
        self.assign()

    @rule()
    def hand_over(self) -> None:
        """Commit and start again: every single resolved offset is remembered."""
        self.commit()
        self.assign()

    @invariant()
    def position_is_below_all_that_is_unfinished(self) -> None:
        position = self.offsets.position
        assert position is not None
        assert position == min(self.open, default=self.next)
        assert position >= self.seen, "the position went back"
        self.seen = position
        assert all(offset in self.resolved for offset in self.log if offset < position)

    @invariant()
    def counts_are_those_of_the_sets(self) -> None:
        assert self.offsets.unfinished == len(self.open)
        assert self.offsets.oldest == min(self.open, default=None)
        reach = self.next - min(self.open) if self.open else 0
        assert self.offsets.span == reach

    @invariant()
    def the_map_tells_exactly_what_is_resolved(self) -> None:
        position, told = self.offsets.position, self.offsets.finished()
        assert position is not None
        for offset in self.log:
            if offset >= position:
                assert (told is not None and offset in told) == (offset in self.resolved)
        if told is not None:
            assert list(told.holes) == sorted(set(told.holes))
            assert all(position <= hole < told.upto for hole in told.holes)
        assert self.offsets.known() == (told or OffsetMap(position, ()))


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=30),
    st.randoms(use_true_random=False),
)
def test_any_order(gaps: list[int], random: Random) -> None:
    """Resolved in any order, the position ends behind the last and nothing stays above it."""
    read = [sum(gaps[: index + 1]) for index in range(len(gaps))]
    offsets = Offsets(0)
    assert all(offsets.track(offset) for offset in read)
    order = list(read)
    random.shuffle(order)
    for offset in order:
        offsets.resolve(offset)
    assert (offsets.position, offsets.unfinished, offsets.span) == (read[-1] + 1, 0, 0)
    assert offsets.finished() is None


@pytest.mark.parametrize("order", [*permutations(range(4))])
def test_position_in_every_order_of_four(order: tuple[int, ...]) -> None:
    """After each resolution the position is the lowest offset that is not resolved."""
    offsets = Offsets(0)
    for offset in range(4):
        offsets.track(offset)
    left = set(range(4))
    for offset in order:
        offsets.resolve(offset)
        left.remove(offset)
        assert offsets.position == min(left, default=4)


def test_nothing_known() -> None:
    """Without a committed offset the position is unknown until the first record, wherever that lies."""
    offsets = Offsets(None)
    assert (offsets.position, offsets.oldest, offsets.span, offsets.finished()) == (None, None, 0, None)
    assert offsets.track(1_000)
    assert offsets.position == 1_000


def test_offsets_only_rise() -> None:
    """An offset that came before is refused: it would count twice."""
    offsets = Offsets(5)
    offsets.track(7)
    for offset in (6, 7):
        with pytest.raises(ValueError, match=f"offset {offset} comes after 7"):
            offsets.track(offset)


def test_nothing_for_us_from_the_start() -> None:
    """Where a log is read from its start, what holds nothing for us there is passed over as elsewhere."""
    offsets = Offsets(None)
    offsets.pass_over(-2, 40)
    assert offsets.position == 40
    offsets.pass_over(-2, 50)
    assert offsets.position == 40


def test_nothing_for_us_behind_what_was_tracked() -> None:
    """What holds nothing for us is passed over right behind what was tracked, and nowhere else."""
    offsets = Offsets(5)
    offsets.pass_over(7, 20)
    assert offsets.position == 5
    offsets.pass_over(5, 9)
    assert offsets.position == 9
    unknown = Offsets(None)
    unknown.pass_over(0, 40)
    assert unknown.position is None
