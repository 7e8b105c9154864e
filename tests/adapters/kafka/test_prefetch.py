"""The prefetch: what was read and not yet asked for."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.kafka.pause_reasons import PausedPartitions
from worker.adapters.kafka.prefetch import (
    FEW_RECORDS,
    LONG_SECONDS,
    MOST_RECORDS,
    PATIENCE_SECONDS,
    RUN_RECORDS,
    Prefetch,
)
from worker.core.held_bytes import NO_BOUND, HeldBytes
from worker.core.record import Partition, Record

A, B = Partition("t", 0), Partition("t", 1)


def roomy() -> Prefetch:
    """A prefetch with all the room in the world."""
    prefetch = Prefetch(HeldBytes(NO_BOUND), PausedPartitions())
    for at in (A, B):
        prefetch.allow(at, 1_000_000)
    return prefetch


def records(at: Partition, start: int, count: int) -> list[Record]:
    """Records of a partition, one after another."""
    return [Record(at, offset, None, None, (), 0.0) for offset in range(start, start + count)]


step = st.one_of(
    st.tuples(st.just("ask"), st.integers(1, 5)),
    st.tuples(st.sampled_from(["read", "allow"]), st.sampled_from([A, B]), st.integers(1, 5)),
    st.tuples(st.sampled_from(["hold", "release", "drop"]), st.sampled_from([A, B])),
)


class Reader:
    """A member around a prefetch: reads on where it stood, and notes what was handed over."""

    def __init__(self) -> None:
        self.prefetch = Prefetch(HeldBytes(NO_BOUND), PausedPartitions())
        self.next = {A: 0, B: 0}
        self.room = {A: 0, B: 0}
        self.asked = self.given = 0
        self.got: list[Record] = []

    def go(self, name: str, *arguments: Partition | int) -> None:
        """Take one step."""
        match name, arguments:
            case "ask", [int(count)]:
                self.asked += count
                self.prefetch.ask(self.given + self.asked)
            case "read", [Partition() as at, int(count)]:
                new = records(at, self.next[at], min(count, self.prefetch.room()))
                self.next[at] += len(new)
                self._note(self.prefetch.pass_through(new, 0.0))
            case "allow", [Partition() as at, int(count)]:
                self.prefetch.allow(at, count)
                self.room[at] += count
            case "hold", [Partition() as at]:
                self.prefetch.pause(at)
            case "release", [Partition() as at]:
                self.prefetch.resume(at)
            case "drop", [Partition() as at]:
                self.prefetch.drop([at])
                self.got = [record for record in self.got if record.at != at]
                self.next[at] = self.room[at] = 0
        self._note(self.prefetch.take())

    def _note(self, taken: Sequence[Record]) -> None:
        assert not any(record.at in self.prefetch.paused.ordered for record in taken)
        self.asked -= len(taken)
        self.given += len(taken)
        assert self.asked >= 0
        for record in taken:
            self.room[record.at] -= 1
        assert min(self.room.values()) >= 0
        assert self.prefetch.demand == self.asked
        self.got.extend(taken)


@given(st.lists(step, max_size=60))
def test_every_record_once_in_order(steps: list[tuple[str, Partition | int]]) -> None:
    """However orders mix, each record leaves once, in order, on demand and within the room."""
    reader = Reader()
    for name, *arguments in steps:
        reader.go(name, *arguments)
    for at in (A, B):
        reader.go("release", at)
        reader.go("allow", at, 1000)
    reader.go("ask", 1000)
    for at in (A, B):
        assert [record.offset for record in reader.got if record.at == at] == list(range(reader.next[at]))


def test_full_and_patient() -> None:
    """All pauses when a full prefetch found no demand for a while, and not before."""
    prefetch = roomy()
    prefetch.pass_through(records(A, 0, MOST_RECORDS), 0.0)
    assert prefetch.room() == 0
    assert not prefetch.decide_pauses(10.0)
    assert not prefetch.decide_pauses(10.0 + PATIENCE_SECONDS / 2)
    assert prefetch.decide_pauses(10.0 + PATIENCE_SECONDS)
    assert prefetch.paused.all


def test_resumes_when_half_empty() -> None:
    """A demand that the prefetch can meet resumes nothing; one that empties half of it does."""
    prefetch = roomy()
    prefetch.pass_through(records(A, 0, MOST_RECORDS), 0.0)
    prefetch.decide_pauses(0.0)
    prefetch.decide_pauses(PATIENCE_SECONDS)
    prefetch.ask(10)
    assert len(prefetch.take()) == 10
    assert not prefetch.decide_pauses(1.0)
    prefetch.ask(10 + MOST_RECORDS // 2)
    assert len(prefetch.take()) == MOST_RECORDS // 2
    assert prefetch.decide_pauses(2.0)
    assert not prefetch.paused.all


def test_resumes_for_more_than_it_holds() -> None:
    """A demand that is still open after the prefetch is empty resumes."""
    prefetch = roomy()
    prefetch.pass_through(records(A, 0, MOST_RECORDS), 0.0)
    prefetch.decide_pauses(0.0)
    prefetch.decide_pauses(PATIENCE_SECONDS)
    prefetch.ask(MOST_RECORDS + 1)
    prefetch.take()
    assert prefetch.decide_pauses(1.0)
    assert not prefetch.paused.all


def test_kept_records_take_no_room() -> None:
    """What waits for a held partition does not keep others from being read."""
    prefetch = roomy()
    prefetch.pass_through(records(A, 0, MOST_RECORDS), 0.0)
    prefetch.pause(A)
    assert prefetch.room() == MOST_RECORDS


def test_turns() -> None:
    """Partitions take turns, however many records of one lie in front of the other's."""
    prefetch = roomy()
    assert prefetch.pass_through([], 0.0) == []
    prefetch.pass_through(records(A, 0, 100), 0.0)
    prefetch.pass_through(records(B, 0, 2), 0.0)
    prefetch.ask(RUN_RECORDS + 5)
    assert [record.at for record in prefetch.take()] == [A] * RUN_RECORDS + [B] * 2 + [A] * 3


