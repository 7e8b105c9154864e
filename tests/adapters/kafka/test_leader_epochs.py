"""Which epoch is committed with an offset, and what the epochs of records tell of a log that was cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.kafka.leader_epochs import LastRead, LeaderEpochs
from worker.core.record import Partition

AT = Partition("conversions", 0)


def test_the_latest_is_committed() -> None:
    """The epoch of what was read last is committed, and before that the one that was committed."""
    epochs = LeaderEpochs()
    assert epochs.to_commit(AT, 5) is None
    epochs.begin(AT, 2)
    assert epochs.to_commit(AT, 5) == 2
    epochs.note(AT, 4)
    epochs.note(AT, 3)
    assert epochs.to_commit(AT, 5) == 4
    epochs.begin(AT, None)
    assert epochs.to_commit(AT, 5) is None


def end_of(epoch: int, log: list[int]) -> int:
    """What a broker answers that is asked where an epoch's part of its log ends."""
    return next((offset for offset, other in enumerate(log) if other > epoch), len(log))


logs = st.lists(st.tuples(st.integers(1, 20), st.integers(0, 2)), min_size=1, max_size=30)


def log_of(runs: list[tuple[int, int]]) -> list[int]:
    """The epoch of each record."""
    log: list[int] = []
    epoch = 0
    for length, step in runs:
        epoch += step
        log.extend([epoch] * length)
    return log


@given(logs, st.integers(1, 600), st.integers(0, 600), st.integers(1, 50))
def test_tells_of_each_cut_and_of_no_other(
    runs: list[tuple[int, int]], read: int, cut: int, grown: int
) -> None:
    """However leaders follow each other, the epoch of an offset tells of each cut below it."""
    log = log_of(runs)
    read = min(read, len(log))
    cut_log = log[:cut] + [log[-1] + 1] * grown
    epochs = LeaderEpochs()
    epochs.note(AT, log[read - 1])
    for offset in range(1, read + 1):
        known = epochs.to_commit(AT, offset)
        assert known is not None
        assert end_of(known, log) >= offset, "a sound log looks sound"
        if cut < offset:
            assert end_of(known, cut_log) == cut
        else:
            assert end_of(known, cut_log) >= offset


@given(logs, st.integers(1, 600), st.integers(0, 600), st.integers(1, 600))
def test_records_tell_of_a_cut_above(runs: list[tuple[int, int]], upto: int, cut: int, grown: int) -> None:
    """Of a log that was cut below what is known to be finished the first record after the cut is told."""
    log = log_of(runs)
    upto = min(upto, len(log))
    now = log[:cut] + [log[-1] + 1] * grown
    epochs = LeaderEpochs()
    epochs.prove(AT, log[upto - 1], upto)
    told = [offset for offset, epoch in enumerate(now) if epochs.is_cut(AT, offset, epoch)]
    assert told == ([cut] if cut < upto else [])


def test_what_is_to_be_proven_is_committed_so() -> None:
    """What was not proven yet is to be proven again after a crash; past the cut the new leaders count."""
    epochs = LeaderEpochs()
    epochs.begin(AT, 2)
    epochs.prove(AT, 2, 20)
    epochs.note(AT, 4)
    assert epochs.to_commit(AT, 5) == 2
    assert epochs.is_cut(AT, 10, 4)
    assert not epochs.is_cut(AT, 11, 4), "it is told once"
    assert [epochs.to_commit(AT, offset) for offset in (9, 10)] == [2, 4]


def test_proven_by_the_end() -> None:
    """Nothing is to be proven any more once all below is read."""
    epochs = LeaderEpochs()
    epochs.prove(AT, 2, 20)
    assert not epochs.is_cut(AT, 19, 2)
    assert epochs.has_proofs
    assert not epochs.is_cut(AT, 20, 4)
    assert not epochs.has_proofs


def test_unknown() -> None:
    """Where no epoch is known, of the finished ones or of a record, nothing is told."""
    epochs = LeaderEpochs()
    epochs.prove(AT, None, 20)
    assert not epochs.is_cut(AT, 5, 4)
    epochs.prove(AT, 2, None)
    assert not epochs.is_cut(AT, 5, 4)
    epochs.prove(AT, 2, 20)
    assert not epochs.is_cut(AT, 5, None)


def test_left() -> None:
    """Of a partition that is left it is told once how far it was handed over, and from which leaders."""
    epochs = LeaderEpochs()
    epochs.begin(AT, 2)
    epochs.note(AT, 4)
    epochs.leave([(AT, 30)])
    assert epochs.to_commit(AT, 5) is None
    assert epochs.last_read(AT) == LastRead(4, 30)
    assert epochs.last_read(AT) is None


def test_left_before_it_was_proven() -> None:
    """What was not proven when a partition was left is to be proven when it comes back."""
    epochs = LeaderEpochs()
    epochs.begin(AT, 2)
    epochs.prove(AT, 2, 40)
    epochs.note(AT, 4)
    epochs.leave([(AT, 30)])
    assert epochs.last_read(AT) == LastRead(2, 40)


def test_nothing_read() -> None:
    """Of what was never handed over nothing is remembered."""
    epochs = LeaderEpochs()
    epochs.begin(AT, 2)
    epochs.leave([(AT, None)])
    assert epochs.last_read(AT) is None
