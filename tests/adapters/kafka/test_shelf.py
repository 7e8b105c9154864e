"""The shelf: what was read and not yet asked for."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.kafka.shelf import FEW, LIMIT, LONG, PATIENCE, RUN, Shelf
from worker.core.held_bytes import NO_BOUND, HeldBytes
from worker.core.record import Partition, Record

A, B = Partition("t", 0), Partition("t", 1)


def roomy() -> Shelf:
    """A shelf with all the room in the world."""
    shelf = Shelf(HeldBytes(NO_BOUND))
    for at in (A, B):
        shelf.allow(at, 1_000_000)
    return shelf


def records(at: Partition, start: int, count: int) -> list[Record]:
    """Records of a partition, one after another."""
    return [Record(at, offset, None, None, (), 0.0) for offset in range(start, start + count)]


step = st.one_of(
    st.tuples(st.just("ask"), st.integers(1, 5)),
    st.tuples(st.sampled_from(["read", "allow"]), st.sampled_from([A, B]), st.integers(1, 5)),
    st.tuples(st.sampled_from(["hold", "release", "drop"]), st.sampled_from([A, B])),
)


class Reader:
    """A member around a shelf: reads on where it stood, and notes what was handed over."""

    def __init__(self) -> None:
        self.shelf = Shelf(HeldBytes(NO_BOUND))
        self.next = {A: 0, B: 0}
        self.room = {A: 0, B: 0}
        self.asked = 0
        self.got: list[Record] = []

    def go(self, name: str, *arguments: Partition | int) -> None:
        """Take one step."""
        match name, arguments:
            case "ask", [int(count)]:
                self.shelf.ask(count)
                self.asked += count
            case "read", [Partition() as at, int(count)]:
                new = records(at, self.next[at], min(count, self.shelf.room()))
                self.next[at] += len(new)
                self._note(self.shelf.pass_through(new, 0.0))
            case "allow", [Partition() as at, int(count)]:
                self.shelf.allow(at, count)
                self.room[at] += count
            case "hold", [Partition() as at]:
                self.shelf.hold(at)
            case "release", [Partition() as at]:
                self.shelf.release(at)
            case "drop", [Partition() as at]:
                self.shelf.drop([at])
                self.got = [record for record in self.got if record.at != at]
                self.next[at] = self.room[at] = 0
        self._note(self.shelf.take())

    def _note(self, taken: Sequence[Record]) -> None:
        assert not any(record.at in self.shelf.held for record in taken)
        self.asked -= len(taken)
        assert self.asked >= 0
        for record in taken:
            self.room[record.at] -= 1
        assert min(self.room.values()) >= 0
        assert self.shelf.demand == self.asked
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
    """All pauses when a full shelf found no demand for a while, and not before."""
    shelf = roomy()
    shelf.pass_through(records(A, 0, LIMIT), 0.0)
    assert shelf.room() == 0
    assert not shelf.weigh(10.0)
    assert not shelf.weigh(10.0 + PATIENCE / 2)
    assert shelf.weigh(10.0 + PATIENCE)
    assert shelf.choked


def test_resumes_when_half_empty() -> None:
    """A demand that the shelf can meet resumes nothing; one that empties half of it does."""
    shelf = roomy()
    shelf.pass_through(records(A, 0, LIMIT), 0.0)
    shelf.weigh(0.0)
    shelf.weigh(PATIENCE)
    shelf.ask(10)
    assert len(shelf.take()) == 10
    assert not shelf.weigh(1.0)
    shelf.ask(LIMIT // 2)
    assert len(shelf.take()) == LIMIT // 2
    assert shelf.weigh(2.0)
    assert not shelf.choked


def test_resumes_for_more_than_it_holds() -> None:
    """A demand that is still open after the shelf is empty resumes."""
    shelf = roomy()
    shelf.pass_through(records(A, 0, LIMIT), 0.0)
    shelf.weigh(0.0)
    shelf.weigh(PATIENCE)
    shelf.ask(LIMIT + 1)
    shelf.take()
    assert shelf.weigh(1.0)
    assert not shelf.choked


def test_kept_records_take_no_room() -> None:
    """What waits for a held partition does not keep others from being read."""
    shelf = roomy()
    shelf.pass_through(records(A, 0, LIMIT), 0.0)
    shelf.hold(A)
    assert shelf.room() == LIMIT


def test_turns() -> None:
    """Partitions take turns, however many records of one lie in front of the other's."""
    shelf = roomy()
    assert shelf.pass_through([], 0.0) == []
    shelf.pass_through(records(A, 0, 100), 0.0)
    shelf.pass_through(records(B, 0, 2), 0.0)
    shelf.ask(RUN + 5)
    assert [record.at for record in shelf.take()] == [A] * RUN + [B] * 2 + [A] * 3


def test_one_that_keeps_others_waiting() -> None:
    """A partition whose records lie here for long is paused while others come, until few are left."""
    shelf = roomy()
    shelf.pass_through(records(A, 0, 2 * FEW), 0.0)
    shelf.pass_through(records(B, 0, 1), 0.0)
    assert not shelf.weigh(LONG / 2)
    assert shelf.weigh(LONG)
    assert shelf.unwanted == {A}
    assert shelf.room() == LIMIT - 1
    shelf.ask(FEW)
    shelf.take()
    assert not shelf.weigh(LONG)
    shelf.ask(FEW)
    shelf.take()
    assert shelf.weigh(LONG)
    assert shelf.unwanted == set()


