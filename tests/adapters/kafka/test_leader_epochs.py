"""Which epoch is committed with an offset: that of the last record before it, or a later one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.kafka.leader_epochs import LeaderEpochs
from worker.core.record import Partition

AT = Partition("conversions", 0)


def test_what_is_not_known() -> None:
    """Before the first look that look's epoch is told; beyond the last one, none."""
    epochs = LeaderEpochs()
    epochs.note(AT, 10, 2)
    epochs.note(AT, 20, 2)
    epochs.note(AT, 30, 4)
    assert [epochs.before(AT, offset) for offset in (9, 10, 20, 21, 30, 31)] == [2, 2, 2, 4, 4, None]


def test_what_was_committed_counts() -> None:
    """The epoch that was committed where reading begins holds up to the next look that finds it."""
    epochs = LeaderEpochs()
    epochs.begin(AT, 10, 2)
    epochs.note(AT, 30, 2)
    assert epochs.before(AT, 20) == 2
    epochs.begin(AT, 50, None)
    assert epochs.before(AT, 20) is None


def test_forgotten() -> None:
    """Of a partition that is not ours any more nothing is known."""
    epochs = LeaderEpochs()
    epochs.note(AT, 10, 2)
    epochs.forget([AT])
    assert epochs.before(AT, 10) is None


def end_of(epoch: int, log: list[int]) -> int:
    """What a broker answers that is asked where an epoch's part of its log ends."""
    return next((offset for offset, other in enumerate(log) if other > epoch), len(log))


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 2)), min_size=1, max_size=30),
    st.lists(st.integers(1, 40), min_size=1, max_size=20),
    st.integers(0, 100),
    st.integers(1, 50),
)
def test_tells_of_each_cut_and_of_no_other(
    runs: list[tuple[int, int]], looks: list[int], cut: int, grown: int
) -> None:
    """However leaders follow each other, the epoch of an offset tells of each cut below it."""
    log: list[int] = []
    epoch = 0
    for length, step in runs:
        epoch += step
        log.extend([epoch] * length)
    cut_log = log[:cut] + [epoch + 1] * grown
    epochs, end = LeaderEpochs(), 0
    for step in looks:
        end = min(end + step, len(log))
        epochs.note(AT, end, log[end - 1])
    for offset in range(1, end + 1):
        known = epochs.before(AT, offset)
        assert known is not None
        assert end_of(known, log) >= offset, "a sound log looks sound"
        if cut < offset:
            assert end_of(known, cut_log) == cut
        else:
            assert end_of(known, cut_log) >= offset