def test_one_that_keeps_others_waiting() -> None:
    """A partition whose records lie here for long is paused while others come, until few are left."""
    prefetch = roomy()
    prefetch.pass_through(records(A, 0, 2 * FEW_RECORDS), 0.0)
    prefetch.pass_through(records(B, 0, 1), 0.0)
    assert not prefetch.decide_pauses(LONG_SECONDS / 2)
    assert prefetch.decide_pauses(LONG_SECONDS)
    assert prefetch.paused.wanted({A, B}) == {A}
    assert prefetch.room() == MOST_RECORDS - 1
    prefetch.ask(FEW_RECORDS)
    prefetch.take()
    assert not prefetch.decide_pauses(LONG_SECONDS)
    prefetch.ask(2 * FEW_RECORDS)
    prefetch.take()
    assert prefetch.decide_pauses(LONG_SECONDS)
    assert prefetch.paused.wanted({A, B}) == set()


def test_one_that_is_alone() -> None:
    """A partition that nothing comes beside is not paused, however long its records lie here."""
    prefetch = roomy()
    prefetch.pass_through(records(A, 0, 2 * FEW_RECORDS), 0.0)
    assert not prefetch.decide_pauses(LONG_SECONDS)
    prefetch.pass_through(records(B, 0, 1), LONG_SECONDS)
    assert prefetch.decide_pauses(LONG_SECONDS)
    assert prefetch.decide_pauses(10.0)
    assert prefetch.paused.wanted({A, B}) == set()


def test_a_paused_one_that_goes_away() -> None:
    """A partition that is held or dropped is not paused for what lies here any more."""
    for leave in (Prefetch.pause, lambda prefetch, at: prefetch.drop([at])):
        prefetch = roomy()
        prefetch.pass_through(records(A, 0, 2 * FEW_RECORDS), 0.0)
        prefetch.pass_through(records(B, 0, 1), 0.0)
        prefetch.decide_pauses(LONG_SECONDS)
        leave(prefetch, A)
        prefetch.decide_pauses(LONG_SECONDS)
        assert prefetch.paused.wanted({A, B}) == prefetch.paused.ordered
        assert prefetch.room() == MOST_RECORDS - 1


def test_one_without_room() -> None:
    """A partition without room keeps no other waiting, and is paused while more than a few of it lie here."""
    prefetch = roomy()
    prefetch.drop([A])
    prefetch.ask(1000)
    prefetch.pass_through(records(A, 0, FEW_RECORDS), 0.0)
    assert [record.at for record in prefetch.pass_through(records(B, 0, 3), 0.0)] == [B] * 3
    assert prefetch.waits_for_room
    assert prefetch.decide_pauses(0.0)
    assert prefetch.paused.wanted({A, B}) == {A}
    prefetch.allow(A, 1)
    assert prefetch.take() == records(A, 0, 1)
    assert prefetch.decide_pauses(0.0)
    assert prefetch.paused.wanted({A, B}) == set()
    prefetch.pause(A)
    assert not prefetch.waits_for_room, "it waits for its release as well"