def test_one_that_is_alone() -> None:
    """A partition that nothing comes beside is not paused, however long its records lie here."""
    shelf = roomy()
    shelf.pass_through(records(A, 0, 2 * FEW), 0.0)
    assert not shelf.weigh(LONG)
    shelf.pass_through(records(B, 0, 1), LONG)
    assert shelf.weigh(LONG)
    assert shelf.weigh(10.0)
    assert shelf.unwanted == set()


def test_a_paused_one_that_goes_away() -> None:
    """A partition that is held or dropped is not paused for its slowness any more."""
    for leave in (Shelf.hold, lambda shelf, at: shelf.drop([at])):
        shelf = roomy()
        shelf.pass_through(records(A, 0, 2 * FEW), 0.0)
        shelf.pass_through(records(B, 0, 1), 0.0)
        shelf.weigh(LONG)
        leave(shelf, A)
        shelf.weigh(LONG)
        assert shelf.unwanted == shelf.held
        assert shelf.room() == LIMIT - 1


def test_one_without_room() -> None:
    """A partition without room keeps no other waiting, and is paused while more than a few of it lie here."""
    shelf = roomy()
    shelf.drop([A])
    shelf.ask(1000)
    shelf.pass_through(records(A, 0, FEW), 0.0)
    assert [record.at for record in shelf.pass_through(records(B, 0, 3), 0.0)] == [B] * 3
    assert shelf.waits_for_room
    assert shelf.weigh(0.0)
    assert shelf.unwanted == {A}
    shelf.allow(A, 1)
    assert shelf.take() == records(A, 0, 1)
    assert shelf.weigh(0.0)
    assert shelf.unwanted == set()
    shelf.hold(A)
    assert not shelf.waits_for_room, "it waits for its release as well"


def large(at: Partition, start: int, count: int, size: int) -> list[Record]:
    """Records of so many bytes."""
    return [Record(at, offset, None, b"x", (), 0.0, size) for offset in range(start, start + count)]


def of_bytes(most: int, unit: int = NO_BOUND) -> tuple[Shelf, HeldBytes]:
    """A shelf with room, and demand, for many records, and its bound."""
    held = HeldBytes(most, unit)
    shelf = Shelf(held)
    shelf.ask(1000)
    for at in (A, B):
        shelf.allow(at, 1000)
    return shelf, held


def test_no_more_bytes_are_read() -> None:
    """As much is read as fits where records are as large as lately; nothing while all bytes are spent."""
    shelf, held = of_bytes(1000)
    assert shelf.room() == 1000
    shelf.pass_through(large(A, 0, 2, 150), 0.0)
    assert shelf.room() == 5
    shelf.pass_through(large(A, 2, 5, 150), 0.0)
    assert (held.left, shelf.room()) == (0, 0)
    assert shelf.waits_for_room
    assert not shelf.weigh(1.0)
    assert shelf.weigh(1.0 + PATIENCE)
    assert shelf.choked
    held.ended += 150
    assert not shelf.weigh(2.0)
    assert shelf.choked, "less than a quarter is left"
    held.ended += 150
    assert shelf.weigh(3.0)
    assert not shelf.choked


def test_what_is_paused_is_thrown_away() -> None:
    """Where bytes are short what lies here of held and full partitions is thrown away, to be read again."""
    shelf, held = of_bytes(1000)
    shelf.drop([B])
    shelf.hold(A)
    shelf.pass_through(large(A, 7, 2, 100), 0.0)
    shelf.pass_through(large(B, 3, 2, 100), 0.0)
    shelf.weigh(0.0)
    assert shelf.relieve(()) == {}
    assert held.count == 400
    shelf.pass_through(large(A, 9, 2, 100), 0.0)
    shelf.allow(B, 0)
    shelf.weigh(0.0)
    assert shelf.unwanted == {A, B}
    assert shelf.relieve({A}) == {B: 3}
    assert held.count == 400
    assert shelf.relieve({B}) == {}, "bytes are not short any more"
    held.ended -= 200
    assert shelf.relieve(()) == {A: 7}
    shelf.release(A)
    assert shelf.take() == []
    assert shelf.pass_through(large(A, 7, 1, 100), 0.0) == large(A, 7, 1, 100)


def test_thrown_away() -> None:
    """What is thrown away on demand is gone, whether its partition stands in line, is held or full."""
    shelf, held = of_bytes(10_000)
    shelf.demand = 0
    shelf.pass_through(large(A, 0, 3, 100), 0.0)
    assert shelf.throw_away(A) == 0
    assert shelf.throw_away(A) is None
    assert held.count == 0
    shelf.ask(10)
    assert shelf.take() == []


def test_large_records_take_up_more_room() -> None:
    """A record has the room of as many as it has units of bytes; the last one may be larger than the rest."""
    shelf, _ = of_bytes(NO_BOUND, unit=100)
    assert len(shelf.pass_through(large(A, 0, 300, 400), 0.0)) == 250
    shelf.allow(A, 3)
    assert len(shelf.take()) == 1
    shelf.allow(A, 1)
    assert shelf.take() == []
    assert len(shelf.pass_through(large(B, 0, 1, 100), 0.0)) == 1


def test_turns_of_large_records() -> None:
    """Partitions with large records take turns one by one."""
    shelf, _ = of_bytes(NO_BOUND, unit=100)
    shelf.demand = 0
    shelf.pass_through(large(A, 0, 10, 500), 0.0)
    shelf.pass_through(large(B, 0, 10, 50), 0.0)
    shelf.ask(13)
    assert [record.at for record in shelf.take()] == [A, *[B] * 10, A, A]
