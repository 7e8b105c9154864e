"""Which epoch is committed with an offset: that of the last record before it, or none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.kafka.leader_epochs import LeaderEpochs
from worker.core.record import Partition

AT = Partition("conversions", 0)


def test_between_two_looks() -> None:
    """What lies between two looks that found one epoch is of that epoch; what was never seen is unknown."""
    epochs = LeaderEpochs()
    epochs.note(AT, 10, 2)
    epochs.note(AT, 20, 2)
    assert [epochs.before(AT, offset) for offset in (9, 10, 15, 20, 21)] == [None, 2, 2, 2, None]


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


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 2)), min_size=1, max_size=30),
    st.lists(st.integers(1, 40), min_size=1, max_size=20),
)
def test_never_wrong(runs: list[tuple[int, int]], looks: list[int]) -> None:
    """However leaders follow each other and whenever it looks, what it tells is the record's own epoch."""
    log: list[int] = []
    epoch = 0
    for length, step in runs:
        epoch += step
        log.extend([epoch] * length)
    epochs, end = LeaderEpochs(), 0
    for step in looks:
        end = min(end + step, len(log))
        epochs.note(AT, end, log[end - 1])
        for offset in range(1, end + 1):
            assert epochs.before(AT, offset) in {None, log[offset - 1]}
        assert epochs.before(AT, end) == log[end - 1]
