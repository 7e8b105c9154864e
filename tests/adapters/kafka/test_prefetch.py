"""The prefetch: what was read and not yet asked for."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

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
    prefetch = Prefetch(HeldBytes(NO_BOUND))
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
        self.prefetch = Prefetch(HeldBytes(NO_BOUND))
        self.next = {A: 0, B: 0}
        self.room = {A: 0, B: 0}
        self.asked = 0
        self.got: list[Record] = []

    def go(self, name: str, *arguments: Partition | int) -> None:
        """Take one step."""
        match name, arguments:
            case "ask", [int(count)]:
                self.prefetch.ask(count)
                self.asked += count
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
        assert not any(record.at in self.prefetch.paused for record in taken)
        self.asked -= len(taken)
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
    assert not prefetch.weigh(10.0)
    assert not prefetch.weigh(10.0 + PATIENCE_SECONDS / 2)
    assert prefetch.weigh(10.0 + PATIENCE_SECONDS)
    assert prefetch.choked


def test_resumes_when_half_empty() -> None:
    """A demand that the prefetch can meet resumes nothing; one that empties half of it does."""
    prefetch = roomy()
    prefetch.pass_through(records(A, 0, MOST_RECORDS), 0.0)
    prefetch.weigh(0.0)
    prefetch.weigh(PATIENCE_SECONDS)
    prefetch.ask(10)
    assert len(prefetch.take()) == 10
    assert not prefetch.weigh(1.0)
    prefetch.ask(MOST_RECORDS // 2)
    assert len(prefetch.take()) == MOST_RECORDS // 2
    assert prefetch.weigh(2.0)
    assert not prefetch.choked


def test_resumes_for_more_than_it_holds() -> None:
    """A demand that is still open after the prefetch is empty resumes."""
    prefetch = roomy()
    prefetch.pass_through(records(A, 0, MOST_RECORDS), 0.0)
    prefetch.weigh(0.0)
    prefetch.weigh(PATIENCE_SECONDS)
    prefetch.ask(MOST_RECORDS + 1)
    prefetch.take()
    assert prefetch.weigh(1.0)
    assert not prefetch.choked


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
    assert not prefetch.weigh(LONG_SECONDS / 2)
    assert prefetch.weigh(LONG_SECONDS)
    assert prefetch.unwanted == {A}
    assert prefetch.room() == MOST_RECORDS - 1
    prefetch.ask(FEW_RECORDS)
    prefetch.take()
    assert not prefetch.weigh(LONG_SECONDS)
    prefetch.ask(FEW_RECORDS)
    prefetch.take()
    assert prefetch.weigh(LONG_SECONDS)
    assert prefetch.unwanted == set()


def test_one_that_is_alone() -> None:
    """A partition that nothing comes beside is not paused, however long its records lie here."""
    prefetch = roomy()
    prefetch.pass_through(records(A, 0, 2 * FEW_RECORDS), 0.0)
    assert not prefetch.weigh(LONG_SECONDS)
    prefetch.pass_through(records(B, 0, 1), LONG_SECONDS)
    assert prefetch.weigh(LONG_SECONDS)
    assert prefetch.weigh(10.0)
    assert prefetch.unwanted == set()


def test_a_paused_one_that_goes_away() -> None:
    """A partition that is held or dropped is not paused for its slowness any more."""
    for leave in (Prefetch.pause, lambda prefetch, at: prefetch.drop([at])):
        prefetch = roomy()
        prefetch.pass_through(records(A, 0, 2 * FEW_RECORDS), 0.0)
        prefetch.pass_through(records(B, 0, 1), 0.0)
        prefetch.weigh(LONG_SECONDS)
        leave(prefetch, A)
        prefetch.weigh(LONG_SECONDS)
        assert prefetch.unwanted == prefetch.paused
        assert prefetch.room() == MOST_RECORDS - 1


def test_one_without_room() -> None:
    """A partition without room keeps no other waiting, and is paused while more than a few of it lie here."""
    prefetch = roomy()
    prefetch.drop([A])
    prefetch.ask(1000)
    prefetch.pass_through(records(A, 0, FEW_RECORDS), 0.0)
    assert [record.at for record in prefetch.pass_through(records(B, 0, 3), 0.0)] == [B] * 3
    assert prefetch.waits_for_room
    assert prefetch.weigh(0.0)
    assert prefetch.unwanted == {A}
    prefetch.allow(A, 1)
    assert prefetch.take() == records(A, 0, 1)
    assert prefetch.weigh(0.0)
    assert prefetch.unwanted == set()
    prefetch.pause(A)
    assert not prefetch.waits_for_room, "it waits for its release as well"


def large(at: Partition, start: int, count: int, size: int) -> list[Record]:
    """Records of so many bytes."""
    return [Record(at, offset, None, b"x", (), 0.0, size) for offset in range(start, start + count)]


def of_bytes(most: int, unit: int = NO_BOUND) -> tuple[Prefetch, HeldBytes]:
    """A prefetch with room, and demand, for many records, and its bound."""
    paused = HeldBytes(most, unit)
    prefetch = Prefetch(paused)
    prefetch.ask(1000)
    for at in (A, B):
        prefetch.allow(at, 1000)
    return prefetch, paused


def test_no_more_bytes_are_read() -> None:
    """As much is read as fits where records are as large as lately; nothing while all bytes are spent."""
    prefetch, paused = of_bytes(1000)
    assert prefetch.room() == 1000
    prefetch.pass_through(large(A, 0, 2, 150), 0.0)
    assert prefetch.room() == 5
    prefetch.pass_through(large(A, 2, 5, 150), 0.0)
    assert (paused.left, prefetch.room()) == (0, 0)
    assert prefetch.waits_for_room
    assert not prefetch.weigh(1.0)
    assert prefetch.weigh(1.0 + PATIENCE_SECONDS)
    assert prefetch.choked
    paused.ended += 150
    assert not prefetch.weigh(2.0)
    assert prefetch.choked, "less than a quarter is left"
    paused.ended += 150
    assert prefetch.weigh(3.0)
    assert not prefetch.choked


def test_what_is_paused_is_thrown_away() -> None:
    """Where bytes are short what lies here of held and full partitions is thrown away, to be read again."""
    prefetch, paused = of_bytes(1000)
    prefetch.drop([B])
    prefetch.pause(A)
    prefetch.pass_through(large(A, 7, 2, 100), 0.0)
    prefetch.pass_through(large(B, 3, 2, 100), 0.0)
    prefetch.weigh(0.0)
    assert prefetch.relieve(()) == {}
    assert paused.count == 400
    prefetch.pass_through(large(A, 9, 2, 100), 0.0)
    prefetch.allow(B, 0)
    prefetch.weigh(0.0)
    assert prefetch.unwanted == {A, B}
    assert prefetch.relieve({A}) == {B: 3}
    assert paused.count == 400
    assert prefetch.relieve({B}) == {}, "bytes are not short any more"
    paused.ended -= 200
    assert prefetch.relieve(()) == {A: 7}
    prefetch.resume(A)
    assert prefetch.take() == []
    assert prefetch.pass_through(large(A, 7, 1, 100), 0.0) == large(A, 7, 1, 100)


def test_thrown_away() -> None:
    """What is thrown away on demand is gone, whether its partition stands in line, is held or full."""
    prefetch, paused = of_bytes(10_000)
    prefetch.demand = 0
    prefetch.pass_through(large(A, 0, 3, 100), 0.0)
    assert prefetch.throw_away(A) == 0
    assert prefetch.throw_away(A) is None
    assert paused.count == 0
    prefetch.ask(10)
    assert prefetch.take() == []


def test_large_records_take_up_more_room() -> None:
    """A record has the room of as many as it has units of bytes; the last one may be larger than the rest."""
    prefetch, _ = of_bytes(NO_BOUND, unit=100)
    assert len(prefetch.pass_through(large(A, 0, 300, 400), 0.0)) == 250
    prefetch.allow(A, 3)
    assert len(prefetch.take()) == 1
    prefetch.allow(A, 1)
    assert prefetch.take() == []
    assert len(prefetch.pass_through(large(B, 0, 1, 100), 0.0)) == 1


def test_turns_of_large_records() -> None:
    """Partitions with large records take turns one by one."""
    prefetch, _ = of_bytes(NO_BOUND, unit=100)
    prefetch.demand = 0
    prefetch.pass_through(large(A, 0, 10, 500), 0.0)
    prefetch.pass_through(large(B, 0, 10, 50), 0.0)
    prefetch.ask(13)
    assert [record.at for record in prefetch.take()] == [A, *[B] * 10, A, A]
