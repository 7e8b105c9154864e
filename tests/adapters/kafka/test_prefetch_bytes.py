"""The prefetch when bytes are short, and where records are large."""

from __future__ import annotations

from tests.adapters.kafka.test_prefetch import A, B
from worker.adapters.kafka.pause_reasons import PausedPartitions
from worker.adapters.kafka.prefetch import (
    PATIENCE_SECONDS,
    Prefetch,
)
from worker.core.held_bytes import NO_BOUND, HeldBytes
from worker.core.record import Partition, Record


def large(at: Partition, start: int, count: int, size: int) -> list[Record]:
    """Records of so many bytes."""
    return [Record(at, offset, None, b"x", (), 0.0, size) for offset in range(start, start + count)]


def of_bytes(most: int, unit: int = NO_BOUND, asked: int = 1000) -> tuple[Prefetch, HeldBytes]:
    """A prefetch with room, and demand, for many records, and its bound."""
    paused = HeldBytes(most, unit)
    prefetch = Prefetch(paused, PausedPartitions())
    prefetch.ask(asked)
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
    assert not prefetch.decide_pauses(1.0)
    assert prefetch.decide_pauses(1.0 + PATIENCE_SECONDS)
    assert prefetch.paused.all
    paused.ended += 150
    assert not prefetch.decide_pauses(2.0)
    assert prefetch.paused.all, "less than a quarter is left"
    paused.ended += 150
    assert prefetch.decide_pauses(3.0)
    assert not prefetch.paused.all


def test_what_is_paused_is_thrown_away() -> None:
    """Where bytes are short what lies here of held and full partitions is thrown away, to be read again."""
    prefetch, paused = of_bytes(1000)
    prefetch.drop([B])
    prefetch.pause(A)
    prefetch.pass_through(large(A, 7, 2, 100), 0.0)
    prefetch.pass_through(large(B, 3, 2, 100), 0.0)
    prefetch.decide_pauses(0.0)
    assert prefetch.relieve() == {}
    assert paused.count == 400
    prefetch.pass_through(large(A, 9, 2, 100), 0.0)
    prefetch.allow(B, 0)
    prefetch.decide_pauses(0.0)
    assert prefetch.paused.wanted({A, B}) == {A, B}
    prefetch.paused.stop(A)
    assert prefetch.relieve() == {B: 3}
    assert paused.count == 400
    assert prefetch.relieve() == {}, "bytes are not short any more"
    paused.ended -= 200
    prefetch.paused.go_on([A])
    assert prefetch.relieve() == {A: 7}
    prefetch.resume(A)
    assert prefetch.take() == []
    assert prefetch.pass_through(large(A, 7, 1, 100), 0.0) == large(A, 7, 1, 100)


def test_thrown_away() -> None:
    """What is thrown away on demand is gone, whether its partition stands in line, is held or full."""
    prefetch, paused = of_bytes(10_000, asked=0)
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
    prefetch, _ = of_bytes(NO_BOUND, unit=100, asked=0)
    prefetch.pass_through(large(A, 0, 10, 500), 0.0)
    prefetch.pass_through(large(B, 0, 10, 50), 0.0)
    prefetch.ask(13)
    assert [record.at for record in prefetch.take()] == [A, *[B] * 10, A, A]
